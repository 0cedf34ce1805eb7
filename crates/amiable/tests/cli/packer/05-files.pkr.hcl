source "amazon-ebs" "files" {
  region           = "us-east-1"
  source_ami       = "ami-0123456789abcdef0"
  instance_type    = "t3.micro"
  ssh_username     = "debian"
  ami_name         = "files"
  user_data_file   = "files/user-data.yaml"
}

build {
  sources = ["source.amazon-ebs.files"]

  provisioner "file" {
    source      = "files/app.conf"
    destination = "/tmp/app.conf"
  }
  provisioner "file" {
    source      = "files/conf.d"
    destination = "/tmp"
  }
  provisioner "file" {
    content     = "written here"
    destination = "note.txt"
  }
  provisioner "shell" {
    inline = ["sudo mv /tmp/app.conf /etc/app.conf", "cat note.txt"]
  }
  provisioner "file" {
    direction   = "download"
    source      = "/var/log/setup.log"
    destination = "setup.log"
  }
}
