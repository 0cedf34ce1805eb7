//! The formats that have places.

use std::ops::Range;

use crate::error::PlaceError;
use crate::path::Path;
use crate::{hcl, properties, toml, yaml};

/// A format of files.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// YAML, whose documents are one after the other.
    Yaml,
    /// JSON, also with comments where YAML has them.
    Json,
    /// TOML.
    Toml,
    /// HCL, as Terraform and Packer have it.
    Hcl,
    /// Java's `.properties`.
    Properties,
}

impl Format {
    /// All of them, by the names that configurations have for them.
    pub const NAMES: [(&'static str, Format); 5] = [
        ("yaml", Format::Yaml),
        ("json", Format::Json),
        ("toml", Format::Toml),
        ("hcl", Format::Hcl),
        ("properties", Format::Properties),
    ];

    /// The format of a file's name, if that says one.
    #[must_use]
    pub fn of_name(name: &str) -> Option<Format> {
        let (_, extension) = name.rsplit_once('.')?;
        Some(match extension.to_ascii_lowercase().as_str() {
            "yaml" | "yml" => Format::Yaml,
            "json" => Format::Json,
            "toml" => Format::Toml,
            "hcl" | "tf" | "tfvars" | "nomad" => Format::Hcl,
            "properties" => Format::Properties,
            _ => return None,
        })
    }

    /// Where the value at a path stands.
    pub(crate) fn span(self, text: &str, path: &Path) -> Result<Range<usize>, PlaceError> {
        match self {
            Format::Yaml => yaml::span(text, path, "YAML"),
            Format::Json => yaml::span(text, path, "JSON"),
            Format::Toml => toml::span(text, path),
            Format::Hcl => hcl::span(text, path),
            Format::Properties => properties::span(text, path),
        }
    }
}
