variable "regions" {
  type    = list(string)
  default = ["us-east-1", "eu-west-1"]
}

source "amazon-ebs" "base" {
  region        = var.regions[0]
  ami_regions   = var.regions
  instance_type = "t3.small"
  ssh_username  = "ubuntu"
  ami_users     = ["123456789012"]
  ami_org_arns  = ["arn:aws:organizations::111122223333:organization/o-abcdef"]
}

build {
  name = "fleet"
  source "amazon-ebs.base" {
    name       = "jammy"
    source_ami = "ami-0123456789abcdef0"
    ami_name   = "fleet-jammy"
  }
  source "amazon-ebs.base" {
    name       = "noble"
    source_ami = "ami-0123456789abcdef1"
    ami_name   = "fleet-noble"
  }
  provisioner "shell" {
    only   = ["amazon-ebs.jammy"]
    inline = ["echo only on ${source.name}"]
  }
  provisioner "shell" {
    inline = ["echo on ${source.name}"]
    override = {
      noble = {
        inline = ["echo overridden"]
      }
    }
  }
}
