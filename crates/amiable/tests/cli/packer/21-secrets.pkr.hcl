variable "password" {
  sensitive = true
}
variable "dsn" {
  default   = "postgres://env:hunter2@db"
  sensitive = true
}
local "key" {
  expression = "hunter4"
  sensitive  = true
}
local "plain" {
  expression = "open"
  sensitive  = false
}
locals {
  wrapped = sensitive("hunter3")
}
source "amazon-ebs" "secrets" {
  region        = "us-east-1"
  source_ami    = "ami-0123456789abcdef0"
  ssh_username  = "admin"
  instance_type = "t3.micro"
  ami_name      = "secrets-{{timestamp}}"
}
build {
  sources = ["source.amazon-ebs.secrets"]
  provisioner "shell" {
    environment_vars = [
      "PASSWORD=${var.password}", "DSN=${var.dsn}", "KEY=${local.key}",
      "WRAPPED=${local.wrapped}", "PLAIN=${local.plain}",
    ]
    inline = ["echo $PLAIN"]
  }
  provisioner "shell" {
    inline = ["echo ${var.password} ${local.key}"]
  }
}
