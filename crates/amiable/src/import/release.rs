//! Which release of an operating system an agent runs, told by words: its labels, its
//! description, its AMI's name.

/// Ubuntu's releases by their code names (<https://wiki.ubuntu.com/Releases>).
const UBUNTU: [(&str, &str); 31] = [
    ("lucid", "10.04"),
    ("maverick", "10.10"),
    ("natty", "11.04"),
    ("oneiric", "11.10"),
    ("precise", "12.04"),
    ("quantal", "12.10"),
    ("raring", "13.04"),
    ("saucy", "13.10"),
    ("trusty", "14.04"),
    ("utopic", "14.10"),
    ("vivid", "15.04"),
    ("wily", "15.10"),
    ("xenial", "16.04"),
    ("yakkety", "16.10"),
    ("zesty", "17.04"),
    ("artful", "17.10"),
    ("bionic", "18.04"),
    ("cosmic", "18.10"),
    ("disco", "19.04"),
    ("eoan", "19.10"),
    ("focal", "20.04"),
    ("groovy", "20.10"),
    ("hirsute", "21.04"),
    ("impish", "21.10"),
    ("jammy", "22.04"),
    ("kinetic", "22.10"),
    ("lunar", "23.04"),
    ("mantic", "23.10"),
    ("noble", "24.04"),
    ("oracular", "24.10"),
    ("plucky", "25.04"),
];

/// Debian's (<https://www.debian.org/releases/>).
const DEBIAN: [(&str, &str); 8] = [
    ("squeeze", "6"),
    ("wheezy", "7"),
    ("jessie", "8"),
    ("stretch", "9"),
    ("buster", "10"),
    ("bullseye", "11"),
    ("bookworm", "12"),
    ("trixie", "13"),
];

/// Amazon Linux, as its AMIs are named.
const AMAZON: [(&str, &str); 2] = [("amzn2", "amazon-linux-2"), ("al2023", "amazon-linux-2023")];

/// What is written where no word tells the release.
pub(super) const UNKNOWN: &str = "unknown";

/// The release, such as `ubuntu-12.04`, if a word tells it.
pub(crate) fn release(texts: &[&str]) -> Option<String> {
    texts.iter().find_map(|text| {
        let text = text.to_lowercase();
        let named = text
            .split(|it: char| !it.is_ascii_alphanumeric())
            .find_map(|word| code_name(word).or_else(|| amazon(word)));
        named.or_else(|| numbered(&text, "ubuntu")).or_else(|| numbered(&text, "debian"))
    })
}

fn code_name(word: &str) -> Option<String> {
    let find = |table: &[(&str, &str)], system: &str| {
        let (_, version) = table.iter().find(|(name, _)| *name == word)?;
        Some(format!("{system}-{version}"))
    };
    find(&UBUNTU, "ubuntu").or_else(|| find(&DEBIAN, "debian"))
}

fn amazon(word: &str) -> Option<String> {
    AMAZON.iter().find(|(name, _)| *name == word).map(|(_, release)| (*release).to_owned())
}

/// `debian-12`, `ubuntu 22.04`, `ubuntu2204`.
fn numbered(text: &str, system: &str) -> Option<String> {
    let (_, rest) = text.split_once(system)?;
    let rest = rest.trim_start_matches(['-', '_', ' ', '/']);
    let length = rest.bytes().take_while(|it| it.is_ascii_digit() || *it == b'.').count();
    let version = rest[..length].trim_end_matches('.');
    match (system, version.len()) {
        (_, 0) => None,
        ("ubuntu", 4) if !version.contains('.') => {
            Some(format!("ubuntu-{}.{}", &version[..2], &version[2..]))
        }
        _ => Some(format!("{system}-{version}")),
    }
}

/// A base that its maker publishes for a release, as the configuration writes it: Canonical's
/// and Debian's own accounts.
pub(super) fn published_base(release: &str) -> Option<String> {
    let (system, version) = release.split_once('-')?;
    match system {
        "ubuntu" => {
            let (name, _) = UBUNTU.iter().find(|(_, number)| *number == version)?;
            Some(format!(
                "{{ owner = \"099720109477\", name = \"ubuntu/images/*/ubuntu-{name}-{version}-amd64-server-*\" }}"
            ))
        }
        "debian" => {
            Some(format!("{{ owner = \"136693071363\", name = \"debian-{version}-amd64-*\" }}"))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_tell_the_release() {
        for (text, expected) in [
            ("precise hwpack", Some("ubuntu-12.04")),
            ("android natty", Some("ubuntu-11.04")),
            ("Debian-12 docker", Some("debian-12")),
            ("ubuntu2204", Some("ubuntu-22.04")),
            ("ubuntu/images/hvm-ssd/ubuntu-jammy-22.04-amd64", Some("ubuntu-22.04")),
            ("amzn2-ami-hvm-2.0", Some("amazon-linux-2")),
            ("linux debian", None),
            ("imprecise", None),
        ] {
            assert_eq!(release(&[text]).as_deref(), expected, "{text}");
        }
        assert_eq!(release(&["build", "bookworm"]).as_deref(), Some("debian-12"));
    }
}
