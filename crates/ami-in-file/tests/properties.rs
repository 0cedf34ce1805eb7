//! Whatever the file: another id at one place changes that place and no other, as independent parsers see
//! it, and back again it is the same bytes.

use ami_in_file::{Format, Path, Place, exchange, find};
use proptest::prelude::*;
use serde_json::{Map, Value};

const NEW: &str = "ami-0fedcba9876543210";

fn value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        4 => "ami-[0-9a-f]{17}".prop_map(Value::String),
        1 => "[ -~é]{0,12}".prop_map(Value::String),
        1 => any::<i32>().prop_map(Value::from),
        1 => any::<bool>().prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 24, 4, |inner| {
        let key = prop_oneof!["[a-z]{1,5}", "[a-z]{1,3}[.: -][a-z]{1,3}"];
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..4).prop_map(Value::Array),
            proptest::collection::btree_map(key, inner, 1..4)
                .prop_map(|map| Value::Object(map.into_iter().collect())),
        ]
    })
}

/// A table with anything in it.
fn document() -> impl Strategy<Value = Map<String, Value>> {
    proptest::collection::btree_map("[a-z]{1,5}", value(), 1..5)
        .prop_map(|map| map.into_iter().collect())
}

/// The paths of all ids, as they are written and as pointers.
fn ids(value: &Value, path: &str, pointer: &str, all: &mut Vec<(String, String)>) {
    match value {
        Value::String(text) if ami_in_file::is_id(text) => {
            all.push((path.to_owned(), pointer.to_owned()));
        }
        Value::Array(items) => {
            for (number, item) in items.iter().enumerate() {
                ids(item, &format!("{path}[{number}]"), &format!("{pointer}/{number}"), all);
            }
        }
        Value::Object(fields) => {
            for (key, item) in fields {
                let dot = if path.is_empty() { "" } else { "." };
                ids(item, &format!("{path}{dot}\"{key}\""), &format!("{pointer}/{key}"), all);
            }
        }
        _ => {}
    }
}

fn check(
    document: &Map<String, Value>,
    format: Format,
    text: &str,
    parse: impl Fn(&str) -> Value,
) -> Result<(), TestCaseError> {
    let whole = Value::Object(document.clone());
    let mut all = Vec::new();
    ids(&whole, "", "", &mut all);
    for (path, pointer) in all {
        let place = Place::At(format, vec![Path::parse(&path).unwrap()]);
        let spans = find(text, &place)
            .map_err(|error| TestCaseError::fail(format!("{path}: {error}\n{text}")))?;
        let changed = exchange(text, &spans, NEW);
        let mut expected = whole.clone();
        let old = expected.pointer(&pointer).unwrap().as_str().unwrap().to_owned();
        *expected.pointer_mut(&pointer).unwrap() = Value::String(NEW.into());
        prop_assert_eq!(parse(&changed), expected, "{}", changed);
        let back = exchange(&changed, &find(&changed, &place).unwrap(), &old);
        prop_assert_eq!(&back, text);
    }
    Ok(())
}

proptest! {
    #[test]
    fn json(document in document(), pretty in any::<bool>()) {
        let text = if pretty {
            serde_json::to_string_pretty(&document).unwrap()
        } else {
            serde_json::to_string(&document).unwrap()
        };
        check(&document, Format::Json, &text, |text| serde_json::from_str(text).unwrap())?;
    }

    #[test]
    fn yaml(document in document()) {
        let text = serde_yaml_ng::to_string(&document).unwrap();
        check(&document, Format::Yaml, &text, |text| serde_yaml_ng::from_str(text).unwrap())?;
    }

    #[test]
    fn toml(document in document()) {
        let text = toml::to_string(&document).unwrap();
        check(&document, Format::Toml, &text, |text| {
            let value: toml::Table = text.parse().unwrap();
            serde_json::to_value(value).unwrap()
        })?;
    }

    #[test]
    fn hcl(document in document()) {
        let text = hcl::to_string(&document).unwrap();
        check(&document, Format::Hcl, &text, |text| hcl::from_str(text).unwrap())?;
    }

    #[test]
    fn nothing_panics(text in "[ -~\n]{0,80}", path in "[a-z\"\\[\\].]{0,10}") {
        let Some(path) = Path::parse(&path) else { return Ok(()) };
        for (_, format) in Format::NAMES {
            let _ = find(&text, &Place::At(format, vec![path.clone()]));
        }
    }
}
