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
    /// What is masked.
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
            // A script may print one of its lines alone, or a shell's `set -x` a quoted form of it.
            for line in value.lines().map(str::trim).filter(|line| line.len() >= SHORTEST) {
                let quoted = line.replace('\'', "'\\''");
                self.secrets.extend([line.to_owned(), quoted, escaped(line)]);
            }
            self.secrets.sort();
            self.secrets.dedup();
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

    /// Whether what follows may make a secret of the end of this.
    pub(super) fn may_go_on(&self, part: &[u8]) -> bool {
        let begins =
            |secret: &[u8]| (1..secret.len()).any(|length| part.ends_with(&secret[..length]));
        self.secrets.iter().any(|secret| begins(secret.as_bytes()))
    }

    /// A line of output without the secrets, wherever they overlap.
    pub(super) fn mask(&self, line: Vec<u8>) -> Vec<u8> {
        let mut hidden = vec![false; line.len()];
        for secret in self.secrets.iter().map(String::as_bytes) {
            for (at, part) in line.windows(secret.len()).enumerate() {
                if part == secret {
                    hidden[at..at + secret.len()].fill(true);
                }
            }
        }
        if !hidden.contains(&true) {
            return line;
        }
        let mut masked = Vec::new();
        for (at, byte) in line.into_iter().enumerate() {
            match (hidden[at], at > 0 && hidden[at - 1]) {
                (false, _) => masked.push(byte),
                (true, false) => masked.extend_from_slice(MASK),
                (true, true) => {}
            }
        }
        masked
    }

    /// The same of text.
    pub(super) fn mask_text(&self, text: String) -> String {
        String::from_utf8_lossy(&self.mask(text.into_bytes())).into_owned()
    }
}

/// As shells print it between double quotes.
fn escaped(line: &str) -> String {
    let mut text = String::new();
    for it in line.chars() {
        if "\\\"$`".contains(it) {
            text.push('\\');
        }
        text.push(it);
    }
    text
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
            // Whose folder it was, where others may make one, does not matter then.
            "set -e; umask 077; rm -rf \"${1%/*}\"; mkdir -m 711 \"${1%/*}\"; \
             cat > \"$1.new\"; chown \"$2\" \"$1.new\"; mv \"$1.new\" \"$1\""
        ),
        user = quote(run_as.unwrap_or("root")),
        places = places.join("\n"),
    )
}

/// Words for a command that runs what follows with the variables. Others can make a folder in the second
/// place only, which is not looked at where the first one has the file.
pub(super) fn with_variables(work: &str) -> String {
    let places = PLACES.map(|place| quote(&file_in(place, work)));
    // No names of its own, which could be those of variables.
    let read = "if [ -e \"$1\" ]; then . \"$1\"; elif [ -r \"$2\" ]; then . \"$2\"; \
                else echo 'the variables of `env` are not there any more' >&2; exit 126; fi; \
                shift 2; exec \"$@\"";
    format!("sh -c {} sh {}", quote(read), places.join(" "))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn env() -> ScriptEnv {
        let mut env = ScriptEnv::default();
        env.add("PLAIN", "it's $HOME".into(), false);
        env.add("TOKEN", "geheim".into(), true);
        env.add("LONGER", "geheimer\n  -- key --\r\nabc\n".into(), true);
        env.add("QUOTED", "it's \"$ecret\"".into(), true);
        env.add("OVER", "heimlich".into(), true);
        env
    }

    #[test]
    fn secrets_are_masked_wherever_they_are() {
        let mask = |line: &str| String::from_utf8(env().mask(line.into())).unwrap();
        assert_eq!(mask("geheim geheimer"), "*** ***");
        assert_eq!(mask("a geheimgeheim b"), "a *** b");
        assert_eq!(mask("of a file: -- key --"), "of a file: ***");
        assert_eq!(mask("geheimlich"), "***", "they overlap");
        assert_eq!(mask(r#"+ true 'it'\''s "$ecret"'"#), "+ true '***'");
        assert_eq!(mask(r#"declare -x QUOTED="it's \"\$ecret\""#), r#"declare -x QUOTED="***"#);
        // What is no secret stays, and what is too short to tell.
        assert_eq!(mask("it's $HOME, abc, gehei"), "it's $HOME, abc, gehei");
        assert_eq!(env().mask(vec![0xff, b'x']), [0xff, b'x']);
    }

    #[test]
    fn values_are_not_shown_by_accident() {
        assert_eq!(format!("{:?}", env()), r#"["PLAIN", "TOKEN", "LONGER", "QUOTED", "OVER"]"#);
    }

    #[test]
    fn a_command_finds_the_values_as_they_are() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("env");
        std::fs::write(&file, env().file()).unwrap();
        let words = format!("sh -c '. \"$0\"; exec \"$@\"' {} env", file.display());
        let output = std::process::Command::new("sh").args(["-c", &words]).output().unwrap();
        let told = String::from_utf8(output.stdout).unwrap();
        for line in
            ["PLAIN=it's $HOME\n", "TOKEN=geheim\n", "LONGER=geheimer\n  -- key --\r\nabc\n"]
        {
            assert!(told.contains(line), "{line}: {told}");
        }
    }
}
