//! Templates in JSON, as Packer had them first
//! (<https://developer.hashicorp.com/packer/docs/templates/legacy_json_templates>).

use serde_json::Value;

use super::go;
use super::model::{Build, Given, Keys, Parsed, Step};
use super::value::{Unknown, holds_unknown};

/// How often variables are evaluated anew, as each may name others.
const ROUNDS: usize = 10;

/// `label` is what builders without a name are called.
pub(super) fn read(text: &str, label: &str, given: &Given) -> Result<Parsed, String> {
    let root: Value = serde_json::from_str(text).map_err(|error| error.to_string())?;
    let Value::Object(root) = root else { return Err("it is not a template".into()) };
    let variables = variables(&root, given);
    let mut parsed = Parsed::default();
    for key in root.keys() {
        match key.as_str() {
            "variables"
            | "sensitive-variables"
            | "builders"
            | "provisioners"
            | "post-processors"
            | "description"
            | "min_packer_version" => {}
            key if key.starts_with('_') => {}
            other => parsed.remarks.push(format!("`{other}` is not taken over")),
        }
    }
    let tables = |key: &str| -> Vec<Keys> {
        let all = root.get(key).and_then(Value::as_array).cloned().unwrap_or_default();
        let flat = all.into_iter().flat_map(|it| match it {
            Value::Array(sequence) => sequence,
            one => vec![one],
        });
        flat.map(|it| match evaluate(it, &variables) {
            Value::Object(keys) => keys,
            Value::String(kind) => Keys::from_iter([("type".to_owned(), kind.into())]),
            _ => Keys::new(),
        })
        .collect()
    };
    let provisioners: Vec<Step> = tables("provisioners").into_iter().map(step).collect();
    let post_processors: Vec<String> =
        tables("post-processors").into_iter().map(|mut it| kind_of(&mut it)).collect();
    for mut keys in tables("builders") {
        let kind = kind_of(&mut keys);
        let (name, label) = match keys.remove("name") {
            Some(Value::String(name)) => (name.clone(), name),
            _ => (kind.clone(), label.to_owned()),
        };
        let steps = provisioners.iter().filter(|it| is_for(it, &[&name]));
        let steps = steps.map(|it| overridden(it, &[&name]));
        parsed.builds.push(Build {
            steps: steps.collect(),
            name,
            label,
            kind,
            keys,
            post_processors: post_processors.clone(),
        });
    }
    if parsed.builds.is_empty() {
        return Err("it has no builders".into());
    }
    Ok(parsed)
}

fn kind_of(keys: &mut Keys) -> String {
    keys.remove("type").and_then(|it| it.as_str().map(str::to_owned)).unwrap_or_default()
}

fn step(mut keys: Keys) -> Step {
    let kind = kind_of(&mut keys);
    Step { kind, keys }
}

/// Whether a provisioner runs for a build of these names.
pub(super) fn is_for(step: &Step, names: &[&str]) -> bool {
    let listed = |key: &str| step.keys.get(key).and_then(Value::as_array);
    let has = |all: &Vec<Value>| all.iter().filter_map(Value::as_str).any(|it| names.contains(&it));
    let may_have = |all: &Vec<Value>| has(all) || all.iter().any(holds_unknown);
    listed("only").is_none_or(may_have) && !listed("except").is_some_and(has)
}

/// A provisioner with what it says for a build of these names. `only` and `except` stay where it
/// is not known what they say.
pub(super) fn overridden(step: &Step, names: &[&str]) -> Step {
    let mut step = step.clone();
    if let Some(Value::Object(all)) = step.keys.get("override").cloned() {
        step.keys.remove("override");
        let own = all.iter().find(|(key, _)| names.contains(&key.as_str()));
        if let Some(Value::Object(keys)) = own.map(|(_, keys)| keys.clone()) {
            step.keys.extend(keys);
        }
    }
    for key in ["only", "except"] {
        if step.keys.get(key).is_some_and(|it| !holds_unknown(it)) {
            step.keys.remove(key);
        }
    }
    step
}

/// What is given wins; a secret is never written down.
fn variables(root: &Keys, given: &Given) -> Given {
    let secret = root.get("sensitive-variables").and_then(Value::as_array);
    let is_secret =
        |name: &str| secret.is_some_and(|all| all.iter().any(|it| it.as_str() == Some(name)));
    let written: Vec<(&String, &Value)> =
        root.get("variables").and_then(Value::as_object).into_iter().flatten().collect();
    let mut all = given.clone();
    for _ in 0..ROUNDS {
        let before = all.clone();
        for (name, value) in &written {
            let value = match (value, given.get(*name)) {
                _ if is_secret(name) => Unknown::Secret((*name).clone()).text(),
                (_, Some(given)) => given.clone(),
                (Value::Null, _) => Unknown::Env(format!("PKR_VAR_{name}")).text(),
                (Value::String(text), _) => go::evaluate(text, &before),
                (other, _) => other.to_string(),
            };
            all.insert((*name).clone(), value);
        }
        if all == before {
            break;
        }
    }
    let secrets = secret.into_iter().flatten().filter_map(Value::as_str);
    all.extend(secrets.map(|name| (name.to_owned(), Unknown::Secret(name.to_owned()).text())));
    all
}

fn evaluate(value: Value, variables: &Given) -> Value {
    match value {
        Value::String(text) => go::evaluate(&text, variables).into(),
        Value::Array(all) => all.into_iter().map(|it| evaluate(it, variables)).collect(),
        Value::Object(all) => {
            let all = all.into_iter().map(|(key, it)| (key, evaluate(it, variables)));
            Value::Object(all.collect())
        }
        other => other,
    }
}
