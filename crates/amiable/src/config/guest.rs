//! What a template may say of its machines: how amiable gets in, what is sealed, and what
//! agents must have.

use std::collections::BTreeSet;

use ami_lifecycle::{HostKey, JenkinsAgent, KeyPair, Seal, SealStep, Source};
use toml::de::DeValue;

use super::diagnostic::did_you_mean;
use super::keys;
use super::reader::{At, Section};
use super::template::TemplateReader;

impl<'a> TemplateReader<'_, 'a> {
    pub(super) fn key_pair(&self) -> KeyPair {
        let file = self.text("ssh_key_file");
        let Some(name) = self.text("key_pair") else {
            if let Some(file) = file {
                let hint = "it is the private key of an EC2 key pair: add key_pair = \"NAME\"";
                let message = "`ssh_key_file` is given without `key_pair`";
                self.mistakes.add(file.span, message, Some(hint.into()));
            }
            return KeyPair::None;
        };
        match (name.value, file) {
            ("temporary", None) => KeyPair::Temporary,
            ("temporary", Some(file)) => {
                let hint = "remove it: the key is created for each bake and never written to disk";
                let message = "a temporary key pair does not need a file";
                self.mistakes.add(file.span, message, Some(hint.into()));
                KeyPair::Temporary
            }
            (name, Some(file)) => {
                let path = self.folder.join(file.value);
                if !path.is_file() {
                    let message = format!("there is no file {}", path.display());
                    self.mistakes.add(file.span, message, None);
                }
                KeyPair::Existing { name: name.to_owned(), file: path }
            }
            (name_text, None) => {
                let hint = "add ssh_key_file = \"FILE\", or write key_pair = \"temporary\"";
                let message = format!("the private key of key pair `{name_text}` is not given");
                self.mistakes.add(name.span, message, Some(hint.into()));
                KeyPair::None
            }
        }
    }

    pub(super) fn host_key(&self) -> Option<HostKey> {
        let text = self.text("host_key")?;
        match text.value {
            "injected" => Some(HostKey::Injected),
            "console" => Some(HostKey::Console),
            "first-contact" => Some(HostKey::FirstContact),
            other => {
                let hint = did_you_mean(other, &["injected", "console", "first-contact"]);
                let message = format!("`host_key` cannot be `{other}`");
                self.mistakes.add(text.span, message, Some(hint));
                None
            }
        }
    }

    /// The text of the file that is named.
    pub(super) fn user_data(&self) -> Option<String> {
        let file = self.text("user_data")?;
        let path = self.folder.join(file.value);
        let text = match std::fs::read_to_string(&path) {
            Ok(text) => text,
            Err(error) => {
                let message = format!("`user_data` {} cannot be read: {error}", path.display());
                let hint = "it names a file of text, relative to the configuration file";
                self.mistakes.add(file.span, message, Some(hint.into()));
                return None;
            }
        };
        if let Err(reason) = ami_lifecycle::check_user_data(&text) {
            let message = format!("`user_data` {} cannot be sent: {reason}", path.display());
            self.mistakes.add(file.span, message, None);
            return None;
        }
        Some(text)
    }

    pub(super) fn seal(&self, source: Option<&Source>) -> Seal {
        let section = self.of("seal").section("seal", &keys::SEAL);
        let script = section.string("script");
        let mut keep = BTreeSet::new();
        for name in section.strings("keep").unwrap_or_default() {
            match SealStep::ALL.into_iter().find(|step| step.as_str() == name.value) {
                Some(step) => drop(keep.insert(step)),
                None => {
                    let known = SealStep::ALL.map(SealStep::as_str);
                    let message = format!("sealing has no part `{}`", name.value);
                    self.mistakes.add(name.span, message, Some(did_you_mean(name.value, &known)));
                }
            }
        }
        let mut free_space = false;
        for name in section.strings("also").unwrap_or_default() {
            if name.value == SealStep::FreeSpace.as_str() {
                free_space = true;
            } else {
                let message = format!("sealing has no optional part `{}`", name.value);
                let hint =
                    "the only one is `free-space`: everything else is done unless `keep` lists it";
                self.mistakes.add(name.span, message, Some(hint.into()));
            }
        }
        section.refuse_others();
        Seal { keep, free_space, script: self.script_in_source(script, source) }
    }

    /// `agent = "jenkins"`, or a table with what is special about it.
    pub(super) fn agent(&self) -> Option<JenkinsAgent> {
        let plain = JenkinsAgent { java: "java".into(), remote_root: None, init_has_run: false };
        let value = self.of("agent").get("agent")?;
        let table = match value.get_ref() {
            DeValue::String(kind) if kind == "jenkins" => return Some(plain),
            DeValue::Table(table) => table,
            _ => {
                let hint = "write \"jenkins\", or { kind = \"jenkins\", java = …, remote_root = …, \
                            init_has_run = … }";
                self.mistakes.add(
                    value.span(),
                    "`agent` does not name a kind of agent",
                    Some(hint.into()),
                );
                return None;
            }
        };
        let section = Section::new(table, value.span(), &keys::AGENT, self.mistakes);
        match section.string("kind") {
            Some(kind) if kind.value == "jenkins" => {}
            Some(kind) => {
                let message = format!("`{}` is not a kind of agent", kind.value);
                self.mistakes.add(kind.span, message, Some("there is `jenkins`".into()));
            }
            None if section.has("kind") => {}
            None => section.missing("kind", Some("there is kind = \"jenkins\"".into())),
        }
        let text = |key| section.string(key).map(|text: At<&str>| text.value.to_owned());
        let agent = JenkinsAgent {
            java: text("java").unwrap_or(plain.java),
            remote_root: text("remote_root"),
            init_has_run: section.boolean("init_has_run").unwrap_or(false),
        };
        section.refuse_others();
        Some(agent)
    }
}
