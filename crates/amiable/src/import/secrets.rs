//! Whether a script seems to hold a secret. What seems so is not copied unasked.

/// Words before `=` or `:` that name a secret.
const NAMES: [&str; 7] =
    ["password", "passwd", "secret", "token", "api_key", "apikey", "secret_access_key"];

/// The first line, from 1, that seems to hold a secret.
pub(super) fn line_with_secret(script: &str) -> Option<usize> {
    script.lines().position(holds_secret).map(|line| line + 1)
}

fn holds_secret(line: &str) -> bool {
    let lower = line.to_lowercase();
    line.contains("PRIVATE KEY-----")
        || has_access_key(line)
        || has_password_in_url(line)
        || NAMES.iter().any(|name| is_given(&lower, name))
}

/// An access key of AWS': AKIA or ASIA and 16 capital letters or digits.
fn has_access_key(line: &str) -> bool {
    ["AKIA", "ASIA"].iter().any(|prefix| {
        line.match_indices(prefix).any(|(at, _)| {
            let key = line.as_bytes()[at..].iter();
            key.take_while(|it| it.is_ascii_uppercase() || it.is_ascii_digit()).count() == 20
        })
    })
}

/// `https://user:password@host`, where the password is no variable.
fn has_password_in_url(line: &str) -> bool {
    line.split("://").skip(1).any(|rest| {
        let authority = rest.split(['/', ' ', '"', '\'']).next().unwrap_or_default();
        let password = authority.rsplit_once('@').and_then(|(user, _)| user.split_once(':'));
        password.is_some_and(|(_, password)| !password.is_empty() && !password.starts_with('$'))
    })
}

/// `NAME=value` or `NAME: value`, where the value is neither empty nor a variable.
fn is_given(line: &str, name: &str) -> bool {
    line.match_indices(name).any(|(at, _)| {
        let rest = line[at + name.len()..].trim_start_matches(['"', '\'']);
        let Some(value) = rest.strip_prefix(['=', ':']) else { return false };
        let value = value.trim_start().trim_start_matches(['"', '\'']);
        let ends = [' ', '"', '\'', ';', '&', '|', ')'];
        let value = value.split(ends).next().unwrap_or_default();
        !value.is_empty() && !value.starts_with(['$', '`', '<'])
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
        ] {
            assert!(holds_secret(line), "{line}");
        }
        for line in [
            "export TOKEN=$1",
            "export TOKEN=\"$(cat /run/token)\"",
            "read -s password",
            "git clone https://ci@host/x.git",
            "git clone git@host:x.git",
            "sudo apt-get install -y libsecret-1-0",
            "echo a:b@c",
        ] {
            assert!(!holds_secret(line), "{line}");
        }
        assert_eq!(line_with_secret("#!/bin/sh\nA=1\nTOKEN=x\n"), Some(3));
    }
}
