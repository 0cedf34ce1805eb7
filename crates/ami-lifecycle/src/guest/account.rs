//! What the login user may do on a machine, asked before any script is run: what amiable itself could not
//! start is not the script's fault.

use crate::guest::shell::{AS_ROOT, make_work, quote};

/// Begins a line that tells what is wrong, with its kind.
const FAULT_LINE: &str = "amiable-fault ";
/// Tells that nothing in the folder of the checkout can be executed.
const NOEXEC_LINE: &str = "amiable-noexec";

/// Why the scripts could not be started on a machine.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AccountFault {
    /// The login user cannot become root.
    #[error("the login user {user} cannot become root on the instance: {reason}")]
    NoRoot {
        /// The login user.
        user: String,
        /// What sudo says.
        reason: String,
    },
    /// There is no user as whom the scripts are to run.
    #[error("the instance has no user {0} to run the scripts as")]
    NoUser(String),
    /// Nothing may be run as that user.
    #[error("no command can be run as {user} on the instance: {reason}")]
    NotAs {
        /// The user.
        user: String,
        /// What sudo or runuser says.
        reason: String,
    },
    /// There is no place for the checkout.
    #[error("the folder of the checkout could not be made on the instance: {0}")]
    NoFolder(String),
}

impl AccountFault {
    /// What the user can do.
    #[must_use]
    pub fn hint(&self) -> String {
        match self {
            AccountFault::NoRoot { .. } => {
                "`ssh_user` must be root, or a user who can use sudo without a password or \
                 terminal: NOPASSWD, and no requiretty, in the base's sudoers"
                    .into()
            }
            AccountFault::NoUser(_) => {
                "`run_as` must be a user that the base has; the script can switch to users that it \
                 adds with `sudo -u`"
                    .into()
            }
            AccountFault::NotAs { .. } => {
                "`run_as` must be a user that `ssh_user` may run programs as (sudoers)".into()
            }
            AccountFault::NoFolder(_) => "set `workdir` to another folder".into(),
        }
    }

    /// Of what the machine has told. Pure.
    fn read(line: &str, user: &str, run_as: &str) -> Option<AccountFault> {
        let (kind, reason) = line.strip_prefix(FAULT_LINE)?.split_once(' ')?;
        let (reason, user, run_as) = (reason.trim().to_owned(), user.to_owned(), run_as.to_owned());
        Some(match kind {
            "root" => AccountFault::NoRoot { user, reason },
            "user" => AccountFault::NoUser(run_as),
            "as" => AccountFault::NotAs { user: run_as, reason },
            _ => AccountFault::NoFolder(reason),
        })
    }
}

/// What a machine has told about its account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Account {
    pub(crate) fault: Option<AccountFault>,
    /// What is executable in the folder of the checkout cannot be executed there.
    pub(crate) is_noexec: bool,
}

impl Account {
    pub(crate) fn read(lines: &[String], user: &str, run_as: &str) -> Account {
        Account {
            fault: lines.iter().find_map(|line| AccountFault::read(line, user, run_as)),
            is_noexec: lines.iter().any(|line| line == NOEXEC_LINE),
        }
    }
}

