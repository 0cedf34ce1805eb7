//! `amiable.toml`: found, read strictly, and turned into templates.
//!
//! Every mistake of a file is reported at once, each with its place, the text in
//! question and a hint; no API call is made before the file is valid.

mod consumer;
mod diagnostic;
mod distribution;
mod env;
mod file_consumer;
mod git_consumer;
mod guest;
mod json_schema;
mod keep;
mod keys;
mod launch;
mod reach;
mod reader;
#[cfg(test)]
mod reference;
mod refresh;
mod schema;
pub(crate) mod settings;
mod source;
mod template;
mod volumes;

use std::path::{Path, PathBuf};

use ami_lifecycle::Template;

pub(crate) use diagnostic::{Diagnostic, render};
pub(crate) use json_schema::json_schema;
pub(crate) use keep::parse_days;

use crate::config::settings::{Config, Need};

/// The name that is looked for.
pub(crate) const FILE_NAME: &str = "amiable.toml";

/// Why there is no configuration.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ConfigError {
    #[error("there is no {FILE_NAME} in {} or a folder above it", .0.display())]
    NotFound(PathBuf),
    #[error("failed to read {}", path.display())]
    Unreadable { path: PathBuf, source: std::io::Error },
    #[error("{} has {}", path.display(), mistakes(diagnostics.len()))]
    Mistakes { path: PathBuf, text: String, diagnostics: Vec<Diagnostic> },
}

fn mistakes(count: usize) -> String {
    if count == 1 { "a mistake".into() } else { format!("{count} mistakes") }
}

impl Config {
    /// Reads the file that is given, else the nearest one from `start` upwards.
    pub(crate) fn load(
        given: Option<&Path>,
        start: &Path,
        need: Need,
    ) -> Result<Config, ConfigError> {
        let path = match given {
            Some(path) => path.to_owned(),
            None => find(start).ok_or_else(|| ConfigError::NotFound(start.to_owned()))?,
        };
        let text = std::fs::read_to_string(&path)
            .map_err(|source| ConfigError::Unreadable { path: path.clone(), source })?;
        schema::read(&path, &text, need).map_err(|diagnostics| ConfigError::Mistakes {
            path,
            text,
            diagnostics,
        })
    }

    /// Whether AMIs are copied to other regions.
    pub(crate) fn is_distributed(&self) -> bool {
        self.templates.iter().any(|template| !template.distribution.destinations.is_empty())
    }

    /// A template by its name; else the name that was perhaps meant.
    pub(crate) fn template(&self, name: &str) -> Result<&Template, Option<&str>> {
        let found = self.templates.iter().find(|template| template.name == name);
        found.ok_or_else(|| {
            diagnostic::nearest(name, self.templates.iter().map(|template| template.name.as_str()))
        })
    }
}

/// What is wrong with a text that is to be a configuration at a path.
pub(crate) fn check(path: &Path, text: &str) -> Vec<Diagnostic> {
    schema::read(path, text, Need::Bake).err().unwrap_or_default()
}

fn find(start: &Path) -> Option<PathBuf> {
    start.ancestors().map(|folder| folder.join(FILE_NAME)).find(|path| path.is_file())
}

#[cfg(test)]
mod tests;
