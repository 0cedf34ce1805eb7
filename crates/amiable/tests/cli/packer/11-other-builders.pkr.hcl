source "docker" "image" {
  image = "debian:12"
}
source "amazon-ebs" "windows" {
  region        = "us-east-1"
  source_ami    = "ami-0123456789abcdef0"
  communicator  = "winrm"
  ami_name      = "windows"
  winrm_username = "Administrator"
}
source "amazon-ebs" "linux" {
  region        = "us-east-1"
  source_ami    = "ami-0123456789abcdef0"
  communicator  = "ssh"
  instance_type = "t3.small"
  ssh_username  = "admin"
  ami_name      = "linux"
}
build {
  sources = ["source.docker.image", "source.amazon-ebs.windows", "source.amazon-ebs.linux", "source.amazon-ebs.nosuch"]
  provisioner "shell" {
    inline = ["true"]
  }
  provisioner "shell-local" {
    inline = ["echo here"]
  }
  provisioner "breakpoint" {}
  error-cleanup-provisioner "shell-local" {
    inline = ["echo failed"]
  }
}
