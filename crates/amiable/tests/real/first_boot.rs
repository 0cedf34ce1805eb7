//! A base that works on packages by itself at boot, as usual images do.

use crate::agent::{aloud, configure, real_farm_from};

const CONFIG: &str = r#"
[template.agent]
script = "setup"
verify = "verify"
"#;

/// As init scripts are, which know nothing of others.
const SETUP: &str = "#!/bin/sh -e\napt-get update\napt-get install -y hello\nhello\n";

/// The AMI's instances do what those of the base do.
const VERIFY: &str = "#!/bin/sh -ex\nhello\n\
    systemctl is-enabled apt-daily.timer apt-daily-upgrade.timer\n\
    systemctl is-active apt-daily.timer apt-daily-upgrade.timer\n";

pub(crate) fn package_work() {
    let (farm, _) = real_farm_from("AMIABLE_TEST_FIRST_BOOT_IMAGE");
    configure(&farm, CONFIG);
    farm.write("source/setup", SETUP);
    farm.write("source/verify", VERIFY);
    let (status, _, text) =
        aloud(farm.command("amiable", &["create", "agent"]), "create on first boot");
    assert_eq!(status, Some(0), "{text}");
    let waiting = "waiting for the instance's own package work: apt-daily";
    assert!(text.contains(waiting), "there was something to wait for: {text}");
    assert_eq!(text.matches("| Hello, world!\n").count(), 2, "{text}");
    farm.wait_until_empty();
}
