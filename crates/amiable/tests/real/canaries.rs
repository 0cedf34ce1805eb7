//! What must not be in an AMI is not, down to the bytes of its disk.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use crate::agent::{Agent, aloud, configure, real_farm, succeed};
use crate::farm::Farm;

const CONFIG: &str = r#"
[template.agent]
script = ["disks", { path = "setup", args = ["it's", "$HOME"] }]
volumes = [
    { device = "/dev/sdf", size = 1 },
    { device = "/dev/sdg", size = 1, keep = false },
]
verify = "verify"
seal = { script = "seal" }
user_data = "user-data"
# As for a base without cloud-init.
key_pair = "temporary"
host_key = "console"
agent = { kind = "jenkins", java = "true", remote_root = "/srv/jenkins", init_has_run = true }
[template.agent.env]
TOKEN = { from_env = "CANARY" }
PLAIN = "it's $plain"
"#;

/// Gives both disks a file system and a file. The machine has no udev rules of EC2's: they are the disks
/// without partitions, in their order.
const DISKS: &str = r#"#!/bin/bash -e
[ $# = 0 ]
set -- $(lsblk -dnbo NAME,SIZE | awk '$2 == 1073741824 { print $1 }')
[ $# = 2 ]
for it in "$1 kept" "$2 builders"; do
    set -- $it
    mkfs.ext4 -q "/dev/$1"
    mount "/dev/$1" /mnt
    echo "canary-$2-disk" > "/mnt/$2"
    umount /mnt
done
"#;

/// The words are put together in the guest, so that no log or command line has them whole.
const SETUP: &str = r#"#!/bin/bash -e
[ "$*" = "it's \$HOME" ]
# What `env` says is in the environment, and in no argument of any process.
[ "$TOKEN $PLAIN" = "canary-$(echo variable) it's \$plain" ]
if ps axww -o args | grep "canary-variabl[e]"; then exit 9; fi
echo "the token is $TOKEN, for $AMIABLE_TEMPLATE $AMIABLE_GENERATION"
mkdir /srv/jenkins
chown debian /srv/jenkins
plant() { for file; do mkdir -p "$(dirname "$file")"; echo "canary-$mark" >> "$file"; done; }
mark=history plant /root/.bash_history /home/debian/.bash_history /home/debian/.python_history
mark=credentials plant /root/.git-credentials /home/debian/.aws/credentials /home/debian/.config/breezy/authentication.conf
mark=log plant /var/log/agent.log
mark=crash plant /var/crash/agent.crash /var/lib/systemd/coredump/core.agent
logger "canary-$(echo log)"
mark=deleted plant /home/debian/secret /var/tmp/secret
mark=sealed plant /etc/agent-secret
mark=kept plant /etc/agent
# Half a MiB, so that it is not in the journal of the file system alone.
yes "canary-$(echo deleted) many" | head -n 20000 > /root/many || true
sync
rm /home/debian/secret /var/tmp/secret /root/many
"#;

/// Prints what no two instances have in common, a line for each.
const IDENTITY: &str = "cat /etc/machine-id /etc/ssh/ssh_host_*_key.pub | cut -d' ' -f1,2 | sort";

/// All disk layers of the farm's endpoint, each with what is below it, as raw bytes.
fn flattened(farm: &Farm) -> Vec<PathBuf> {
    let layers = std::fs::read_dir(farm.path("local/layers")).unwrap();
    let layers: Vec<PathBuf> = layers.map(|entry| entry.unwrap().path()).collect();
    let flatten = |(count, layer): (usize, &PathBuf)| {
        let raw = farm.path(&format!("flattened-{count}"));
        let (from, to) = (layer.to_str().unwrap(), raw.to_str().unwrap());
        succeed(farm.command("qemu-img", &["convert", "-U", "-O", "raw", from, to]));
        raw
    };
    layers.iter().enumerate().map(flatten).collect()
}

/// The secrets that were planted, and login keys of a bake, that each of the disks has
/// anywhere.
fn secrets(farm: &Farm, disk: &Path) -> BTreeSet<String> {
    // Of the disk's bytes, whatever they are: one look for all, as disks are large.
    let pattern = "canary-[a-z-]+|ssh-ed25519 [A-Za-z0-9+/=]+ amiable-[0-9a-f]{12}";
    let mut grep = farm.command("grep", &["-a", "-o", "-E", pattern, disk.to_str().unwrap()]);
    let output = grep.env("LC_ALL", "C").output().unwrap();
    assert!(matches!(output.status.code(), Some(0 | 1)), "{output:?}");
    String::from_utf8(output.stdout).unwrap().lines().map(String::from).collect()
}

/// What each of the endpoint's disks has.
pub(crate) fn secrets_on_disks(farm: &Farm) -> Vec<BTreeSet<String>> {
    let disks = flattened(farm);
    let found: Vec<BTreeSet<String>> = disks.iter().map(|disk| secrets(farm, disk)).collect();
    eprintln!("canaries: of {} disks: {found:?}", disks.len());
    disks.iter().for_each(|disk| std::fs::remove_file(disk).unwrap());
    found
}

pub(crate) fn none_is_left() {
    let (farm, _) = real_farm();
    configure(&farm, CONFIG);
    farm.write("source/setup", SETUP);
    farm.write("source/disks", DISKS);
    farm.write("source/seal", "#!/bin/sh -e\nrm /etc/agent-secret\n");
    let verify = format!(
        "#!/bin/sh -e\ntest -n \"$TOKEN\"\ntest -d /srv/jenkins\n{IDENTITY} | sed 's/^/mine: /'\n"
    );
    farm.write("source/verify", &verify);
    farm.write("source/data", "canary-checkout\n");
    farm.write(
        "user-data",
        "#cloud-config\n# canary-user-data\nruncmd:\n- [touch, /etc/own-user-data-was-run]\n",
    );
    let mut create = farm.command("amiable", &["create", "agent"]);
    create.env("CANARY", "canary-variable");
    let (status, ami, told) = aloud(create, "create agent");
    assert_eq!(status, Some(0), "{told}");
    assert!(told.contains("the token is ***, for agent 1"), "{told}");
    let info = farm.stdout(&["info", "agent"]);
    assert!(!info.contains("verified      never"), "{info}");
    farm.wait_until_empty();

    // Neither logs, nor the console, nor the endpoint's own records, nor a disk have it.
    let mut grep = farm.command("grep", &["-rlaE", "canary-variable", "."]);
    let output = grep.output().unwrap();
    assert_eq!(String::from_utf8_lossy(&output.stdout), "", "{output:?}");

    let found = secrets_on_disks(&farm);
    // What scripts delete themselves stays in free space: plain.rs has that overwritten. On a slow machine
    // that goes for what cloud-init has written and replaced at boot, too.
    let stays = ["canary-deleted", "canary-kept", "canary-sealed"];
    let stays = BTreeSet::from(stays.map(String::from));
    let but_user_data = found.into_iter().map(|mut it| {
        it.remove("canary-user-data");
        it
    });
    let mut found: Vec<BTreeSet<String>> = but_user_data.collect();
    // The second volume is in the AMI, the third is nowhere any more.
    let second = BTreeSet::from(["canary-kept-disk".to_owned()]);
    assert!(found.contains(&second), "{found:?}");
    found.retain(|it| *it != second);
    let with_all = found.iter().filter(|it| **it == stays).count();
    assert_eq!(with_all, 1, "the search finds what is to stay: {found:?}");
    assert!(found.iter().all(|it| it.is_empty() || *it == stays), "{found:?}");

    let one = Agent::start(&farm, &ami);
    let own = one.ask(IDENTITY);
    let verified = told.lines().filter_map(|line| Some(line.split_once("| mine: ")?.1));
    let verified: Vec<&str> = verified.collect();
    let common: Vec<&str> = own.lines().filter(|line| verified.contains(line)).collect();
    assert!(own.lines().count() >= 3 && verified.len() >= 3 && common.is_empty(), "{own}\n{told}");
    let disk = "set -- $(lsblk -dnbo NAME,SIZE | awk '$2 == 1073741824 { print $1 }'); \
                sudo mount /dev/$1 /mnt && echo $# && ls /mnt";
    assert_eq!(
        one.ask(disk).split_whitespace().collect::<Vec<&str>>(),
        ["1", "kept", "lost+found"]
    );
    assert_eq!(one.ask("ls ~/.hudson-run-init"), "/home/debian/.hudson-run-init");
    assert_eq!(one.ask("ls /etc/own-user-data-was-run"), "/etc/own-user-data-was-run");
    assert_eq!(one.ask("ls -d /var/tmp/amiable-* 2>/dev/null"), "");
    assert_eq!(one.ask("wc -l < .ssh/authorized_keys"), "1");
    // Of the builder's user data no file is left: this instance was given none. The journal has what sudo ran,
    // so the words are not in the command.
    assert_eq!(one.ask("sudo grep -rls 'canary-[u]ser-data' /etc /home /opt /root /srv /var"), "");
    one.terminate();
}
