source "amazon-ebs" "tags" {
  region        = "us-east-1"
  instance_type = "t3.small"
  ssh_username  = "admin"
  ami_name      = "tags"
  source_ami_filter {
    filters = {
      "tag:Release" = "stable"
      "tag:Kind"    = "base image"
      product-code  = "abc"
    }
    owners             = ["self", "123456789012"]
    include_deprecated = true
  }
  tag {
    key   = "Team"
    value = "ci"
  }
  run_tag {
    key   = "cost center"
    value = "42"
  }
  run_volume_tags = { Volume = "yes" }
  snapshot_tags   = { Team = "ci" }
}
build {
  sources = ["amazon-ebs.tags"]
  provisioner "shell" {
    inline_shebang = "/bin/bash -eux"
    inline         = ["echo 'it''s'", "echo \"$HOME\""]
  }
}
