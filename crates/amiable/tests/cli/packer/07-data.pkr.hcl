data "amazon-ami" "debian" {
  filters = {
    name         = "debian-12-amd64-*"
    architecture = "x86_64"
  }
  owners      = ["136693071363"]
  most_recent = true
  region      = "us-east-1"
}

data "amazon-parameterstore" "al" {
  name = "/aws/service/ami-amazon-linux-latest/al2023-ami-kernel-default-x86_64"
}

data "http" "x" {
  url = "https://example.org"
}

source "amazon-ebs" "debian" {
  region        = "us-east-1"
  source_ami    = data.amazon-ami.debian.id
  instance_type = "t3.small"
  ssh_username  = "admin"
  ami_name      = "debian-${formatdate("YYYY-MM-DD", timestamp())}"
}

source "amazon-ebs" "amazon" {
  region        = "us-east-1"
  source_ami    = data.amazon-parameterstore.al.value
  instance_type = "t3.small"
  ssh_username  = "ec2-user"
  ami_name      = "amazon-linux"
}

build {
  sources = ["source.amazon-ebs.debian", "source.amazon-ebs.amazon"]
  provisioner "shell" {
    script = "scripts/base.sh"
  }
}
