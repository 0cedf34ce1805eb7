source "docker" "web" {
  image = "debian"
}
source "amazon-ebs" "web" {
  region        = "us-east-1"
  source_ami_filter {
    owners = ["136693071363"]
    filter {
      name  = "name"
      value = "debian-12-*"
    }
  }
  ssh_username  = "admin"
  instance_type = "t3.micro"
  ami_name      = "web-{{timestamp}}"
}
build {
  sources = ["source.docker.web", "source.amazon-ebs.web"]
  provisioner "shell" {
    only   = ["docker.web"]
    inline = ["echo only in the container"]
  }
  provisioner "shell" {
    except = ["docker.web"]
    inline = ["echo only in the AMI"]
  }
  provisioner "shell" {
    scripts          = ["scripts/agent.sh", "scripts/other/agent.sh"]
    env              = { IFS = "x", NAMED = "y" }
    valid_exit_codes = [0, 3]
    override         = { "docker.web" = { scripts = [] } }
  }
  provisioner "file" {
    source      = "files/app.conf"
    destination = "/tmp/a/"
  }
  provisioner "file" {
    source      = "files/other/app.conf"
    destination = "~/"
  }
}
