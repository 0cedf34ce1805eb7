//! Machines of the other architecture, which boot through UEFI.

use crate::agent::{aloud, configure, real_farm_from_arch};

const CONFIG: &str = r#"
[template.agent]
arch = "arm64"
instance_type = "t4g.small"
script = "setup"
verify = "verify"
"#;

/// Packages of that architecture, and a kernel that the AMI must boot with.
const SETUP: &str = "#!/bin/sh -ex\n[ \"$(uname -m)\" = aarch64 ]\napt-get update\n\
    apt-get install -y hello\ndpkg-reconfigure \"linux-image-$(uname -r)\"\nsync\n";

const VERIFY: &str = "#!/bin/sh -ex\nuname -m\nhello\n";

pub(crate) fn is_baked() {
    let (farm, _) = real_farm_from_arch("AMIABLE_TEST_ARM64_IMAGE", "arm64");
    configure(&farm, CONFIG);
    farm.write("source/setup", SETUP);
    farm.write("source/verify", VERIFY);
    let (status, id, text) = aloud(farm.command("amiable", &["create", "agent"]), "create arm64");
    assert_eq!(status, Some(0), "{text}");
    for line in ["| aarch64\n", "| Hello, world!\n"] {
        assert!(text.contains(line), "{line:?} is not in {text}");
    }
    let image = crate::agent::aws(
        &farm,
        &["ec2", "describe-images", "--image-ids", id.trim(), "--query", "Images[].Architecture"],
    );
    assert_eq!(image, "arm64");
    farm.wait_until_empty();
}
