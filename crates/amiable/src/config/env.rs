//! What a template says of its scripts' environment.

use std::collections::BTreeMap;

use ami_lifecycle::{Variable, check_variable};
use toml::Spanned;
use toml::de::DeValue;

use super::keys;
use super::reader::{At, Section};
use super::template::TemplateReader;

impl<'a> TemplateReader<'_, 'a> {
    /// The variables of `[defaults]` and of the template are merged.
    pub(super) fn env(&self) -> BTreeMap<String, Variable> {
        let mut all = BTreeMap::new();
        for section in [self.defaults, self.own] {
            for (name, value) in section.map("env").entries() {
                if let Err(reason) = check_variable(name.value) {
                    self.mistakes.add(name.span, format!("`{}` {reason}", name.value), None);
                } else if let Some(variable) = self.variable(&name, value) {
                    all.insert(name.value.to_owned(), variable);
                }
            }
        }
        all
    }

    fn variable(&self, name: &At<&str>, value: &'a Spanned<DeValue<'a>>) -> Option<Variable> {
        match value.get_ref() {
            DeValue::String(text) => Some(Variable::Plain(text.to_string())),
            DeValue::Table(table) => {
                let section = Section::new(table, value.span(), &keys::VARIABLE, self.mistakes);
                self.secret(name, &section)
            }
            _ => {
                let message = format!("`{}` must be a string or a table", name.value);
                let hint = "write a value, { from_env = \"NAME\" } or { command = [\"…\"] }";
                self.mistakes.add(value.span(), message, Some(hint.into()));
                None
            }
        }
    }

    fn secret(&self, name: &At<&str>, section: &Section<'a>) -> Option<Variable> {
        let from_env = section.string("from_env").map(|it| it.value.to_owned());
        let command = section.strings("command");
        section.refuse_others();
        match (from_env, command) {
            (Some(variable), None) => Some(Variable::FromEnv(variable)),
            (None, Some(words)) if !words.is_empty() => {
                let mut words: Vec<String> =
                    words.into_iter().map(|it| it.value.to_owned()).collect();
                // As for consumers, a path is relative to the configuration file.
                if words[0].contains('/') {
                    words[0] = self.folder.join(&words[0]).to_string_lossy().into_owned();
                }
                Some(Variable::Command(words))
            }
            _ => {
                let message =
                    format!("`{}` does not name exactly one source of its value", name.value);
                let hint = "give one of from_env and command";
                self.mistakes.add(section.span.clone(), message, Some(hint.into()));
                None
            }
        }
    }
}
