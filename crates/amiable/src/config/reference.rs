//! The reference of `amiable.toml`'s keys, in Markdown.

use std::fmt::Write;

use super::keys::{Default, FILE, Key, Table, Value};

/// A chapter for each table, after those that lead to it.
pub(crate) fn markdown() -> String {
    let mut tables: Vec<&'static Table> = vec![&FILE];
    let mut next = 0;
    while let Some(table) = tables.get(next).copied() {
        for key in table.keys {
            for below in below(&key.value) {
                if !tables.iter().any(|it| std::ptr::eq(*it, below)) {
                    tables.push(below);
                }
            }
        }
        next += 1;
    }
    let chapters: String = tables.into_iter().map(chapter).collect();
    format!("{HEAD}{}\n", chapters.trim_end())
}

const HEAD: &str = "# Configuration

amiable finds `amiable.toml` through `--config`, through `AMIABLE_CONFIG`, or by searching upwards
from the current directory. Paths in it are relative to it. The tests write this page from the code:
`amiable schema` prints the same as a JSON Schema.

";

/// The tables that a value may be.
fn below(value: &Value) -> Vec<&'static Table> {
    match value {
        Value::Object(table) | Value::Any(table) => vec![table],
        Value::Array(value) | Value::Map(value) => below(value),
        Value::OneOf(values) => values.iter().flat_map(below).collect(),
        _ => Vec::new(),
    }
}

fn chapter(table: &Table) -> String {
    let mut text = format!("## {}\n\n", heading(table));
    if !table.text.is_empty() {
        writeln!(text, "{}\n", table.text).expect("a String takes all");
    }
    text += "| key | value | without it | since | |\n|---|---|---|---|---|\n";
    for key in table.keys {
        text += &row(key);
    }
    text + "\n"
}

fn heading(table: &Table) -> String {
    match table.title.strip_prefix("the ") {
        Some(_) => "The file".into(),
        None => table.title.to_owned(),
    }
}

fn row(key: &Key) -> String {
    let Key { name, value, default, example, text, since } = key;
    let default = match default {
        Default::Required => "required".to_owned(),
        Default::Is(value) => format!("`{value}`"),
        Default::Means(words) => (*words).to_owned(),
    };
    let example = match *example {
        "" => String::new(),
        example => format!(" Example: `{name} = {example}`"),
    };
    format!("| `{name}` | {} | {default} | {since} | {text}{example} |\n", describe(value))
}

fn describe(value: &Value) -> String {
    match value {
        Value::Text => "text".into(),
        Value::Bool => "`true` or `false`".into(),
        Value::Number(most) => format!("1 to {most}"),
        Value::Duration => "duration, such as `\"20m\"`".into(),
        Value::Age => "age, such as `\"30d\"`".into(),
        Value::Choice(choices) => {
            let quoted: Vec<String> = choices.iter().map(|it| format!("`\"{it}\"`")).collect();
            quoted.join(", ")
        }
        Value::Texts => "array of text".into(),
        Value::Array(value) => format!("array of: {}", describe(value)),
        Value::Object(table) => format!("table ({})", heading(table)),
        Value::Any(table) => format!("tables ({})", heading(table)),
        Value::Map(value) => format!("table of any keys: {}", describe(value)),
        Value::OneOf(values) => values.iter().map(describe).collect::<Vec<_>>().join("; or "),
    }
}
