//! The variables that shell provisioners give their scripts.

use std::collections::BTreeMap;

use ami_lifecycle::check_variable;
use serde_json::Value;

use super::model::{Keys, Step};
use super::value::{self, Unknown, has_unknown, parts};
use crate::toml_text::quoted;

/// The variables of all shell provisioners.
#[derive(Default)]
pub(super) struct Environment {
    /// Those that have one value, with it as TOML.
    pub(super) all: BTreeMap<String, String>,
    /// Those that have several, or that not all have: each script has to set these itself.
    pub(super) several: Vec<String>,
}

/// The variables of a provisioner.
#[derive(Default)]
pub(super) struct Variables {
    pub(super) all: Vec<(String, String)>,
    /// What is not understood of a key, and why.
    pub(super) left: Vec<(&'static str, String)>,
}

/// `environment_vars = ["A=b"]` and `env = { A = "b" }`.
pub(super) fn variables(keys: &Keys) -> Variables {
    let mut found = Variables::default();
    let listed = match keys.get("environment_vars") {
        // A template in JSON may part several by commas.
        Some(Value::String(text)) if !has_unknown(text) => {
            text.split(',').map(Value::from).collect()
        }
        Some(Value::Array(several)) => several.clone(),
        one => one.cloned().into_iter().collect(),
    };
    for entry in listed {
        match entry.as_str().and_then(|it| it.split_once('=')) {
            Some((name, value)) if !has_unknown(name) => {
                found.all.push((name.into(), value.into()));
            }
            _ => {
                let why = value::text(&entry).err().unwrap_or_else(|| "it has no `=`".into());
                found.left.push(("environment_vars", why));
            }
        }
    }
    match value::entries(keys.get("env")) {
        Ok(entries) => entries.into_iter().for_each(|(name, value)| found.add(name, value)),
        Err(why) => found.left.push(("env", why)),
    }
    found
}

impl Variables {
    fn add(&mut self, name: &str, value: &Value) {
        match value {
            _ if has_unknown(name) => self.left.push(("env", "a name in it is not known".into())),
            Value::String(text) => self.all.push((name.into(), text.clone())),
            Value::Bool(_) | Value::Number(_) => self.all.push((name.into(), value.to_string())),
            _ => self.left.push(("env", format!("{name} is not a text"))),
        }
    }
}

/// A variable's value as TOML; a secret is read from the environment.
pub(super) fn toml_of(value: &str) -> Result<String, String> {
    match parts(value).as_slice() {
        [Err(Unknown::Env(name))] => Ok(format!("{{ from_env = {} }}", quoted(name))),
        [Err(Unknown::Secret(name))] if !name.is_empty() => {
            Ok(format!("{{ from_env = {} }}", quoted(&format!("PKR_VAR_{name}"))))
        }
        _ => value::known(value).map(|it| quoted(&it)),
    }
}

impl Environment {
    pub(super) fn of(shells: &[&Step]) -> Environment {
        let mut env = Environment::default();
        let mut seen: BTreeMap<String, (String, usize)> = BTreeMap::new();
        for (name, value) in shells.iter().flat_map(|it| variables(&it.keys).all) {
            match seen.get_mut(&name) {
                Some((other, _)) if *other != value => env.several.push(name),
                Some((_, times)) => *times += 1,
                None => drop(seen.insert(name, (value, 1))),
            }
        }
        for (name, (value, times)) in seen {
            // What only some provisioners have is for these alone, unless it is a secret.
            if times < shells.len() && !has_unknown(&value) {
                env.several.push(name);
                continue;
            }
            if !env.several.contains(&name)
                && check_variable(&name).is_ok()
                && let Ok(toml) = toml_of(&value)
            {
                env.all.insert(name, toml);
            }
        }
        env
    }
}
