//! TOML that is written for people: configurations of imports.

use std::collections::BTreeMap;

/// A TOML string.
pub(crate) fn quoted(text: &str) -> String {
    toml::Value::String(text.to_owned()).to_string()
}

/// A TOML key: bare where it may be.
pub(crate) fn key(name: &str) -> String {
    let bare = !name.is_empty()
        && name.bytes().all(|it| it.is_ascii_alphanumeric() || b"-_".contains(&it));
    if bare { name.to_owned() } else { quoted(name) }
}

/// An inline table of texts.
pub(crate) fn table(all: &BTreeMap<String, String>) -> String {
    let pairs: Vec<String> =
        all.iter().map(|(name, value)| format!("{} = {}", key(name), quoted(value))).collect();
    format!("{{ {} }}", pairs.join(", "))
}
