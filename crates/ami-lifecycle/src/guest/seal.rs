//! What is removed before a machine becomes an AMI, and how a machine that boots from
//! the AMI shows that it is gone: as text for the guest's POSIX shell.
//!
//! | part | removes |
//! |---|---|
//! | `login-keys` | the bake's login key from every authorized_keys |
//! | `cloud-init` | cloud-init's memory of the builder: user data, ids, logs |
//! | `host-keys` | SSH host keys, where cloud-init or sshd-keygen makes new ones |
//! | `machine-id` | machine-id and random seed |
//! | `credentials` | of git, Bazaar and Breezy, netrc, and the clients of AWS, Google Cloud, Azure |
//! | `histories` | of shells, less, vim, Python, SQL clients, wget |
//! | `package-caches` | what apt, dnf, yum, zypper and apk have downloaded |
//! | `logs` | rotated logs, the journal and crash dumps; other logs become empty |
//! | `free-space` | where a template asks for it: the bytes of deleted files on the root file system |
//!
//! What is removed is overwritten first, where it lies, so that no block of the disk has it any
//! more: EBS knows no TRIM, and a snapshot has every block that was ever written. That reaches
//! what is there when the machine is sealed. What others have deleted before is in free space:
//! overwriting all of that writes the whole volume. File systems that write elsewhere what is
//! overwritten (btrfs) keep the old blocks until those are used again.
//!
//! Files that hold keys are rewritten in place: their mode and owner stay.

use super::quiet::release_snaps;
use crate::guest::shell::{AS_ROOT, quote};
use crate::model::template::{JenkinsAgent, Seal, SealStep};

/// The mark by which Jenkins' EC2 plugin knows that its init script has run.
const INIT_HAS_RUN: &str = ".hudson-run-init";

/// What every home may have.
const CREDENTIALS: &str = ".git-credentials .config/git/credentials .netrc .bazaar/authentication.conf \
                           .config/breezy/authentication.conf .aws/credentials .aws/cli .aws/sso \
                           .config/gcloud/credentials.db .config/gcloud/access_tokens.db \
                           .config/gcloud/legacy_credentials .config/gcloud/application_default_credentials.json \
                           .azure/accessTokens.json .azure/msal_token_cache.json .azure/msal_token_cache.bin \
                           .azure/service_principal_entries.json";
const HISTORIES: &str = ".bash_history .ash_history .sh_history .zsh_history .histfile .local/share/fish/fish_history \
                         .python_history .lesshst .viminfo .wget-hsts .mysql_history .psql_history .sqlite_history";

/// Prints the home of everyone who has one, a line each.
const HOMES: &str = "homes() { { getent passwd 2>/dev/null || cat /etc/passwd; } | cut -d: -f6 | sort -u | \
                     while read -r home; do [ \"$home\" = / ] || [ ! -d \"$home\" ] || echo \
                                        \"$home\"; done; }\n";

/// Prints digests of machine-id and host keys, a line each.
const IDENTITY: &str = "identity() { for file in /etc/machine-id /etc/ssh/ssh_host_*_key.pub; do \
                        [ ! -s \"$file\" ] || cut -d' ' -f1,2 \"$file\" | sha256sum | cut -c1-12; \
                                 done; }\n";

/// Prints what tells one boot of the machine from the others (proc_sys_kernel(5)).
const BOOT_ID: &str = "cat /proc/sys/kernel/random/boot_id 2>/dev/null";

/// Overwrites files where they lie, and removes what is to go. A file with another name
/// elsewhere is left alone, as that one may be in use, and so is lastlog, which is sparse and would
/// grow to its full size. The blocks must be on the disk before they
/// are given up: `shred` and `dd` see to it.
const WIPE: &str = r#"zero='if command -v shred >/dev/null 2>&1; then exec shred -f -n 0 -z "$@"; fi
for file; do dd if=/dev/zero of="$file" bs=4096 count=$((($(wc -c < "$file") + 4095) / 4096)) conv=notrunc,fsync; done'
overwrite() { for it; do find "$it" -xdev -type f -links 1 -size +0 ! -name lastlog -exec sh -c "$zero" sh {} + >/dev/null 2>&1 || true; done; }
wipe() { for it; do [ ! -e "$it" ] || overwrite "$it"; rm -rf "$it"; done; }
"#;

