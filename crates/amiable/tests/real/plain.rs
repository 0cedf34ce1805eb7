//! A base that has no cloud-init at all: the login key comes by an EC2 key pair, and the
//! host key is read from the console, or taken at first contact.

use std::collections::BTreeSet;

use crate::agent::{aloud, amiable, configure, real_farm_from};
use crate::canaries::secrets_on_disks;

const CONFIG: &str = r#"
script = "setup"
[template.console]
verify = "verify"
seal = { also = ["free-space"] }
key_pair = "temporary"
host_key = "console"
[template.contact]
script = "upgrade"
reboot = "allowed"
key_pair = "tester"
ssh_key_file = "key"
host_key = "first-contact"
"#;

/// The word is put together in the guest, so that no log or command line has it whole.
const SETUP: &str = r#"#!/bin/bash -e
! command -v cloud-init
date > /etc/agent
# Half a MiB, so that it is not in the journal of the file system alone.
yes "canary-$(echo deleted) many" | head -n 20000 > /root/many || true
echo "canary-$(echo deleted)" > /var/tmp/one
sync
rm /root/many /var/tmp/one
"#;

/// Neither the builder's key nor its checkout is in the AMI, but those of this machine.
const VERIFY: &str = r#"#!/bin/sh -ex
cat /etc/agent
test "$(wc -l < /home/debian/.ssh/authorized_keys)" = 1
test "$(ls -d /var/tmp/amiable-* | wc -l)" = 1
"#;

/// A script that returns before systemd has ended the machine, as scripts do.
const UPGRADE: &str = r#"#!/bin/sh -e
echo "boot $AMIABLE_BOOT"
cat /proc/sys/kernel/random/boot_id >> /var/lib/boots
if [ "$AMIABLE_BOOT" = 1 ]; then reboot; exit; fi
sort -u /var/lib/boots | wc -l
"#;

pub(crate) fn is_baked_on() {
    let (farm, _) = real_farm_from("AMIABLE_TEST_PLAIN_IMAGE");
    configure(&farm, CONFIG);
    farm.write("source/setup", SETUP);
    farm.write("source/upgrade", UPGRADE);
    farm.write("source/verify", VERIFY);
    amiable(&farm, &["create", "console"]);
    let info = farm.stdout(&["info", "console"]);
    assert!(!info.contains("verified      never"), "{info}");
    farm.wait_until_empty();
    let found = secrets_on_disks(&farm);
    assert!(found.iter().all(BTreeSet::is_empty), "free space was overwritten: {found:?}");
    let contact = ["create", "contact", "--no-verify"];
    let (status, _, text) = aloud(farm.command("amiable", &contact), "create contact");
    assert_eq!(status, Some(0), "{text}");
    assert_eq!(text.matches("because of host_key = \"first-contact\"").count(), 1, "{text}");
    assert!(text.contains("| boot 1\n") && text.contains("| boot 2\n"), "{text}");
    assert!(text.contains("contact | 2\n"), "it ran under two boots: {text}");
    farm.wait_until_empty();
}
