//! Templates in JSON, as Packer had them first
//! (<https://developer.hashicorp.com/packer/docs/templates/legacy_json_templates>).

use serde_json::Value;

use super::value::Unknown;
use super::{Build, Given, Keys, Parsed, Step, go};

/// Keys whose braces are filled in on the instance.
const FILLED_LATER: [&str; 2] = ["execute_command", "clean_exclude"];

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
        let steps =
            provisioners.iter().filter(|it| is_for(it, &name)).map(|it| overridden(it, &name));
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

/// Whether a provisioner runs for a build of this name.
pub(super) fn is_for(step: &Step, name: &str) -> bool {
    let names = |key: &str| step.keys.get(key).and_then(Value::as_array);
    let has = |names: &Vec<Value>| {
        names
            .iter()
            .filter_map(Value::as_str)
            .any(|it| it == name || it.ends_with(&format!(".{name}")))
    };
    names("only").is_none_or(has) && !names("except").is_some_and(has)
}

/// A provisioner with what it says for a build of this name.
pub(super) fn overridden(step: &Step, name: &str) -> Step {
    let mut step = step.clone();
    if let Some(Value::Object(all)) = step.keys.remove("override") {
        let own = all.iter().find(|(key, _)| *key == name || key.ends_with(&format!(".{name}")));
        if let Some(Value::Object(keys)) = own.map(|(_, keys)| keys.clone()) {
            step.keys.extend(keys);
        }
    }
    step.keys.remove("only");
    step.keys.remove("except");
    step
}

/// What is given wins; a secret is never written down.
fn variables(root: &Keys, given: &Given) -> Given {
    let secret = root.get("sensitive-variables").and_then(Value::as_array);
    let is_secret =
        |name: &str| secret.is_some_and(|all| all.iter().any(|it| it.as_str() == Some(name)));
    let mut all = Given::new();
    for (name, value) in root.get("variables").and_then(Value::as_object).into_iter().flatten() {
        let own = || Unknown::Env(format!("PKR_VAR_{name}")).text();
        let value = match value {
            _ if is_secret(name) => own(),
            Value::Null => own(),
            Value::String(text) => go::evaluate(text, &Given::new()),
            other => other.to_string(),
        };
        all.insert(name.clone(), value);
    }
    all.extend(given.iter().map(|(name, value)| (name.clone(), value.clone())));
    all
}

fn evaluate(value: Value, variables: &Given) -> Value {
    match value {
        Value::String(text) => go::evaluate(&text, variables).into(),
        Value::Array(all) => all.into_iter().map(|it| evaluate(it, variables)).collect(),
        Value::Object(all) => {
            let of = |(key, value): (String, Value)| {
                let value = match FILLED_LATER.contains(&key.as_str()) {
                    true => value,
                    false => evaluate(value, variables),
                };
                (key, value)
            };
            Value::Object(all.into_iter().map(of).collect())
        }
        other => other,
    }
}
