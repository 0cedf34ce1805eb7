source "amazon-ebs" "ssm" {
  region               = "us-east-1"
  source_ami           = "ami-0123456789abcdef0"
  instance_type        = "t3.small"
  ssh_username         = "ec2-user"
  ssh_interface        = "session_manager"
  session_manager_port = 8022
  pause_before_ssm     = "10s"
  iam_instance_profile = "ssm"
  ami_name             = "ssm"
  temporary_iam_instance_profile_policy_document {
    Version = "2012-10-17"
    Statement {
      Effect   = "Allow"
      Action   = ["s3:GetObject"]
      Resource = ["*"]
    }
  }
}
build {
  sources = ["source.amazon-ebs.ssm"]
  provisioner "shell" {
    inline = ["uname -a"]
  }
}
