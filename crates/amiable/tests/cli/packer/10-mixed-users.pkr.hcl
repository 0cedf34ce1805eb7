source "amazon-ebs" "mixed" {
  region        = "us-east-1"
  source_ami    = "ami-0123456789abcdef0"
  instance_type = "t3.small"
  ssh_username  = "ubuntu"
  ami_name      = "mixed"
}

build {
  sources = ["source.amazon-ebs.mixed"]
  provisioner "shell" {
    execute_command = "sudo {{ .Vars }} bash {{ .Path }}"
    script          = "scripts/base.sh"
    env             = { ROLE = "one" }
  }
  provisioner "shell" {
    script = "scripts/agent.sh"
    env    = { ROLE = "two" }
  }
  provisioner "shell" {
    execute_command = "sudo {{ .Vars }} bash {{ .Path }}"
    inline          = ["whoami"]
  }
}
