source "amazon-ebs" "data" {
  region        = "us-east-1"
  source_ami    = "ami-0123456789abcdef0"
  instance_type = "t3.small"
  ssh_username  = "admin"
  ami_name      = "data"
  user_data     = <<-EOT
    #cloud-config
    packages:
    - jq
  EOT
}
build {
  sources = ["source.amazon-ebs.data"]
  provisioner "shell" {
    inline = [<<-EOT
      set -x
      jq --version
    EOT
    ]
  }
}
