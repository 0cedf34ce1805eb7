variable "env" {}
variable "tags" {}
variable "list" {}
locals {
  commands = ["echo one", "echo two"]
}
source "amazon-ebs" "undecided" {
  region               = "us-east-1"
  source_ami           = "ami-0123456789abcdef0"
  ssh_username         = "admin"
  instance_type        = "t3.micro"
  ami_name             = "undecided-{{timestamp}}"
  iam_instance_profile = var.env == "prod" ? "prod-role" : "dev-role"
  ami_description      = "%{if var.env == "prod"}prod%{else}test%{endif}"
  tags                 = merge(var.tags, { Team = "x" })
  run_tags             = var.tags
  metadata_options     = var.tags
  user_data            = "#cloud-config\nhostname: ${basename("/x/y/builder")}\n"
  associate_public_ip_address = false
}
build {
  sources = ["source.amazon-ebs.undecided"]
  provisioner "shell" {
    environment_vars = var.list
    env              = { LOWER = lower(var.env), SAME = var.env }
    inline           = ["echo ${replace(var.env, "P", "Q")}"]
    inline_shebang   = var.env
    valid_exit_codes = var.list
  }
  provisioner "shell" {
    inline = [for command in local.commands : command if var.env == "prod"]
  }
  provisioner "shell" {
    only   = [var.env]
    inline = ["echo ${local.commands[var.env == "prod" ? 1 : 0]}"]
  }
  provisioner "shell" {
    env    = { OR = coalesce(var.env, "d") }
    inline = [for command in local.commands : command]
  }
}
