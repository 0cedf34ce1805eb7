//! Results for programs.

/// A value as JSON for people who read it too.
pub(crate) fn json(value: &impl serde::Serialize) -> String {
    serde_json::to_string_pretty(value).expect("results have string keys only")
}