/// How the line begins that tells the builder's identity.
pub(crate) const IDENTITY_LINE: &str = "identity ";
/// How the line begins that tells the boot under which the machine was sealed.
pub(crate) const BOOT_LINE: &str = "boot ";
/// How a line begins that the user should see.
pub(crate) const WARNING_LINE: &str = "warning ";
/// An AMI without room is of no use: logs, package lists and workspaces need some. What is kept for root is
/// not counted (df(1)), and a root that is mounted read-only is full by design.
const ROOM: &str = "set --; [ ! -w / ] || set -- $(df -Pk / 2>/dev/null | tail -n 1)\n\
    case ${2-}:${4-} in *[!0-9:]*|:*|*:) ;; *)\n\
    \x20 if [ \"$4\" = 0 ]; then fail 'no space is left on its root file system'\n\
    \x20 elif [ \"$4\" -lt 262144 ] || [ $(($4 * 20)) -lt \"$2\" ]; then\n\
    \x20   echo \"warning only $(($4 / 1024)) MiB of $(($2 / 1024)) MiB are free on its root file system\"\n\
    \x20 fi ;;\n\
    esac\n";

/// How a line begins that tells of a failed check.
pub(crate) const FAILED_LINE: &str = "failed ";

/// Seals the machine as far as somebody may still log in, and do it again. Prints the identity
/// that no instance of the AMI may have.
pub(crate) fn seal(work: &str, login_key: &str, seal: &Seal) -> String {
    let begin = format!(
        "echo {IDENTITY_LINE}$(identity)\necho {BOOT_LINE}$({BOOT_ID})\n{}wipe {}\n",
        release_snaps(work),
        quote(work)
    );
    part(&begin, login_key, seal, |step| !closes_the_door(step))
}

/// The rest of sealing, as the last command before the stop. It takes a moment only: when the
/// connection is lost meanwhile, there may be no other. After a reboot since the first part,
/// cloud-init may have begun anew: then it fails.
pub(crate) fn close_the_door(login_key: &str, seal: &Seal, boot: &str) -> String {
    let begin = format!(
        "[ \"$({BOOT_ID})\" = {} ] || {{ echo 'the machine was rebooted while it was sealed' >&2; \
         exit 1; }}\n",
        quote(boot)
    );
    part(&begin, login_key, seal, closes_the_door)
}

/// After these nobody logs in any more; and logs tell of all that was done before.
fn closes_the_door(step: SealStep) -> bool {
    use SealStep::{HostKeys, LoginKeys, Logs, MachineId};
    matches!(step, MachineId | HostKeys | LoginKeys | Logs)
}

fn part(begin: &str, login_key: &str, seal: &Seal, is_meant: fn(SealStep) -> bool) -> String {
    let mut script = format!("set -e\ncd /\n{HOMES}{IDENTITY}{WIPE}{begin}");
    for step in SealStep::ALL.into_iter().filter(|step| is_meant(*step) && seal.does(*step)) {
        script += &step_text(step, login_key);
    }
    script += "sync\n";
    format!("{AS_ROOT}\nas_root sh -c {}\n", quote(&script))
}

