//! The body of a JSON request as parameters of the Query protocol, so that both are read alike:
//! `{"Names": ["a"], "Filter": {"Key": true}}` is `Names.1=a` and `Filter.Key=true`.

use serde_json::Value;

use super::{ApiError, ApiResult};

/// The parameters of a JSON body.
pub(crate) fn parameters(body: &[u8]) -> ApiResult<Vec<(String, String)>> {
    let body: &[u8] = if body.is_empty() { b"{}" } else { body };
    let malformed = |_| ApiError::new("SerializationException", "The request is not JSON");
    let value: Value = serde_json::from_slice(body).map_err(malformed)?;
    let mut all = Vec::new();
    collect(&value, "", &mut all);
    Ok(all)
}

fn collect(value: &Value, path: &str, all: &mut Vec<(String, String)>) {
    let below = |name: &str| {
        if path.is_empty() { name.to_owned() } else { format!("{path}.{name}") }
    };
    match value {
        Value::Object(fields) => {
            fields.iter().for_each(|(name, value)| collect(value, &below(name), all));
        }
        Value::Array(items) => {
            let numbered = items.iter().zip(1..);
            numbered.for_each(|(value, number)| collect(value, &below(&number.to_string()), all));
        }
        Value::Null => {}
        Value::String(text) => all.push((path.to_owned(), text.clone())),
        Value::Bool(_) | Value::Number(_) => all.push((path.to_owned(), value.to_string())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_body_is_read_as_parameters() {
        let body =
            br#"{"Names": ["a", "b"], "Tags": [{"Key": "k"}], "Overwrite": true, "No": null}"#;
        let all = parameters(body).unwrap();
        let all: Vec<String> = all.iter().map(|(name, value)| format!("{name}={value}")).collect();
        assert_eq!(all, ["Names.1=a", "Names.2=b", "Overwrite=true", "Tags.1.Key=k"]);
        assert_eq!(parameters(b"").unwrap(), []);
        assert_eq!(parameters(b"{").unwrap_err().code, "SerializationException");
    }
}
