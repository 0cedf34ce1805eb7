//! What a shell provisioner's `execute_command` says: as whom a script runs. Whatever else it says
//! is told.

use super::model::Step;
use super::value::{self, parts};

/// As whom a script runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum RunAs {
    Login,
    Root,
}

#[derive(Debug)]
pub(super) struct Command {
    pub(super) run_as: RunAs,
    /// What is not understood, and why.
    pub(super) left: Vec<String>,
}

/// Words that say nothing about what a script does.
const KNOWN: [&str; 17] = [
    "{{.Vars}}",
    "{{.Path}}",
    "sudo",
    "sh",
    "bash",
    "env",
    "chmod",
    "+x",
    "&&",
    ";",
    "-S",
    "-E",
    "-H",
    "-n",
    "-c",
    "-x",
    "--",
];

pub(super) fn of(step: &Step) -> Command {
    let Some(written) = step.keys.get("execute_command") else {
        return Command { run_as: RunAs::Login, left: Vec::new() };
    };
    // What is not known of it is a password, as a rule: the rest says who runs scripts.
    let text = written.as_str().unwrap_or_default();
    let known: String = parts(text).into_iter().filter_map(Result::ok).collect();
    let mut command = read(&known);
    command.left.extend(value::text(written).err());
    command
}

fn read(text: &str) -> Command {
    let text = text.replace("{{ ", "{{").replace(" }}", "}}").replace(';', " ; ");
    let words: Vec<&str> =
        without_password(&text).split_whitespace().map(name).filter(|it| !it.is_empty()).collect();
    let (mut left, mut rest) = (Vec::new(), words.iter());
    let with_sudo = words.contains(&"sudo");
    while let Some(word) = rest.next() {
        match *word {
            "-u" if with_sudo => match rest.next() {
                Some(&"root") | None => {}
                Some(user) => {
                    let text = "it runs scripts as";
                    left.push(format!("{text} {user}: call `sudo -u {user}` in the script"));
                }
            },
            "su" | "doas" | "runuser" => {
                left.push(format!("`{word}` is not read: `run_as` says who runs scripts"));
            }
            word if KNOWN.contains(&word) => {}
            word if word.starts_with('-') && !word.starts_with("--") && word.contains('e') => {
                left.push(format!("`{word}` is not read: write `set -e` in the script"));
            }
            word => {
                // What a variable is set to may be a secret.
                let shown = word.split('=').next().unwrap_or_default();
                left.push(format!("`{shown}` is not read: a script's `#!` line says what runs it"));
            }
        }
    }
    Command { run_as: if with_sudo { RunAs::Root } else { RunAs::Login }, left }
}

/// A command without the `echo` that gives sudo its password through a pipe.
fn without_password(text: &str) -> &str {
    let gives = ["echo ", "printf "].iter().any(|it| text.trim_start().starts_with(it));
    text.split_once('|').filter(|_| gives).map_or(text, |(_, command)| command)
}

/// A word without quotes, and a program without its folder.
fn name(word: &str) -> &str {
    let word = word.trim_matches(['"', '\'']);
    match word.strip_prefix('/') {
        Some(path) => path.rsplit('/').next().unwrap_or(path),
        None => word,
    }
}

#[cfg(test)]
mod tests {
    use super::super::model::Keys;
    use super::super::value::Unknown;
    use super::*;

    #[test]
    fn the_usual_commands_say_who_runs_a_script_and_the_rest_is_told() {
        let root = [
            "sudo -S env {{ .Vars }} {{ .Path }}",
            "echo 'packer' | sudo -S sh -c '{{ .Vars }} {{ .Path }}'",
            "{{.Vars}} /usr/bin/sudo -E bash '{{.Path}}'",
            "sudo -u root {{.Path}}",
            "printf 'a' | {{.Vars}} sudo -S {{.Path}}",
        ];
        for text in root {
            let command = read(text);
            assert_eq!((command.run_as, command.left.len()), (RunAs::Root, 0), "{text}");
        }
        let usual = read("chmod +x {{.Path}}; {{.Vars}} {{.Path}}");
        assert_eq!((usual.run_as, usual.left.len()), (RunAs::Login, 0), "{usual:?}");
        let told = [
            ("sudo -u postgres {{.Path}}", "as postgres"),
            ("{{.Vars}} python3 {{.Path}}", "`python3`"),
            ("echo pw | su - root -c '{{.Path}}'", "`su`"),
            ("FOO=1 {{.Vars}} bash -l {{.Path}}", "`FOO`"),
            ("{{.Vars}} sudo -E bash -eux {{.Path}}", "write `set -e` in the script"),
        ];
        for (text, expected) in told {
            assert!(read(text).left.iter().any(|it| it.contains(expected)), "{text}");
        }
        for text in ["sudo bash {{.Path}} || exit 1", "sudo sh -c '{{.Path}} 2>&1 | tee /log'"] {
            assert!(read(text).run_as == RunAs::Root && !read(text).left.is_empty(), "{text}");
        }
        let keys = Keys::from_iter([(
            "execute_command".to_owned(),
            format!("echo {} | sudo -S {{{{.Path}}}}", Unknown::Secret("pw".into()).text()).into(),
        )]);
        let command = of(&Step { kind: "shell".into(), keys });
        assert_eq!((command.run_as, command.left.len()), (RunAs::Root, 1), "{command:?}");
    }
}