/// Tries what the scripts need; a line for what is missing.
pub(crate) fn examine(work: &str, run_as: Option<&str>) -> String {
    let user = quote(run_as.unwrap_or("root"));
    format!(
        "umask 022\n{AS_ROOT}\n\
         fault() {{ echo \"{FAULT_LINE}$*\"; exit 0; }}\n\
         if [ \"$(id -u)\" != 0 ]; then\n\
         \x20 command -v sudo >/dev/null 2>&1 || fault root there is no sudo\n\
         \x20 said=$(sudo -n -H -- true 2>&1 </dev/null) || fault root \"$(echo \"$said\" | tail -n 1)\"\n\
         fi\n\
         id -u {user} >/dev/null 2>&1 || fault user .\n\
         if [ \"$(id -un)\" = {user} ]; then :\n\
         elif [ \"$(id -u)\" = 0 ]; then\n\
         \x20 said=$(runuser -u {user} -- true 2>&1 </dev/null) || fault as \"$(echo \"$said\" | tail -n 1)\"\n\
         else\n\
         \x20 said=$(sudo -n -H -u {user} -- true 2>&1 </dev/null) || fault as \"$(echo \"$said\" | tail -n 1)\"\n\
         fi\n\
         said=$({{ {make}}} 2>&1) || fault folder \"$(echo \"$said\" | tail -n 1)\"\n\
         {{ [ -w {work} ] && [ -x {work} ]; }} || fault folder \"$(id -un) may not write to it\"\n\
         echo 'exit 0' > {probe} && chmod 755 {probe}\n\
         [ ! -f {probe} ] || [ -x {probe} ] || echo {NOEXEC_LINE}\n\
         rm -f {probe}\n",
        make = make_work(work),
        work = quote(work),
        probe = quote(&format!("{work}/probe")),
    )
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::*;
    use crate::guest::remote::tests::{sh, write_program};

    /// Asks a machine whose `id` and `sudo` are these.
    fn ask(programs: &[(&str, &str)], run_as: Option<&str>) -> Account {
        let dir = tempfile::tempdir().unwrap();
        for (name, text) in programs {
            write_program(&dir.path().join(name), &format!("#!/bin/sh\n{text}\n"));
        }
        let text = examine(&format!("{}/work", dir.path().display()), run_as);
        let text = format!("PATH={}:$PATH\n{text}", dir.path().display());
        let output = sh(&text, dir.path());
        assert!(output.status.success(), "{output:?}");
        let told: Vec<String> =
            String::from_utf8(output.stdout).unwrap().lines().map(String::from).collect();
        Account::read(&told, "debian", run_as.unwrap_or("root"))
    }

    const DEBIAN: (&str, &str) = (
        "id",
        "case $* in -u) echo 1000;; -un) echo debian;; '-u nosuch') exit 1;; *) echo 1;; esac",
    );

    #[test]
    fn what_keeps_scripts_from_being_started_is_told_by_its_cause() {
        let fine = Account { fault: None, is_noexec: false };
        let sudo = ("sudo", "while [ \"$1\" != -- ]; do shift; done; shift; exec \"$@\"");
        assert_eq!(ask(&[DEBIAN, sudo], None), fine);
        assert_eq!(ask(&[DEBIAN, sudo], Some("debian")), fine);
        for said in ["sudo: a password is required", "sudo: sorry, you must have a tty to run sudo"]
        {
            let sudo = format!("echo first >&2; echo '{said}' >&2; exit 1");
            let told = ask(&[DEBIAN, ("sudo", &sudo)], None).fault.unwrap().to_string();
            assert_eq!(
                told,
                format!("the login user debian cannot become root on the instance: {said}")
            );
        }
        let told = ask(&[DEBIAN, sudo], Some("nosuch")).fault;
        assert_eq!(told, Some(AccountFault::NoUser("nosuch".into())));
        let sudo = "case $* in *jenkins*) echo 'not allowed' >&2; exit 1;; esac";
        let told = ask(&[DEBIAN, ("sudo", sudo)], Some("jenkins")).fault.unwrap().to_string();
        assert_eq!(told, "no command can be run as jenkins on the instance: not allowed");
    }

    #[test]
    #[expect(clippy::print_stderr, reason = "why a test is skipped should not be mute")]
    fn a_folder_in_which_nothing_can_be_executed_is_told() {
        let dir = tempfile::tempdir().unwrap();
        let here = dir.path().display();
        for (options, is_noexec) in [("noexec", true), ("exec", false)] {
            let text = examine(&format!("{here}/work"), Some("root"));
            let mount = format!("mount -t tmpfs -o {options} it {here} || exit 99");
            let text = format!("umask 077\n{mount}\n{text}[ \"$(stat -c %a {here}/work)\" = 755 ]");
            let output = Command::new("unshare").args(["-rm", "sh", "-c", &text]).output().unwrap();
            if output.status.code() == Some(99) {
                return eprintln!("skipped: no name spaces for a file system on this machine");
            }
            assert!(output.status.success(), "{output:?}");
            let told = String::from_utf8(output.stdout).unwrap();
            assert_eq!(told.contains(NOEXEC_LINE), is_noexec, "{told}");
        }
    }

    #[test]
    fn it_is_a_command_that_a_posix_shell_reads() {
        let output = Command::new("sh").args(["-nc", &examine("/it's", Some("it's"))]).output();
        assert!(output.unwrap().status.success());
    }
}
