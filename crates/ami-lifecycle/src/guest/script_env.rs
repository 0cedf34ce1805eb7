//! The variables that a template gives its scripts, with their values.
//!
//! They go to the guest on the standard input of a command, and into a file in memory there: neither
//! arguments nor a disk has them. The file is gone when the machine ends.

use std::fmt;

use crate::guest::shell::{AS_ROOT, quote};

/// What a secret is replaced by where a script prints it.
const MASK: &[u8] = b"***";

/// What is shorter is not masked: it would hide too much else.
const SHORTEST: usize = 4;

/// Variables and their values.
#[derive(Clone, Default)]
pub(crate) struct ScriptEnv {
    values: Vec<(String, String)>,
    /// What is masked, the longest first.
    secrets: Vec<String>,
}

/// Names only.
impl fmt::Debug for ScriptEnv {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.values.iter().map(|(name, _)| name)).finish()
    }
}

impl ScriptEnv {
    /// Adds a variable.
    pub(crate) fn add(&mut self, name: &str, value: String, is_secret: bool) {
        if is_secret {
            // A script may print one of its lines alone.
            let lines = value.lines().filter(|line| line.trim().len() >= SHORTEST);
            self.secrets.extend(lines.map(str::to_owned));
            self.secrets.sort_by_key(|secret| std::cmp::Reverse(secret.len()));
        }
        self.values.push((name.to_owned(), value));
    }

    pub(super) fn is_empty(&self) -> bool {
        self.values.is_empty()
    }

    /// As text that a shell reads.
    pub(super) fn file(&self) -> String {
        let lines =
            self.values.iter().map(|(name, value)| format!("export {name}={}\n", quote(value)));
        lines.collect()
    }

    /// A line of output without the secrets.
    pub(super) fn mask(&self, line: Vec<u8>) -> Vec<u8> {
        self.secrets.iter().fold(line, |line, secret| replace(line, secret.as_bytes()))
    }
}

fn replace(line: Vec<u8>, secret: &[u8]) -> Vec<u8> {
    let find = |from: &[u8]| from.windows(secret.len()).position(|part| part == secret);
    let Some(mut at) = find(&line) else { return line };
    let (mut masked, mut rest) = (Vec::new(), line.as_slice());
    loop {
        masked.extend_from_slice(&rest[..at]);
        masked.extend_from_slice(MASK);
        rest = &rest[at + secret.len()..];
        match find(rest) {
            Some(next) => at = next,
            None => break,
        }
    }
    masked.extend_from_slice(rest);
    masked
}

/// The folders in which the file may be: in memory wherever there is one.
const PLACES: [&str; 2] = ["/run", "/dev/shm"];

fn file_in(place: &str, work: &str) -> String {
    let name = work.rsplit('/').next().unwrap_or_default();
    format!("{place}/{name}/env")
}

/// Takes the variables from standard input, for whoever runs the scripts.
pub(super) fn take(work: &str, run_as: Option<&str>) -> String {
    let places = PLACES.map(|place| format!("take {place} {}", quote(&file_in(place, work))));
    format!(
        "{AS_ROOT}\n\
         take() {{\n\
         \x20 [ \"$(stat -f -c %T \"$1\" 2>/dev/null)\" = tmpfs ] || return\n\
         \x20 as_root sh -c {keep} sh \"$2\" {user}\n\
         \x20 exit\n\
         }}\n\
         {places}\n\
         echo 'neither /run nor /dev/shm is a folder in memory, for the variables of env' >&2\n\
         exit 1\n",
        keep = quote(
            "set -e; umask 077; dir=${1%/*}; mkdir -p \"$dir\"; chmod 711 \"$dir\"; \
             cat > \"$1.new\"; chown \"$2\" \"$1.new\"; mv \"$1.new\" \"$1\""
        ),
        user = quote(run_as.unwrap_or("root")),
        places = places.join("\n"),
    )
}

/// Words for a command that runs what follows with the variables, if there are any.
pub(super) fn with_variables(work: &str) -> String {
    let places = PLACES.map(|place| quote(&file_in(place, work)));
    let read =
        "for it in \"$1\" \"$2\"; do [ ! -r \"$it\" ] || . \"$it\"; done; shift 2; exec \"$@\"";
    format!("sh -c {} sh {}", quote(read), places.join(" "))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn env() -> ScriptEnv {
        let mut env = ScriptEnv::default();
        env.add("PLAIN", "it's $HOME".into(), false);
        env.add("TOKEN", "geheim".into(), true);
        env.add("LONGER", "geheimer\n-- key --\nabc\n".into(), true);
        env
    }

    #[test]
    fn secrets_are_masked_wherever_they_are_and_the_longest_first() {
        let mask = |line: &str| String::from_utf8(env().mask(line.into())).unwrap();
        assert_eq!(mask("geheim geheimer"), "*** ***");
        assert_eq!(mask("a geheimgeheim b"), "a ****** b");
        assert_eq!(mask("of a file: -- key --"), "of a file: ***");
        // What is no secret stays, and what is too short to tell.
        assert_eq!(mask("it's $HOME, abc, gehei"), "it's $HOME, abc, gehei");
        assert_eq!(env().mask(vec![0xff, b'x']), [0xff, b'x']);
    }

    #[test]
    fn values_are_not_shown_by_accident() {
        assert_eq!(format!("{:?}", env()), r#"["PLAIN", "TOKEN", "LONGER"]"#);
    }

    #[test]
    fn a_command_finds_the_values_as_they_are() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("env");
        std::fs::write(&file, env().file()).unwrap();
        let words = format!("sh -c '. \"$0\"; exec \"$@\"' {} env", file.display());
        let output = std::process::Command::new("sh").args(["-c", &words]).output().unwrap();
        let told = String::from_utf8(output.stdout).unwrap();
        for line in ["PLAIN=it's $HOME\n", "TOKEN=geheim\n", "LONGER=geheimer\n-- key --\nabc\n"] {
            assert!(told.contains(line), "{line}: {told}");
        }
    }
}
