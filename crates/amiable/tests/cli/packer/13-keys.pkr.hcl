source "amazon-ebs" "keys" {
  region               = "us-east-1"
  profile              = "ci"
  custom_endpoint_ec2  = "https://ec2.example.org"
  source_ami           = "ami-0123456789abcdef0"
  instance_type        = "t3.small"
  ssh_username         = "root"
  ssh_port             = 2200
  ssh_keypair_name     = "ci"
  ssh_private_key_file = "ci.pem"
  security_group_ids   = ["sg-0123456789abcdef0"]
  subnet_id            = "subnet-0123456789abcdef0"
  iam_instance_profile = "builder"
  ami_name             = "keys"
  ami_description      = "with its own key"
  shutdown_behavior    = "terminate"
  deregistration_protection {
    enabled = true
  }
  aws_polling {
    delay_seconds = 30
    max_attempts  = 100
  }
}
build {
  sources = ["source.amazon-ebs.keys"]
  provisioner "shell" {
    inline = ["id"]
  }
}
