source "amazon-ebs" "commands" {
  region        = "us-east-1"
  source_ami    = "ami-0123456789abcdef0"
  ssh_username  = "admin"
  instance_type = "t3.micro"
  ami_name      = "commands-{{timestamp}}"
}
build {
  sources = ["source.amazon-ebs.commands"]
  provisioner "shell" {
    execute_command = "sudo -u postgres {{.Vars}} {{.Path}}"
    inline          = ["whoami"]
  }
  provisioner "shell" {
    execute_command = "{{ .Vars }} sudo -E bash '{{ .Path }}'"
    script          = "scripts/windows.sh"
    env             = { ONLY = "here" }
  }
  provisioner "shell" {
    inline_shebang = "/usr/bin/env python3"
    inline         = ["print('python')"]
    env            = { ALSO = "there" }
  }
}
