//! What a shell provisioner's `execute_command` says: as whom a script runs. Whatever else it says
//! is told.

use super::model::Step;
use super::value;

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
const KNOWN: [&str; 21] = [
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
    "-i",
    "-c",
    "-e",
    "-x",
    "-eux",
    "-ex",
    "--",
];

pub(super) fn of(step: &Step) -> Command {
    let Some(written) = step.keys.get("execute_command") else {
        return Command { run_as: RunAs::Login, left: Vec::new() };
    };
    match value::text(written) {
        Ok(text) => read(&text),
        Err(why) => Command { run_as: RunAs::Login, left: vec![why] },
    }
}

fn read(text: &str) -> Command {
    let text = text.replace("{{ ", "{{").replace(" }}", "}}").replace(';', " ; ");
    // A password for sudo comes through a pipe.
    let command = text.rsplit_once('|').map_or(text.as_str(), |(_, command)| command);
    let words: Vec<&str> =
        command.split_whitespace().map(name).filter(|it| !it.is_empty()).collect();
    let (mut left, mut rest) = (Vec::new(), words.iter());
    let with_sudo = words.contains(&"sudo");
    while let Some(word) = rest.next() {
        match *word {
            "-u" if with_sudo => match rest.next() {
                Some(&"root") | None => {}
                Some(user) => {
                    left.push(format!(
                        "it runs scripts as {user}: call `sudo -u {user}` in the script"
                    ));
                }
            },
            "su" | "doas" | "runuser" => {
                left.push(format!("`{word}` is not read: `run_as` says who runs scripts"));
            }
            word if KNOWN.contains(&word) => {}
            word => {
                left.push(format!("`{word}` is not read: a script's `#!` line says what runs it"))
            }
        }
    }
    Command { run_as: if with_sudo { RunAs::Root } else { RunAs::Login }, left }
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
    use super::*;

    #[test]
    fn the_usual_commands_say_who_runs_a_script_and_the_rest_is_told() {
        let root = [
            "sudo -S env {{ .Vars }} {{ .Path }}",
            "echo 'packer' | sudo -S sh -c '{{ .Vars }} {{ .Path }}'",
            "{{.Vars}} /usr/bin/sudo -E bash '{{.Path}}'",
            "sudo -u root {{.Path}}",
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
            ("FOO=1 {{.Vars}} bash -l {{.Path}}", "`FOO=1`"),
        ];
        for (text, expected) in told {
            assert!(read(text).left.iter().any(|it| it.contains(expected)), "{text}");
        }
    }
}
