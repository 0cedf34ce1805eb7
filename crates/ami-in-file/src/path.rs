//! Paths: keys with dots in between, such as `images.linux[0].ami` or `"a.b".ami`.

use std::fmt;

/// One step of a path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Step {
    /// A key of a table, or the type or a label of a block of HCL's.
    Key(String),
    /// An item of a list, from 0.
    Index(usize),
}

/// Where a value stands in a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Path {
    /// As it was written; the key of a `.properties` file is this.
    pub(crate) text: String,
    pub(crate) steps: Vec<Step>,
}

impl Path {
    /// A whole key of a `.properties` file, whatever is in it.
    #[must_use]
    pub fn key(text: &str) -> Path {
        Path { text: text.to_owned(), steps: vec![Step::Key(text.to_owned())] }
    }

    /// Reads a path; `None` when it is none. A key with other characters than letters, digits, `_`, `-`,
    /// `/`, `$` and `:` stands in quotes.
    #[must_use]
    pub fn parse(text: &str) -> Option<Path> {
        let mut steps = Vec::new();
        let mut rest = text;
        loop {
            rest = if let Some(quoted) = rest.strip_prefix('"') {
                let (key, behind) = quoted.split_once('"')?;
                steps.push(Step::Key(key.to_owned()));
                behind
            } else {
                let is_plain = |it: char| it.is_alphanumeric() || "_-/$:".contains(it);
                let end = rest.find(|it| !is_plain(it)).unwrap_or(rest.len());
                if end > 0 {
                    steps.push(Step::Key(rest[..end].to_owned()));
                } else if !rest.starts_with('[') || !steps.is_empty() {
                    return None;
                }
                &rest[end..]
            };
            while let Some(index) = rest.strip_prefix('[') {
                let (number, behind) = index.split_once(']')?;
                steps.push(Step::Index(number.parse().ok()?));
                rest = behind;
            }
            match rest.strip_prefix('.') {
                Some(behind) => rest = behind,
                None if rest.is_empty() => return Some(Path { text: text.to_owned(), steps }),
                None => return None,
            }
        }
    }
}

impl fmt::Display for Path {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_has_keys_and_numbers() {
        let of = |text: &str| {
            Path::parse(text).map(|path| {
                let steps = path.steps.iter().map(|step| match step {
                    Step::Key(key) => key.clone(),
                    Step::Index(number) => format!("#{number}"),
                });
                steps.collect::<Vec<_>>().join(" ")
            })
        };
        assert_eq!(of("images.linux-x64[0].ami").as_deref(), Some("images linux-x64 #0 ami"));
        assert_eq!(of("\"a.b\".c").as_deref(), Some("a.b c"));
        assert_eq!(of("[1][2]").as_deref(), Some("#1 #2"));
        for bad in ["", ".", "a.", "a..b", "a b", "a[x]", "a[0", "\"a", "a\"b\"", "a.[0]"] {
            assert_eq!(of(bad), None, "{bad}");
        }
    }
}
