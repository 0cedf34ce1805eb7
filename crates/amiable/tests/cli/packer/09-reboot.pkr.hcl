source "amazon-ebs" "kernel" {
  region        = "us-east-1"
  source_ami    = "ami-0123456789abcdef0"
  instance_type = "t3.small"
  ssh_username  = "ubuntu"
  ami_name      = "kernel"
}

build {
  sources = ["source.amazon-ebs.kernel"]
  provisioner "shell" {
    inline            = ["sudo apt-get -y dist-upgrade", "sudo reboot"]
    expect_disconnect = true
  }
  provisioner "shell" {
    pause_before     = "30s"
    max_retries      = 3
    valid_exit_codes = [0, 100]
    script           = "scripts/base.sh"
  }
}