fn step_text(step: SealStep, login_key: &str) -> String {
    match step {
        SealStep::LoginKeys => format!(
            "homes | while read -r home; do for file in \"$home\"/.ssh/authorized_keys \"$home\"/.ssh/authorized_keys2; do\n\
             \x20 [ -f \"$file\" ] || continue\n\
             \x20 rest=$(grep -vF -e {key} \"$file\" || true)\n\
             \x20 overwrite \"$file\"\n\
             \x20 printf '%s' \"${{rest:+$rest\n}}\" > \"$file\"\n\
             done; done\n",
            key = quote(login_key)
        ),
        SealStep::CloudInit => {
            "if command -v cloud-init >/dev/null 2>&1; then\n\
             \x20 wipe /var/lib/cloud/instance /var/lib/cloud/instances /var/lib/cloud/data /var/lib/cloud/sem\n\
             \x20 overwrite /var/log/cloud-init.log /var/log/cloud-init-output.log\n\
             \x20 cloud-init clean --logs >/dev/null 2>&1 || true\n\
             fi\n"
            .into()
        }
        // Where nothing makes new ones, a machine without any would let nobody in.
        SealStep::HostKeys => format!(
            "if command -v cloud-init >/dev/null 2>&1 || ls /lib/systemd/system/sshd-keygen* /etc/systemd/system/sshd-keygen* 2>/dev/null | grep -q .; then\n\
             \x20 wipe /etc/ssh/ssh_host_*_key /etc/ssh/ssh_host_*_key.pub\n\
             else echo '{WARNING_LINE}the host keys stay in the AMI: nothing on this base makes new ones'\n\
             fi\n"
        ),
        SealStep::MachineId => "if [ -f /etc/machine-id ]; then : > /etc/machine-id; fi\n\
             [ -L /var/lib/dbus/machine-id ] || rm -f /var/lib/dbus/machine-id\n\
             wipe /var/lib/systemd/random-seed /var/lib/urandom/random-seed\n"
            .into(),
        SealStep::Credentials => in_homes(CREDENTIALS),
        SealStep::Histories => in_homes(HISTORIES),
        SealStep::PackageCaches => {
            "if command -v apt-get >/dev/null 2>&1; then apt-get clean || true; rm -rf /var/lib/apt/lists/*; fi\n\
             for tool in dnf yum; do if command -v $tool >/dev/null 2>&1; then $tool -q clean all >/dev/null 2>&1 || true; fi; done\n\
             rm -rf /var/cache/dnf /var/cache/yum\n\
             if command -v zypper >/dev/null 2>&1; then zypper -q clean -a >/dev/null 2>&1 || true; fi\n\
             rm -rf /var/cache/apk/*\n"
            .into()
        }
        SealStep::Logs => {
            // journald reserves 8 MiB for each file that it writes to; what it has rotated has no
            // more than its contents, and the new files have next to nothing.
            "if journalctl --rotate >/dev/null 2>&1; then\n\
             \x20 find /var/log/journal -type f -name '*.journal' ! -name '*@*' -exec rm -f {} + 2>/dev/null || true\n\
             fi\n\
             # Memory and environment of what has crashed, which may have had secrets.\n\
             for dir in /var/lib/systemd/coredump /var/crash; do [ ! -d \"$dir\" ] || { overwrite \"$dir\"; rm -rf \"$dir\"/*; }; done\n\
             overwrite /var/log\n\
             rm -rf /var/log/journal/*\n\
             find /var/log -xdev -type f \\( -name '*.gz' -o -name '*.xz' -o -name '*.[0-9]' -o -name '*.old' \\) -delete\n\
             find /var/log -xdev -type f -size +0 -exec sh -c 'for file; do : > \"$file\"; done' sh {} +\n"
                .into()
        }
        // TRIM alone leaves what shares a block of the disk with something that is used: zeros
        // reach everything. What was deleted a moment ago
        // counts as free once it is committed. ext4 keeps the last 4096 clusters back for
        // itself (<https://www.kernel.org/doc/html/latest/admin-guide/ext4.html>,
        // reserved_clusters, until the next mount), and fills single holes last: the later
        // rounds reach those that the large writes of the first one have left.
        SealStep::FreeSpace => "sync\n\
             for reserved in /sys/fs/ext4/*/reserved_clusters; do [ ! -w \"$reserved\" ] || echo 0 > \"$reserved\"; done\n\
             for size in 4M 4k 4k; do\n\
             \x20 dd if=/dev/zero of=/amiable-free-space-$size bs=$size oflag=append conv=notrunc >/dev/null 2>&1 || true\n\
             \x20 sync\n\
             done\n\
             rm -f /amiable-free-space-*\n\
             sync\n\
             ! command -v fstrim >/dev/null 2>&1 || fstrim / >/dev/null 2>&1 || true\n"
            .into(),
    }
}

fn in_homes(names: &str) -> String {
    format!(
        "homes | while read -r home; do for name in {names}; do wipe \"${{home:?}}/$name\"; done; \
         done\n"
    )
}

/// Leaves or removes the mark that the init script has run, for the login user.
pub(crate) fn init_mark(has_run: bool) -> String {
    if has_run { format!("touch ~/{INIT_HAS_RUN}\n") } else { format!("rm -f ~/{INIT_HAS_RUN}\n") }
}

