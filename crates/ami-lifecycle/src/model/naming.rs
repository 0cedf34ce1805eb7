//! The naming convention: a pattern such as `{system}-{os}-{arch}-{date}-{generation}`.

use std::fmt;

use jiff::civil::Date;

/// What is wrong with a pattern or a name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NamingError {
    /// A placeholder that there is not.
    #[error("unknown placeholder {{{0}}}: there are {placeholders}", placeholders = placeholder_list())]
    UnknownPlaceholder(String),
    /// A brace without its partner.
    #[error("a {{ has no }}")]
    Unclosed,
    /// A character that AMI names may not have.
    #[error(
        "AMI names may not contain {0:?}: letters, digits, spaces and ( ) [ ] . / - ' @ _ are allowed"
    )]
    Character(char),
    /// Shorter than 3 or longer than 128 characters.
    #[error("AMI names have 3 to 128 characters, and {0:?} has {1}")]
    Length(String, usize),
}

fn placeholder_list() -> String {
    let names: Vec<String> =
        Placeholder::ALL.iter().map(|(name, _)| format!("{{{name}}}")).collect();
    names.join(", ")
}

/// Checks a name against EC2's rule
/// (<https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_CreateImage.html>).
///
/// # Errors
/// When EC2 would refuse it.
pub fn check_ami_name(name: &str) -> Result<(), NamingError> {
    let allowed =
        |character: &char| character.is_ascii_alphanumeric() || "()[] ./-'@_".contains(*character);
    if let Some(character) = name.chars().find(|character| !allowed(character)) {
        return Err(NamingError::Character(character));
    }
    match name.chars().count() {
        3..=128 => Ok(()),
        length => Err(NamingError::Length(name.to_owned(), length)),
    }
}

/// The name that an AMI is copied to before the next one gets its own: the `count`th of
/// that day, from 1.
#[must_use]
pub fn backup_name(name: &str, date: Date, count: usize) -> String {
    let day = date.strftime("%Y%m%d");
    match count {
        0 | 1 => format!("{name}-backup-{day}"),
        _ => format!("{name}-backup-{day}-{count}"),
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Placeholder {
    Namespace,
    Template,
    System,
    Os,
    Arch,
    Date,
    Generation,
}

impl Placeholder {
    const ALL: [(&str, Placeholder); 7] = [
        ("namespace", Placeholder::Namespace),
        ("template", Placeholder::Template),
        ("system", Placeholder::System),
        ("os", Placeholder::Os),
        ("arch", Placeholder::Arch),
        ("date", Placeholder::Date),
        ("generation", Placeholder::Generation),
    ];
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Part {
    Text(String),
    Placeholder(Placeholder),
}

/// A parsed pattern.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pattern(Vec<Part>);

/// What a name is made from.
#[derive(Debug, Clone, Copy)]
pub struct NameParts<'a> {
    /// The namespace.
    pub namespace: &'a str,
    /// The template's name.
    pub template: &'a str,
    /// The build system.
    pub system: &'a str,
    /// The operating system.
    pub os: &'a str,
    /// The architecture.
    pub arch: &'a str,
    /// The day of the bake, in UTC.
    pub date: Date,
    /// The generation, from 1.
    pub generation: u64,
}

impl Pattern {
    /// Reads a pattern.
    ///
    /// # Errors
    /// When it has an unknown placeholder, a lone brace, or a character that EC2 refuses.
    pub fn parse(text: &str) -> Result<Pattern, NamingError> {
        let mut parts = Vec::new();
        let mut rest = text;
        while let Some((before, after)) = rest.split_once('{') {
            let (name, after) = after.split_once('}').ok_or(NamingError::Unclosed)?;
            parts.push(Part::Text(before.to_owned()));
            let found = Placeholder::ALL.iter().find(|(known, _)| *known == name);
            let (_, placeholder) =
                found.ok_or_else(|| NamingError::UnknownPlaceholder(name.to_owned()))?;
            parts.push(Part::Placeholder(*placeholder));
            rest = after;
        }
        parts.push(Part::Text(rest.to_owned()));
        let pattern = Pattern(parts);
        pattern.check_text()?;
        Ok(pattern)
    }

    fn check_text(&self) -> Result<(), NamingError> {
        let texts = self.0.iter().filter_map(|part| match part {
            Part::Text(text) => Some(text),
            Part::Placeholder(_) => None,
        });
        for text in texts {
            if let Err(NamingError::Character(character)) = check_ami_name(text) {
                return Err(NamingError::Character(character));
            }
        }
        Ok(())
    }

    /// Whether two generations may get one name, which EC2 refuses: the one that has it must
    /// give it up first.
    #[must_use]
    pub fn names_recur(&self) -> bool {
        !self.0.contains(&Part::Placeholder(Placeholder::Generation))
    }

    /// Makes the name, and checks it against EC2's rule.
    ///
    /// # Errors
    /// When EC2 would refuse the name.
    pub fn render(&self, parts: &NameParts<'_>) -> Result<String, NamingError> {
        let mut name = String::new();
        for part in &self.0 {
            match part {
                Part::Text(text) => name.push_str(text),
                Part::Placeholder(placeholder) => name.push_str(&parts.value(*placeholder)),
            }
        }
        check_ami_name(&name)?;
        Ok(name)
    }
}

impl NameParts<'_> {
    fn value(&self, placeholder: Placeholder) -> String {
        match placeholder {
            Placeholder::Namespace => self.namespace.into(),
            Placeholder::Template => self.template.into(),
            Placeholder::System => self.system.into(),
            Placeholder::Os => self.os.into(),
            Placeholder::Arch => self.arch.into(),
            Placeholder::Date => self.date.strftime("%Y%m%d").to_string(),
            Placeholder::Generation => self.generation.to_string(),
        }
    }
}

impl fmt::Display for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for part in &self.0 {
            match part {
                Part::Text(text) => f.write_str(text)?,
                Part::Placeholder(placeholder) => {
                    let found = Placeholder::ALL.iter().find(|(_, known)| known == placeholder);
                    write!(f, "{{{}}}", found.map_or("", |(name, _)| name))?;
                }
            }
        }
        Ok(())
    }
}

