source "amazon-ebs" "volumes" {
  region        = "us-east-1"
  source_ami    = "ami-0123456789abcdef0"
  instance_type = "c7i.xlarge"
  ssh_username  = "ec2-user"
  ami_name      = "volumes"
  encrypt_boot  = true
  kms_key_id    = "alias/ci"

  launch_block_device_mappings {
    device_name           = "/dev/xvda"
    volume_size           = 40
    volume_type           = "gp3"
    iops                  = 4000
    throughput            = 250
    delete_on_termination = true
  }

  launch_block_device_mappings {
    device_name        = "/dev/sdf"
    volume_size        = 100
    volume_type        = "st1"
    omit_from_artifact = true
  }

  launch_block_device_mappings {
    device_name  = "/dev/sdb"
    virtual_name = "ephemeral0"
  }

  ami_block_device_mappings {
    device_name = "/dev/sdg"
    no_device   = true
  }
}

build {
  sources = ["source.amazon-ebs.volumes"]
  provisioner "shell" {
    execute_command = "sudo -S sh -c '{{ .Vars }} {{ .Path }}'"
    inline          = ["mkfs.xfs /dev/nvme1n1"]
  }
}