/// What a new machine is compared with.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Expected<'a> {
    /// The builder's identity, as sealing told it.
    pub(crate) identity: &'a str,
    /// The comment of this machine's own login key.
    pub(crate) own_comment: &'a str,
    /// Where checkouts get their folders.
    pub(crate) workdir: &'a str,
    pub(crate) seal: &'a Seal,
    pub(crate) agent: Option<&'a JenkinsAgent>,
}

/// Checks a machine that has booted from the AMI: a line for each check that failed,
/// and status 1 when there is one.
pub(crate) fn checks(expected: &Expected<'_>) -> String {
    let mut root = format!(
        "set -u\nstatus=0\nfail() {{ echo \"{FAILED_LINE}$*\"; status=1; }}\n{HOMES}{IDENTITY}\
         for work in {workdir}/amiable-*; do [ ! -e \"$work\" ] || fail \"the checkout is still \
                                        there: $work\"; done\n{ROOM}",
        workdir = quote(expected.workdir)
    );
    let seal = expected.seal;
    if seal.does(SealStep::MachineId) {
        root +=
            "[ ! -e /etc/machine-id ] || [ -s /etc/machine-id ] || fail 'it has no machine-id'\n";
    }
    if seal.does(SealStep::MachineId) && seal.does(SealStep::HostKeys) {
        root += &format!(
            "old={}\nfor id in $(identity); do case \" $old \" in *\" $id \"*) \
             fail 'machine-id or a host key is the same as on the builder' ;; esac; done\n",
            quote(expected.identity)
        );
    }
    if seal.does(SealStep::LoginKeys) {
        root += &format!(
            "for key in $(homes | while read -r home; do cat \"$home\"/.ssh/authorized_keys* 2>/dev/null; done | \
             grep -o ' amiable-[0-9a-f]*$' | sort -u); do\n\
             \x20 [ \"$key\" = {own} ] || fail \"a login key of a bake is still let in: $key\"\n\
             done\n",
            own = quote(expected.own_comment)
        );
    }
    if seal.does(SealStep::CloudInit) {
        root += "if [ -d /var/lib/cloud/instances ]; then\n\
                 \x20 count=$(ls /var/lib/cloud/instances | wc -l)\n\
                 \x20 [ \"$count\" -le 1 ] || fail \"cloud-init remembers $((count - 1)) other instances\"\n\
                 fi\n";
    }
    for (step, names) in [(SealStep::Histories, HISTORIES), (SealStep::Credentials, CREDENTIALS)] {
        if seal.does(step) {
            root += &format!(
                "for file in $(homes | while read -r home; do for name in {names}; do \
                 [ ! -e \"$home/$name\" ] || echo \"$home/$name\"; done; done); do \
                 fail \"$file is still there\"; done\n"
            );
        }
    }
    root += "exit $status\n";
    let mut text = format!("{AS_ROOT}\nstatus=0\nas_root sh -c {} || status=1\n", quote(&root));
    if let Some(agent) = expected.agent {
        text += &jenkins_checks(agent);
    }
    text + "exit $status\n"
}

