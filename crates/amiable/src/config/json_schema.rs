//! The JSON Schema of `amiable.toml`, for editors.

use serde_json::{Map, Value as Json, json};

use super::keys::{DEFAULTS, Default, FILE, Key, TEMPLATE, Table, Value};

/// The schema (<https://json-schema.org/draft-07/json-schema-release-notes>: what taplo reads).
pub(crate) fn json_schema() -> Json {
    let mut schema = object(&FILE);
    schema["$schema"] = "http://json-schema.org/draft-07/schema#".into();
    schema["title"] = "amiable.toml".into();
    schema
}

fn of(value: &Value) -> Json {
    match value {
        Value::Text => json!({ "type": "string" }),
        Value::Duration => json!({ "type": "string", "examples": ["90s", "20m", "2h"] }),
        Value::Age => json!({ "type": "string", "examples": ["30d", "6w", "36h"] }),
        Value::Bool => json!({ "type": "boolean" }),
        Value::Number(most) => json!({ "type": "integer", "minimum": 1, "maximum": most }),
        Value::Choice(choices) => json!({ "enum": choices }),
        Value::Texts => of(&Value::Array(&Value::Text)),
        Value::Array(value) => json!({ "type": "array", "items": of(value) }),
        Value::Object(table) => object(table),
        Value::Map(value) => json!({ "type": "object", "additionalProperties": of(value) }),
        Value::Any(table) => of_tables(table),
        Value::OneOf(values) => {
            json!({ "anyOf": values.iter().map(of).collect::<Vec<Json>>() })
        }
    }
}

fn of_tables(table: &Table) -> Json {
    json!({ "type": "object", "additionalProperties": object(table), "minProperties": 1 })
}

fn object(table: &Table) -> Json {
    let properties: Map<String, Json> =
        table.keys.iter().map(|key| (key.name.to_owned(), property(key))).collect();
    let required: Vec<&str> = table
        .keys
        .iter()
        .filter(|key| key.default == Default::Required)
        .map(|it| it.name)
        .collect();
    let mut object = json!({
        "type": "object",
        "properties": properties,
        "additionalProperties": false,
    });
    if !table.text.is_empty() {
        object["description"] = table.text.into();
    }
    // A template may have them from [defaults].
    if !required.is_empty()
        && !std::ptr::eq(table.keys, TEMPLATE.keys)
        && !std::ptr::eq(table.keys, DEFAULTS.keys)
    {
        object["required"] = json!(required);
    }
    object
}

fn property(key: &Key) -> Json {
    let mut property = of(&key.value);
    property["description"] = key.text.into();
    property["$comment"] = format!("since {}", key.since).into();
    let example = toml::from_str::<Json>(&format!("x = {}", key.example));
    if let Some(example) = example.ok().and_then(|it| it.get("x").cloned()) {
        property["examples"] = json!([example]);
    }
    property
}
