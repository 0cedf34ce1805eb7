source "amazon-ebs" "network" {
  region                      = "us-east-1"
  source_ami                  = "ami-0123456789abcdef0"
  instance_type               = "t3.large"
  ssh_username                = "ubuntu"
  ssh_interface               = "private_ip"
  ssh_timeout                 = "20m"
  ssh_bastion_host            = "bastion.example.org"
  ssh_bastion_username        = "ops"
  ssh_bastion_port            = 2222
  ami_name                    = "network"
  associate_public_ip_address = true
  temporary_security_group_source_cidrs = ["198.51.100.0/24"]

  vpc_filter {
    filters = {
      "tag:Class" = "build"
    }
  }
  subnet_filter {
    filters = {
      "tag:Class" = "build"
      "availability-zone" = "us-east-1a"
    }
    most_free = true
  }
  security_group_filter {
    filters = {
      "tag:Class" = "build"
    }
  }
  metadata_options {
    http_endpoint               = "enabled"
    http_tokens                 = "required"
    http_put_response_hop_limit = 2
    instance_metadata_tags      = "enabled"
  }
  imds_support = "v2.0"
}

build {
  sources = ["source.amazon-ebs.network"]
}
