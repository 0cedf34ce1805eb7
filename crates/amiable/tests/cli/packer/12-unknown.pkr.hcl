locals {
  loop   = local.other
  other  = local.loop
  lookup = jsondecode(file("x.json")).name
}
source "amazon-ebs" "unknown" {
  region                = "us-east-1"
  source_ami            = "ami-0123456789abcdef0"
  instance_type         = local.lookup
  ssh_username          = "admin"
  ami_name              = "unknown-${uuidv4()}"
  ami_description       = local.loop
  no_such_key           = true
  spot_price            = "auto"
  tenancy               = "dedicated"
  skip_create_ami       = true
  dynamic "tag" {
    for_each = { a = "b" }
    content {
      key   = tag.key
      value = tag.value
    }
  }
}
build {
  sources = ["source.amazon-ebs.unknown"]
  provisioner "shell" {
    inline = ["echo ${build.ID}"]
  }
}
