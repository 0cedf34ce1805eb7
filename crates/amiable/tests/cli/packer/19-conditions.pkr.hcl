variable "production" {
  type    = bool
  default = false
}
variable "sizes" {
  default = { small = "t3.small", large = "m7i.large" }
}
locals {
  size  = var.production ? var.sizes["large"] : var.sizes.small
  users = [for it in ["1", "2"] : "12345678901${it}"]
  name  = format("%s-%s", "conditions", local.size)
}
source "amazon-ebs" "conditions" {
  region        = "us-east-1"
  source_ami    = "ami-0123456789abcdef0"
  instance_type = local.size
  ami_users     = local.users
  ssh_username  = "admin"
  ami_name      = replace(local.name, ".", "-")
}
build {
  sources = ["source.amazon-ebs.conditions"]
  provisioner "shell" {
    inline = ["echo ${lower("ABC")}", "%{ if var.production }echo production%{ else }echo test%{ endif }"]
  }
}
