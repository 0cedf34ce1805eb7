//! A file that is imported.

use ami_lifecycle::jenkins_config::Document;

/// A file of Jenkins'.
pub(crate) struct ImportFile {
    /// As the configuration is to name it.
    pub(crate) shown: String,
    /// What it says.
    pub(crate) document: Document,
    /// Jenkins' root URL, where the file or its folder tells it.
    pub(crate) root_url: Option<String>,
}
