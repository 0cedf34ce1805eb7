//! Digests of values, short enough for tags. Pure.

use std::collections::BTreeMap;

use sha2::{Digest, Sha256};

/// Keys, each with a digest of its value.
pub(crate) fn record_of(values: impl IntoIterator<Item = (&'static str, String)>) -> String {
    let part = |(key, value): (&str, String)| format!("{key}={}", &digest(&value)[..8]);
    values.into_iter().map(part).collect::<Vec<String>>().join(" ")
}

/// The keys whose values differ from what was recorded. One that was not recorded had none.
pub(crate) fn changed_of(
    record: &str,
    values: impl IntoIterator<Item = (&'static str, String)>,
) -> Vec<String> {
    let recorded: BTreeMap<&str, &str> =
        record.split(' ').filter_map(|part| part.split_once('=')).collect();
    let differs = |(key, value): (&'static str, String)| {
        let was_so = match recorded.get(key) {
            Some(recorded) => *recorded == &digest(&value)[..8],
            None => value.is_empty(),
        };
        (!was_so).then(|| key.to_owned())
    };
    values.into_iter().filter_map(differs).collect()
}

/// The first 16 hexadecimal digits of a text's SHA-256.
pub(crate) fn digest(text: &str) -> String {
    let hash = Sha256::digest(text.as_bytes());
    hash.iter().take(8).map(|byte| format!("{byte:02x}")).collect()
}