/// Whether a name matches one with EC2's wildcards: `*` is any run of characters, `?` any one,
/// and `\\` takes the next as it is
/// (<https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/Using_Filtering.html>).
pub(crate) fn matches_wildcards(pattern: &str, name: &str) -> bool {
    let mut pattern: Vec<char> = pattern.chars().collect();
    let mut wild: Vec<bool> = Vec::new();
    let mut index = 0;
    while index < pattern.len() {
        let escaped = pattern[index] == '\\' && index + 1 < pattern.len();
        if escaped {
            pattern.remove(index);
        }
        wild.push(!escaped && matches!(pattern[index], '*' | '?'));
        index += 1;
    }
    let name: Vec<char> = name.chars().collect();
    // Where the last star stood, and how much of the name it has taken.
    let (mut at, mut read, mut star) = (0, 0, None);
    while read < name.len() {
        let is_wild = wild.get(at).copied().unwrap_or(false);
        match pattern.get(at) {
            Some('*') if is_wild => {
                star = Some((at, read));
                at += 1;
            }
            Some(&it) if (is_wild && it == '?') || (!is_wild && it == name[read]) => {
                at += 1;
                read += 1;
            }
            _ => {
                let Some((place, taken)) = star else { return false };
                star = Some((place, taken + 1));
                (at, read) = (place + 1, taken + 1);
            }
        }
    }
    (at..pattern.len()).all(|at| wild[at] && pattern[at] == '*')
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::civil::date;
    use proptest::prelude::*;

    fn parts(generation: u64) -> NameParts<'static> {
        NameParts {
            namespace: "linaro-ci",
            template: "ab-natty-x86_64",
            system: "android-build",
            os: "ubuntu-11.04",
            arch: "x86_64",
            date: date(2026, 11, 23),
            generation,
        }
    }

    #[test]
    fn the_default_pattern_gives_a_readable_name() {
        let pattern = Pattern::parse("{system}-{os}-{arch}-{date}-{generation}").unwrap();
        assert_eq!(
            pattern.render(&parts(7)).unwrap(),
            "android-build-ubuntu-11.04-x86_64-20261123-7"
        );
    }

    #[test]
    fn each_mistake_has_its_own_error() {
        for (text, expected) in [
            ("{sytem}-{generation}", NamingError::UnknownPlaceholder("sytem".into())),
            ("{generation", NamingError::Unclosed),
            ("a:b-{generation}", NamingError::Character(':')),
        ] {
            assert_eq!(Pattern::parse(text), Err(expected));
        }
    }

    proptest! {
        #[test]
        fn no_pattern_panics(text in any::<String>(), braces in "[a-z{}é ]{0,30}") {
            for text in [text, braces] {
                let _ = check_ami_name(&text);
                if let Ok(pattern) = Pattern::parse(&text) {
                    let _ = pattern.render(&parts(u64::MAX));
                    prop_assert_eq!(pattern.to_string(), text);
                }
            }
        }

        #[test]
        fn a_backup_is_told_from_what_it_backs_up(count in 1usize..500, other in 1usize..500) {
            let name = |count| backup_name("ab-natty", date(2026, 11, 24), count);
            prop_assert_eq!(check_ami_name(&name(count)), Ok(()));
            prop_assert_eq!(name(count) == name(other), count == other);
        }

        #[test]
        fn a_rendered_name_is_one_that_ec2_takes(text in "[a-z{}: -]{0,40}\\{generation\\}[a-z]{0,5}", generation in 1u64..5000) {
            if let Ok(pattern) = Pattern::parse(&text)
                && let Ok(name) = pattern.render(&parts(generation)) {
                prop_assert_eq!(check_ami_name(&name), Ok(()));
                prop_assert_ne!(pattern.render(&parts(generation + 1)).ok(), Some(name));
                prop_assert_eq!(pattern.to_string(), text);
            }
        }
    }

    #[test]
    fn wildcards_match_as_ec2s_do() {
        for (pattern, name, is_so) in [
            ("debian-12-*", "debian-12-amd64-20260101", true),
            ("debian-12-*", "debian-11-amd64", false),
            ("a*b*c", "aXXbYYbZc", true),
            ("a*b*c", "aXXbYY", false),
            ("?", "", false),
            ("a?c", "abc", true),
            ("a\\*", "a*", true),
            ("a\\*", "ab", false),
            ("*", "", true),
            ("", "", true),
        ] {
            assert_eq!(matches_wildcards(pattern, name), is_so, "{pattern} {name}");
        }
    }

    proptest::proptest! {
        #[test]
        fn a_name_matches_itself_and_all_that_covers_it(name in "[a-c]{0,8}", at in 0..8usize) {
            let at = at.min(name.len());
            proptest::prop_assert!(matches_wildcards(&name, &name));
            let covered = format!("{}*", &name[..at]);
            proptest::prop_assert!(matches_wildcards(&covered, &name));
        }
    }
}