/// What Jenkins does to an agent, as the user that it logs in as.
fn jenkins_checks(agent: &JenkinsAgent) -> String {
    let java = quote(&agent.java);
    let root = agent.remote_root.as_deref().map_or("\"$HOME\"".to_owned(), quote);
    let mark = if agent.init_has_run {
        format!(
            "[ -e ~/{INIT_HAS_RUN} ] || fail 'Jenkins would run its init script: ~/{INIT_HAS_RUN} \
             is missing'\n"
        )
    } else {
        format!(
            "[ ! -e ~/{INIT_HAS_RUN} ] || fail 'Jenkins would not run its init script: \
             ~/{INIT_HAS_RUN} is there'\n"
        )
    };
    format!(
        "fail() {{ echo \"{FAILED_LINE}$*\"; status=1; }}\n\
         said=$({java} -fullversion 2>&1 </dev/null) || fail \"Java does not run: $(echo \"$said\" | tail -n 1)\"\n\
         command -v scp >/dev/null 2>&1 || fail 'there is no scp'\n\
         root={root}\n\
         if mkdir -p \"$root\" 2>/dev/null && : 2>/dev/null > \"$root/.amiable\"; then rm -f \"$root/.amiable\"; \
         else fail \"$(id -un) cannot write to the remote root folder $root\"; fi\n\
         {mark}"
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;
    use std::process::{Command, Output};

    fn keep_all_but(step: SealStep) -> Seal {
        let keep: BTreeSet<SealStep> =
            SealStep::ALL.into_iter().filter(|other| *other != step).collect();
        Seal { keep, free_space: step == SealStep::FreeSpace, script: None }
    }

    /// Runs a part of sealing for one home, as the tester.
    fn run_step(step: SealStep, home: &std::path::Path) -> Output {
        let homes = format!("homes() {{ echo {}; }}\n", quote(&home.to_string_lossy()));
        let text = format!("set -e\n{homes}{WIPE}{}", step_text(step, "ssh-ed25519 AAAAbake"));
        Command::new("sh").args(["-c", &text]).output().unwrap()
    }

    fn agent() -> JenkinsAgent {
        JenkinsAgent { java: "true".into(), remote_root: None, init_has_run: true }
    }

    #[test]
    fn a_bakes_login_key_goes_and_others_stay() {
        let home = tempfile::tempdir().unwrap();
        let ssh = home.path().join(".ssh");
        std::fs::create_dir(&ssh).unwrap();
        let own = "ssh-ed25519 AAAAown ci@farm\n";
        std::fs::write(
            ssh.join("authorized_keys"),
            format!("{own}ssh-ed25519 AAAAbake amiable-1\n"),
        )
        .unwrap();
        std::fs::write(ssh.join("authorized_keys2"), "ssh-ed25519 AAAAbake").unwrap();
        assert!(run_step(SealStep::LoginKeys, home.path()).status.success());
        assert_eq!(std::fs::read_to_string(ssh.join("authorized_keys")).unwrap(), own);
        assert_eq!(std::fs::read_to_string(ssh.join("authorized_keys2")).unwrap(), "");
    }

    #[test]
    fn histories_and_credentials_go_and_all_else_stays() {
        let home = tempfile::tempdir().unwrap();
        for name in [".bash_history", ".aws/credentials", ".config/git/credentials", ".profile"] {
            let file = home.path().join(name);
            std::fs::create_dir_all(file.parent().unwrap()).unwrap();
            std::fs::write(file, "x").unwrap();
        }
        for step in [SealStep::Histories, SealStep::Credentials] {
            assert!(run_step(step, home.path()).status.success());
        }
        let exists = |name: &str| home.path().join(name).exists();
        assert!(
            !exists(".bash_history")
                && !exists(".aws/credentials")
                && !exists(".config/git/credentials")
        );
        assert!(exists(".profile") && exists(".config/git"));
    }

    /// A folder that is all of PATH.
    fn only(programs: &[&str], bin: &std::path::Path) {
        std::fs::create_dir(bin).unwrap();
        for program in programs {
            let path = std::env::var_os("PATH").unwrap();
            let mut files = std::env::split_paths(&path).map(|folder| folder.join(program));
            let file = files.find(|file| file.is_file()).unwrap();
            std::os::unix::fs::symlink(file, bin.join(program)).unwrap();
        }
    }

    #[test]
    fn what_goes_is_overwritten_where_it_lies_and_its_other_names_are_spared() {
        use std::io::Read;
        let basic = ["sh", "find", "rm", "dd", "wc"];
        for programs in [basic.to_vec(), [&basic[..], &["shred"]].concat()] {
            let dir = tempfile::tempdir().unwrap();
            let (bin, work) = (dir.path().join("bin"), dir.path().join("it's work"));
            only(&programs, &bin);
            std::fs::create_dir_all(work.join("inner")).unwrap();
            let secret = work.join("inner/a secret");
            std::fs::write(&secret, "x".repeat(5000)).unwrap();
            let mut open = std::fs::File::open(&secret).unwrap();
            std::fs::write(work.join("shared"), "y").unwrap();
            std::fs::hard_link(work.join("shared"), dir.path().join("used")).unwrap();
            let text =
                format!("set -e\n{WIPE}wipe /nonexistent {}", quote(&work.to_string_lossy()));
            let mut shell = Command::new("sh");
            let output = shell.args(["-c", &text]).env_clear().env("PATH", &bin).output().unwrap();
            assert!(output.status.success(), "{output:?}");
            assert!(!work.exists());
            let mut bytes = Vec::new();
            open.read_to_end(&mut bytes).unwrap();
            assert!(bytes.len() >= 5000 && bytes.iter().all(|byte| *byte == 0), "{programs:?}");
            assert_eq!(std::fs::read_to_string(dir.path().join("used")).unwrap(), "y");
        }
    }

    #[test]
    fn the_door_is_closed_under_the_boot_that_was_sealed_only() {
        let nothing = Seal { keep: SealStep::ALL.into(), ..Seal::default() };
        let own = std::fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap();
        for (boot, code) in [(own.trim(), 0), ("another", 1)] {
            let text = close_the_door("key", &nothing, boot);
            // The tester stands for root.
            let text = text.replace("as_root sh -c", "sh -c");
            let output = Command::new("sh").args(["-c", &text]).output().unwrap();
            assert_eq!(output.status.code(), Some(code), "{output:?}");
        }
    }

    #[test]
    fn a_part_that_is_turned_off_is_not_done() {
        let only = keep_all_but(SealStep::Logs);
        let text = seal("/w", "key", &only) + &close_the_door("key", &only, "");
        assert!(
            text.contains("/var/log") && !text.contains("fstrim") && !text.contains("cloud-init")
        );
    }

    fn jenkins(agent: &JenkinsAgent, home: &std::path::Path) -> (bool, String) {
        let text = format!("status=0\n{}exit $status\n", jenkins_checks(agent));
        let output = Command::new("sh").args(["-c", &text]).env("HOME", home).output().unwrap();
        (output.status.success(), String::from_utf8(output.stdout).unwrap())
    }

    #[test]
    fn what_jenkins_would_miss_is_told() {
        let home = tempfile::tempdir().unwrap();
        let marked = home.path().join(INIT_HAS_RUN);
        std::fs::write(&marked, "").unwrap();
        assert_eq!(jenkins(&agent(), home.path()), (true, String::new()));
        let bad = JenkinsAgent {
            java: "no-such-java".into(),
            remote_root: Some("/proc/no".into()),
            init_has_run: false,
        };
        let (passed, text) = jenkins(&bad, home.path());
        assert!(!passed);
        assert!(text.contains("failed Java does not run: "), "{text}");
        assert!(text.contains("cannot write to the remote root folder /proc/no"), "{text}");
        assert!(text.contains("would not run its init script"), "{text}");
        assert_eq!(text.lines().count(), 3, "{text}");
    }

    #[test]
    fn a_disk_without_room_is_a_failure_and_one_with_little_a_warning() {
        let room = |kib: u64, free: u64| {
            let df = format!("df() {{ echo Filesystem; echo '/dev/x {kib} 1 {free} 1% /'; }}\n");
            let text = format!("fail() {{ echo \"failed $*\"; }}\n{df}{ROOM}");
            let output = Command::new("sh").args(["-uc", &text]).output().unwrap();
            assert!(output.status.success(), "{output:?}");
            String::from_utf8(output.stdout).unwrap()
        };
        assert_eq!(room(8_000_000, 0), "failed no space is left on its root file system\n");
        let warning = "warning only 195 MiB of 1953 MiB are free on its root file system\n";
        assert_eq!(room(2_000_000, 200_000), warning);
        assert!(room(80_000_000, 3_000_000).starts_with("warning only 2929 MiB"));
        assert_eq!(room(8_000_000, 500_000), "");
    }

    #[test]
    fn every_command_is_one_that_a_posix_shell_reads() {
        let default = Seal::default();
        let agent = agent();
        let expected = Expected {
            identity: "0123456789ab",
            own_comment: "amiable-1",
            workdir: "/var/tmp",
            seal: &default,
            agent: Some(&agent),
        };
        let (first, rest) = (seal("/w", "it's", &default), close_the_door("it's", &default, "b"));
        for command in [first, rest, checks(&expected), init_mark(true)] {
            let output = Command::new("sh").args(["-nc", &command]).output().unwrap();
            assert!(output.status.success(), "{command}\n{output:?}");
        }
        // What root runs is quoted, so that its syntax shows only when it is taken out.
        for step in SealStep::ALL {
            let output = Command::new("sh").args(["-nc", &step_text(step, "it's")]).output();
            assert!(output.unwrap().status.success(), "{step:?}");
        }
    }
}
