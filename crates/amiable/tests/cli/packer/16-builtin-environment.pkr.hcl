variable "packages" {
  type    = list(string)
  default = ["git", "curl"]
}
source "amazon-ebs" "env" {
  region        = "us-east-1"
  source_ami    = "ami-0123456789abcdef0"
  instance_type = "t3.small"
  ssh_username  = "admin"
  ami_name      = "env"
}
build {
  sources = ["source.amazon-ebs.env"]
  provisioner "shell" {
    environment_vars = ["PACKAGES=${join(" ", var.packages)}", "UPPER=${upper("x")}", "PATH=/opt/bin", "1BAD=x"]
    inline           = ["sudo apt-get install -y $PACKAGES", "echo $PACKER_BUILD_NAME of $PACKER_BUILDER_TYPE"]
  }
}
