packer {
  required_plugins {
    amazon = {
      version = ">= 1.2.8"
      source  = "github.com/hashicorp/amazon"
    }
  }
}

variable "region" {
  type    = string
  default = "us-east-1"
}

variable "version" {
  type = string
}

variable "token" {
  type      = string
  sensitive = true
  default   = "hunter2"
}

variable "proxy" {
  default = env("HTTP_PROXY")
}

locals {
  stamp = regex_replace(timestamp(), "[- TZ:]", "")
  name  = "agent-${local.stamp}"
  tags  = { Team = "ci", Version = var.version }
}

source "amazon-ebs" "agent" {
  region        = var.region
  instance_type = "m7g.large"
  ssh_username  = "ubuntu"
  ami_name      = local.name
  tags          = merge(local.tags, { Base = "{{ .SourceAMI }}", Name = "agent" })
  run_tags      = local.tags

  source_ami_filter {
    filters = {
      name                = "ubuntu/images/*/ubuntu-noble-24.04-arm64-server-*"
      root-device-type    = "ebs"
      virtualization-type = "hvm"
    }
    owners      = ["099720109477"]
    most_recent = true
  }
}

build {
  sources = ["source.amazon-ebs.agent"]

  provisioner "shell" {
    environment_vars = ["ROLE=agent", "VERSION=${var.version}", "TOKEN=${var.token}", "PROXY=${var.proxy}"]
    execute_command  = "chmod +x {{ .Path }}; sudo {{ .Vars }} {{ .Path }}"
    scripts          = ["${path.root}/scripts/base.sh", "${path.root}/scripts/agent.sh"]
  }

  post-processor "manifest" {
    output = "manifest.json"
  }
}
