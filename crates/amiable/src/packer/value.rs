//! Values that are not known before a build: they stand for themselves in texts, between two
//! characters that no template has.

use serde_json::Value;

use super::model::Keys;

const START: char = '\u{1}';
const END: char = '\u{2}';

/// What stands in a text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Unknown {
    /// A variable of the environment.
    Env(String),
    /// A sensitive variable, by its name; without a name another sensitive value.
    Secret(String),
    /// The time of the build.
    Date,
    /// The AMI that a `data` block of this name finds.
    Ami(String),
    /// An expression that could not be evaluated.
    Expression(String),
}

impl Unknown {
    /// As a part of a text.
    pub(super) fn text(&self) -> String {
        match self {
            Unknown::Env(name) => format!("{START}env:{name}{END}"),
            Unknown::Secret(name) => format!("{START}secret:{name}{END}"),
            Unknown::Date => format!("{START}date:{END}"),
            Unknown::Ami(name) => format!("{START}ami:{name}{END}"),
            Unknown::Expression(text) => format!("{START}expr:{text}{END}"),
        }
    }

    fn read(text: &str) -> Unknown {
        let (kind, rest) = text.split_once(':').unwrap_or(("expr", text));
        match kind {
            "env" => Unknown::Env(rest.into()),
            "secret" => Unknown::Secret(rest.into()),
            "date" => Unknown::Date,
            "ami" => Unknown::Ami(rest.into()),
            _ => Unknown::Expression(rest.into()),
        }
    }
}

/// Whether something in a text is not known.
pub(super) fn has_unknown(text: &str) -> bool {
    text.contains(START)
}

/// The same in a value of any shape, keys of maps included.
pub(super) fn holds_unknown(value: &Value) -> bool {
    match value {
        Value::String(text) => has_unknown(text),
        Value::Array(all) => all.iter().any(holds_unknown),
        Value::Object(all) => all.iter().any(|(key, it)| has_unknown(key) || holds_unknown(it)),
        _ => false,
    }
}

/// A text for people, in which what is not known stands as templates name it.
pub(super) fn shown(text: &str) -> String {
    let part = |part| match part {
        Ok(text) => String::from(text),
        Err(Unknown::Env(name)) => match name.strip_prefix("PKR_VAR_") {
            Some(variable) => format!("${{var.{variable}}}"),
            None => format!("${{env({name})}}"),
        },
        Err(Unknown::Secret(name)) if name.is_empty() => "${sensitive}".into(),
        Err(Unknown::Secret(name)) => format!("${{var.{name}}}"),
        Err(Unknown::Date) => "${timestamp}".into(),
        Err(Unknown::Ami(name)) => format!("${{data.{name}}}"),
        Err(Unknown::Expression(text)) => format!("${{{text}}}"),
    };
    parts(text).into_iter().map(part).collect()
}

/// What a text is made of: what is known, and what is not.
pub(super) fn parts(text: &str) -> Vec<Result<&str, Unknown>> {
    let mut all = Vec::new();
    let mut rest = text;
    while let Some((before, from)) = rest.split_once(START) {
        if !before.is_empty() {
            all.push(Ok(before));
        }
        let (inner, after) = from.split_once(END).unwrap_or((from, ""));
        all.push(Err(Unknown::read(inner)));
        rest = after;
    }
    if !rest.is_empty() {
        all.push(Ok(rest));
    }
    all
}

/// The text where all of it is known; else what is not.
pub(super) fn known(text: &str) -> Result<String, String> {
    let mut whole = String::new();
    for part in parts(text) {
        match part {
            Ok(text) => whole += text,
            Err(unknown) => return Err(why(&unknown)),
        }
    }
    Ok(whole)
}

/// Why something is not known, for people.
pub(super) fn why(unknown: &Unknown) -> String {
    match unknown {
        Unknown::Env(name) => match name.strip_prefix("PKR_VAR_") {
            Some(variable) => format!(
                "its value comes from the variable `{variable}`: give it with --var {variable}=…"
            ),
            None => format!("its value comes from the environment ({name}): write it here"),
        },
        Unknown::Secret(_) => {
            "its value is sensitive: scripts can have it by `env` and `from_env`".into()
        }
        Unknown::Date => "its value has the time of the build".into(),
        Unknown::Ami(name) => format!("its value is the AMI of data \"{name}\""),
        Unknown::Expression(text) => format!("`{text}` could not be evaluated"),
    }
}

/// A scalar as text, of which all is known.
pub(super) fn text(value: &Value) -> Result<String, String> {
    match value {
        Value::String(text) => known(text),
        Value::Bool(it) => Ok(it.to_string()),
        Value::Number(it) => Ok(it.to_string()),
        _ => Err("its value is not a text".into()),
    }
}

/// `true`, or a text that says so.
pub(super) fn flag(value: &Value) -> Result<bool, String> {
    match text(value)?.as_str() {
        "true" => Ok(true),
        "false" => Ok(false),
        other => Err(format!("`{other}` is neither true nor false")),
    }
}

/// A whole number.
pub(super) fn number(value: &Value) -> Result<u64, String> {
    let text = text(value)?;
    text.parse().map_err(|_| format!("`{text}` is not a number"))
}

/// A text, or several.
pub(super) fn texts(value: &Value) -> Result<Vec<String>, String> {
    match value {
        Value::Array(all) => all.iter().map(text).collect(),
        one => Ok(vec![text(one)?]),
    }
}

/// The same where a template in JSON may part several by commas.
pub(super) fn list(value: &Value) -> Result<Vec<String>, String> {
    let all = texts(value)?;
    if value.is_array() {
        return Ok(all);
    }
    Ok(all.iter().flat_map(|it| it.split(',')).map(|it| it.trim().to_owned()).collect())
}

/// A block, or several of one name.
pub(super) fn blocks(value: &Value) -> Result<Vec<&Keys>, String> {
    match value {
        Value::Array(all) => all.iter().map(block).collect(),
        one => Ok(vec![block(one)?]),
    }
}

fn block(value: &Value) -> Result<&Keys, String> {
    let why = || text(value).err().unwrap_or_else(|| "its value is not a block".into());
    value.as_object().ok_or_else(why)
}

/// The entries of blocks.
pub(super) fn entries(value: Option<&Value>) -> Result<Vec<(&String, &Value)>, String> {
    let blocks = value.map(blocks).transpose()?.unwrap_or_default();
    Ok(blocks.into_iter().flatten().collect())
}

/// A key that says what holds without it.
pub(super) fn is_nothing(value: &Value) -> bool {
    match value {
        Value::Null | Value::Bool(false) => true,
        Value::String(text) => text.is_empty(),
        Value::Array(all) => all.is_empty(),
        Value::Object(all) => all.is_empty(),
        _ => false,
    }
}
