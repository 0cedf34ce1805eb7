//! A script that a template runs.

use std::fmt;

/// A script of the source, with its arguments.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Script {
    /// Its path in the checkout.
    pub path: String,
    /// What it is called with.
    pub args: Vec<String>,
}

impl Script {
    /// A script without arguments.
    pub fn plain(path: impl Into<String>) -> Script {
        Script { path: path.into(), args: Vec::new() }
    }
}

impl fmt::Display for Script {
    /// As people would type it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&quote(&self.path))?;
        self.args.iter().try_for_each(|word| write!(f, " {}", quote(word)))
    }
}

/// Quotes a word for a POSIX shell, where it must be.
#[must_use]
pub fn quote(word: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_./:=@+%".contains(&byte);
    if !word.is_empty() && word.bytes().all(plain) {
        return word.to_owned();
    }
    format!("'{}'", word.replace('\'', r"'\''"))
}

/// Several scripts, as one text: tells lists that differ apart.
pub(crate) fn text_of(scripts: &[Script]) -> String {
    let texts: Vec<String> = scripts.iter().map(Script::to_string).collect();
    texts.join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_script_is_shown_as_people_would_type_it() {
        let args = ["--fast", "a b", "", "it's"].map(str::to_owned).into();
        let script = Script { path: "node/setup".into(), args };
        assert_eq!(script.to_string(), r"node/setup --fast 'a b' '' 'it'\''s'");
        // Neither a comma nor a space in a word makes another list of it.
        let texts: Vec<String> = [
            vec![Script::plain("a, b")],
            vec![Script::plain("a"), Script::plain("b")],
            vec![Script { path: "a,".into(), args: vec!["b".into()] }],
            vec![Script { path: "a".into(), args: vec!["b".into()] }],
            vec![Script::plain("a b")],
        ]
        .iter()
        .map(|list| text_of(list))
        .collect();
        assert_eq!(texts, ["'a, b'", "a, b", "'a,' b", "a b", "'a b'"]);
        assert_eq!(
            text_of(&[Script::plain("a"), script]),
            r"a, node/setup --fast 'a b' '' 'it'\''s'"
        );
    }
}
