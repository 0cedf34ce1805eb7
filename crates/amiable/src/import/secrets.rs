//! Whether a script seems to hold a secret. What seems so is not copied unasked. A guess: it
//! errs on the side of asking.

/// What names of secrets end in, before `=`, `:` or a blank.
const NAMES: [&str; 14] = [
    "password",
    "passwd",
    "passphrase",
    "pass",
    "pwd",
    "secret",
    "token",
    "api_key",
    "apikey",
    "api-key",
    "access_key",
    "secret_key",
    "private_key",
    "credentials",
];

/// How tokens of well-known services begin.
const PREFIXES: [&str; 9] =
    ["ghp_", "gho_", "ghs_", "github_pat_", "glpat-", "xoxb-", "xoxp-", "AKIA", "ASIA"];

/// Commands and headers whose next words are a secret.
const BEFORE: [&str; 6] = ["bearer ", "basic ", "sshpass -p", "chpasswd", "useradd -p", "--user "];

/// The first line, from 1, that seems to hold a secret.
pub(super) fn line_with_secret(script: &str) -> Option<usize> {
    script.lines().position(holds_secret).map(|line| line + 1)
}

fn holds_secret(line: &str) -> bool {
    let lower = line.to_lowercase();
    line.contains("PRIVATE KEY-----")
        || PREFIXES.iter().any(|prefix| has_token(line, prefix))
        || has_password_in_url(line)
        || has_password_of_user(line)
        || NAMES.iter().any(|name| is_given(&lower, name))
        || BEFORE.iter().any(|word| comes_after(&lower, word))
}

/// A word that begins so and has the length of a token.
fn has_token(line: &str, prefix: &str) -> bool {
    line.match_indices(prefix).any(|(at, _)| {
        let word =
            line[at..].bytes().take_while(|it| it.is_ascii_alphanumeric() || b"_-".contains(it));
        word.count() >= 16
    })
}

/// Whether a text is a value, and not a variable, a path to one, or nothing.
fn is_value(text: &str) -> bool {
    let text = text.trim_start().trim_start_matches(['"', '\'']);
    let ends = [' ', '"', '\'', ';', '&', '|', ')', '}'];
    let value = text.split(ends).next().unwrap_or_default();
    !value.is_empty() && !value.starts_with(['$', '`', '<', '>', '/', '-', '=', '('])
}

/// `https://user:password@host`, where the password is no variable.
fn has_password_in_url(line: &str) -> bool {
    line.split("://").skip(1).any(|rest| {
        let authority = rest.split(['/', ' ', '"', '\'']).next().unwrap_or_default();
        let password = authority.rsplit_once('@').and_then(|(user, _)| user.split_once(':'));
        password.is_some_and(|(_, password)| is_value(password))
    })
}

/// `curl -u user:password`, and `mysql -ppassword`.
fn has_password_of_user(line: &str) -> bool {
    let of_user = line.split(" -u").skip(1).any(|rest| {
        let word = rest.trim_start().split(' ').next().unwrap_or_default();
        word.split_once(':').is_some_and(|(_, password)| is_value(password))
    });
    let of_mysql = line.contains("mysql")
        && line
            .split(" -p")
            .skip(1)
            .any(|rest| rest.starts_with(|it: char| it.is_ascii_alphanumeric()));
    of_user || of_mysql
}

/// A name and then its value: `NAME=value`, `NAME: value`, `--name value`, `${NAME:-value}`.
fn is_given(line: &str, name: &str) -> bool {
    line.match_indices(name).any(|(at, _)| {
        let rest = line[at + name.len()..].trim_start_matches(['"', '\'']);
        let before = &line[..at];
        let is_flag = before.rsplit([' ', '\t']).next().is_some_and(|word| word.starts_with('-'));
        let blank = rest.trim_start();
        match rest.chars().next() {
            Some('=' | ':') => is_value(rest[1..].trim_start_matches(['-', '='])),
            // With blanks around it, and a netrc's `password x`.
            Some(' ' | '\t') if blank.starts_with(['=', ':']) => is_value(&blank[1..]),
            Some(' ' | '\t') => (is_flag || before.contains("machine ")) && is_value(blank),
            _ => false,
        }
    })
}

fn comes_after(line: &str, word: &str) -> bool {
    line.split_once(word).is_some_and(|(before, rest)| match word {
        "chpasswd" => before.contains(':') && !before.contains('$'),
        "--user " => rest.split(' ').next().is_some_and(|it| it.contains(':')),
        _ => is_value(rest),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_looks_like_a_secret_is_noticed_and_its_name_alone_is_not() {
        for line in [
            "export TOKEN=abc123",
            "curl -d 'password: hunter2'",
            "git clone https://ci:hunter2@host/x.git",
            "AWS_SECRET_ACCESS_KEY=\"wJal\"",
            "echo AKIAIOSFODNN7EXAMPLE",
            "-----BEGIN RSA PRIVATE KEY-----",
            "curl -u ci:hunter2 https://host",
            "curl -H 'Authorization: Bearer abc123' https://host",
            "login --password hunter2",
            "password = 'hunter2'",
            "AWS_SECRET_ACCESS_KEY = abc",
            "echo ghp_0123456789abcdef0123",
            "DB_PASS=hunter2",
            "PASSPHRASE=hunter2",
            "SECRET_KEY=hunter2",
            "sshpass -p hunter2 ssh host",
            "mysql -phunter2 db",
            "echo root:hunter2 | chpasswd",
            "echo 'machine host login ci password hunter2' > ~/.netrc",
            "java -jar agent.jar -secret abc",
            "useradd -p hunter2 ci",
            "TOKEN=${TOKEN:-hardcoded}",
        ] {
            assert!(holds_secret(line), "{line}");
        }
        for line in [
            "export TOKEN=$1",
            "export TOKEN=\"$(cat /run/token)\"",
            "read -s password",
            "git clone https://ci@host/x.git",
            "git clone https://ci:$TOKEN@host/x.git",
            "git clone git@host:x.git",
            "sudo apt-get install -y libsecret-1-0 pass",
            "echo a:b@c",
            "bypass=1; sudo -u jenkins true",
            "cat /etc/passwd",
            "curl -u \"$USER:$PASSWORD\" https://host",
            "# the token comes from the instance profile",
        ] {
            let expected = line.starts_with("bypass=1");
            assert_eq!(holds_secret(line), expected, "{line}");
        }
        assert_eq!(line_with_secret("#!/bin/sh\nA=1\nTOKEN=x\n"), Some(3));
    }
}
