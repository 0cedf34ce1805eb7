//! Why there is something to do for a template, in words.

use serde::Serialize;

/// Why there is something to do for a template.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, thiserror::Error)]
#[serde(rename_all = "kebab-case", tag = "kind")]
pub enum Reason {
    /// It was never baked, or nothing of it is left.
    #[error("there is no current AMI")]
    NoCurrent,
    /// Nothing can be started from the AMI that was made current last.
    #[error("{ami}, which became current last, is {state}")]
    Unavailable {
        /// The AMI.
        ami: String,
        /// EC2's state.
        state: String,
    },
    /// The base names another AMI now.
    #[error("base: {from} -> {to}{}", name.as_ref().map(|it| format!(" ({it})")).unwrap_or_default())]
    Base {
        /// What it was baked from.
        from: String,
        /// What it would be baked from.
        to: String,
        /// That one's name.
        name: Option<String>,
    },
    /// The template that it is based on is baked anew.
    #[error("base: template {template} is rebaked")]
    BaseTemplate {
        /// That template.
        template: String,
    },
    /// The source is at another revision.
    #[error("source: {} -> {}", short(from), short(to))]
    Source {
        /// What was checked out.
        from: String,
        /// What would be.
        to: String,
    },
    /// The configuration says something else.
    #[error("configuration: {}", keys.join(", "))]
    Config {
        /// The keys that have changed.
        keys: Vec<String>,
    },
    /// It is older than it may grow.
    #[error("age: {} days; max_age is {}", seconds / DAY, days(*most))]
    Age {
        /// How old it is, in seconds.
        seconds: u64,
        /// How old it may grow, in seconds.
        most: u64,
    },
    /// A region has no copy of the current AMI.
    #[error("region {region} lacks its copy of generation {generation}")]
    Lacks {
        /// The region.
        region: String,
        /// The generation that is current in the first region.
        generation: u64,
    },
    /// A region has a copy of the current AMI, and something else is current there.
    #[error(
        "in region {region}, generation {generation} is not current, but {}",
        current.map_or("nothing".into(), |it| format!("generation {it}"))
    )]
    NotCurrentIn {
        /// The region.
        region: String,
        /// The generation that is current in the first region.
        generation: u64,
        /// The generation that is current there.
        current: Option<u64>,
    },
    /// The AMI is given to others on other terms than the configuration says.
    #[error("in region {region}, it is not as configured: {}", keys.join(", "))]
    Terms {
        /// The region.
        region: String,
        /// The keys that differ.
        keys: Vec<String>,
    },
    /// A consumer names something else.
    #[error("{consumer}: {}names {}", prefix(place), names.as_deref().unwrap_or("nothing"))]
    Consumer {
        /// The consumer.
        consumer: String,
        /// Where in it; empty for one that is one place.
        place: String,
        /// What it names, or has.
        names: Option<String>,
    },
}

const DAY: u64 = 24 * 3600;

fn days(seconds: u64) -> String {
    match seconds % DAY {
        0 => format!("{} days", seconds / DAY),
        _ => format!("{:.1} days", seconds as f64 / DAY as f64),
    }
}

/// Revisions are long, and their beginning tells them apart.
fn short(revision: &str) -> &str {
    let is_hex = revision.len() == 40 && revision.bytes().all(|byte| byte.is_ascii_hexdigit());
    if is_hex { &revision[..12] } else { revision }
}

fn prefix(place: &str) -> String {
    if place.is_empty() { String::new() } else { format!("{place} ") }
}
