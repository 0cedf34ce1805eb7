//! Templates in HCL2 (<https://developer.hashicorp.com/packer/docs/templates/hcl_templates>). All files
//! of a folder are one template.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use hcl::eval::{Context, Evaluate};
use hcl::expr::{Expression, ObjectKey};
use hcl::{Block, Body, Structure};
use serde_json::Value;

use super::decided::is_decided;
use super::functions::declare;
use super::go;
use super::json::{is_for, overridden};
use super::model::{Build, Given, Keys, Parsed, Step};
use super::value::{Unknown, holds_unknown, parts};

/// Values of variables from files.
type Values = BTreeMap<String, hcl::Value>;

/// How often locals are evaluated anew, as each may need others.
const ROUNDS: usize = 20;

/// What the files say, in their own words.
#[derive(Default)]
struct Blocks<'b> {
    variables: Vec<&'b Block>,
    locals: Vec<(String, &'b Expression, bool)>,
    data: Vec<&'b Block>,
    sources: Vec<&'b Block>,
    builds: Vec<&'b Block>,
}

pub(super) fn read(
    files: &[(PathBuf, String)],
    folder: &Path,
    given: &Given,
) -> Result<Parsed, String> {
    let mut bodies = Vec::new();
    let mut values = Values::new();
    for (path, text) in files {
        let body = hcl::parse(text).map_err(|error| format!("{}: {error}", path.display()))?;
        match path.to_string_lossy().ends_with(".pkrvars.hcl") {
            true => values.extend(body.attributes().map(value_of)),
            false => bodies.push(body),
        }
    }
    let mut parsed = Parsed::default();
    let blocks = sort(&bodies, &mut parsed.remarks);
    let is_variable = |name: &&String| {
        blocks.variables.iter().any(|it| labels(it).first() == Some(&name.as_str()))
    };
    parsed.remarks.extend(
        given
            .keys()
            .chain(values.keys())
            .filter(|it| !is_variable(it))
            .map(|it| format!("there is no variable `{it}`")),
    );
    let scope = Scope::new(&blocks, folder, given, &values);
    for block in &blocks.data {
        let [kind, name] = labels(block)[..] else { continue };
        match kind {
            "amazon-ami" | "amazon-parameterstore" => {
                parsed.data.insert(format!("{kind}.{name}"), scope.keys(block.body(), &["data"]));
            }
            other => parsed.remarks.push(format!("data \"{other}\" \"{name}\" is not evaluated")),
        }
    }
    for build in &blocks.builds {
        read_build(build, &blocks, &scope, &mut parsed);
    }
    if parsed.builds.is_empty() {
        return Err("there is no `build` block with a source".into());
    }
    Ok(parsed)
}

fn sort<'b>(bodies: &'b [Body], remarks: &mut Vec<String>) -> Blocks<'b> {
    let mut blocks = Blocks::default();
    for structure in bodies.iter().flat_map(Body::iter) {
        let block = match structure {
            Structure::Block(block) => block,
            Structure::Attribute(it) => {
                remarks.push(format!("`{}` is not taken over", it.key()));
                continue;
            }
        };
        match block.identifier() {
            "packer" => {}
            "variable" => blocks.variables.push(block),
            "locals" => {
                let all = block.body().attributes();
                blocks.locals.extend(all.map(|it| (it.key().to_owned(), it.expr(), false)));
            }
            "local" => {
                let expression = block.body().attributes().find(|it| it.key() == "expression");
                let secret = is_sensitive(block);
                let name = labels(block).first().copied().unwrap_or_default().to_owned();
                blocks.locals.extend(expression.map(|it| (name, it.expr(), secret)));
            }
            "data" => blocks.data.push(block),
            "source" => blocks.sources.push(block),
            "build" => blocks.builds.push(block),
            other => remarks.push(format!("`{other}` is not taken over")),
        }
    }
    blocks
}

fn is_sensitive(block: &Block) -> bool {
    let attribute = block.body().attributes().find(|it| it.key() == "sensitive");
    attribute.is_some_and(|it| *it.expr() != Expression::Bool(false))
}

fn labels(block: &Block) -> Vec<&str> {
    block.labels().iter().map(|label| label.as_str()).collect()
}

/// Each source of a `build` block, with the provisioners that are for it.
fn read_build(build: &Block, blocks: &Blocks<'_>, scope: &Scope, parsed: &mut Parsed) {
    let mut wanted: Vec<(String, Keys)> = Vec::new();
    let listed = build.body().attributes().find(|it| it.key() == "sources");
    let listed = listed.map(|it| scope.value(it.expr(), &[])).unwrap_or_default();
    for name in listed.as_array().into_iter().flatten().filter_map(Value::as_str) {
        wanted.push((name.trim_start_matches("source.").to_owned(), Keys::new()));
    }
    for own in build.body().blocks().filter(|it| it.identifier() == "source") {
        let name = labels(own).first().copied().unwrap_or_default();
        let name = name.trim_start_matches("source.").to_owned();
        wanted.push((name, scope.keys(own.body(), &[])));
    }
    let is_source = |block: &&Block, name: &str| labels(block).join(".") == name;
    for (name, own) in wanted {
        let Some(source) = blocks.sources.iter().find(|it| is_source(it, &name)) else {
            parsed.remarks.push(format!("there is no source {name}"));
            continue;
        };
        let (kind, short) = name.split_once('.').unwrap_or((&name, &name));
        let mut keys = scope.keys(source.body(), &[]);
        keys.extend(own);
        let short = match keys.remove("name") {
            Some(Value::String(name)) => name,
            _ => short.to_owned(),
        };
        let inner = scope.for_source(&short, kind);
        let mut steps = Vec::new();
        let mut post_processors = Vec::new();
        for block in build.body().blocks() {
            let first = labels(block).first().copied().unwrap_or_default().to_owned();
            match block.identifier() {
                "provisioner" => {
                    let step = Step { kind: first, keys: inner.keys(block.body(), &[]) };
                    let full = format!("{kind}.{short}");
                    if is_for(&step, &[&short, &full]) {
                        steps.push(overridden(&step, &[&short, &full]));
                    }
                }
                "error-cleanup-provisioner" => {
                    steps
                        .push(Step { kind: "error-cleanup-provisioner".into(), keys: Keys::new() });
                }
                "post-processor" => post_processors.push(first),
                "post-processors" => post_processors.extend(
                    block
                        .body()
                        .blocks()
                        .filter_map(|it| labels(it).first().map(|it| it.to_string())),
                ),
                "source" => {}
                other => parsed.remarks.push(format!("`{other}` of a build is not taken over")),
            }
        }
        let kind = kind.to_owned();
        let label = short.clone();
        parsed.builds.push(Build { name: short, label, kind, keys, steps, post_processors });
    }
}

/// What expressions can name.
#[derive(Clone)]
struct Scope {
    variables: BTreeMap<String, hcl::Value>,
}

impl Scope {
    fn new(blocks: &Blocks<'_>, folder: &Path, given: &Given, values: &Values) -> Scope {
        let mut scope = Scope { variables: BTreeMap::new() };
        let folder = folder.to_string_lossy();
        let path = [("root", ".".to_owned()), ("cwd", folder.into_owned())];
        scope.declare("path", path.map(|(name, it)| (name.to_owned(), it.into())));
        let data = blocks.data.iter().filter_map(|block| {
            let [kind, name] = labels(block)[..] else { return None };
            let full = format!("{kind}.{name}");
            let unknown = match kind {
                "amazon-ami" | "amazon-parameterstore" => Unknown::Ami(full),
                _ => Unknown::Expression(format!("data.{full}")),
            };
            let unknown = hcl::Value::from(unknown.text());
            let keys = ["id", "value"].map(|key| (key.to_owned(), unknown.clone()));
            Some((kind.to_owned(), name.to_owned(), object(keys)))
        });
        let mut kinds: BTreeMap<String, hcl::Map<String, hcl::Value>> = BTreeMap::new();
        for (kind, name, value) in data {
            kinds.entry(kind).or_default().insert(name, value);
        }
        let kinds = kinds.into_iter().map(|(kind, all)| (kind, hcl::Value::Object(all)));
        scope.declare("data", kinds);
        // A source is named by where it is.
        let mut sources: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
        for block in &blocks.sources {
            if let [kind, name] = labels(block)[..] {
                sources.entry(kind).or_default().push(name);
            }
        }
        let named = sources.into_iter().map(|(kind, names)| {
            let names = names.into_iter().map(|it| (it.to_owned(), format!("{kind}.{it}").into()));
            (kind.to_owned(), object(names))
        });
        scope.declare("source", named);
        let variables: Vec<(String, hcl::Value)> =
            blocks.variables.iter().filter_map(|it| scope.variable(it, given, values)).collect();
        scope.declare("var", variables);
        scope.locals(blocks);
        scope
    }

    fn declare(&mut self, name: &str, values: impl IntoIterator<Item = (String, hcl::Value)>) {
        self.variables.insert(name.to_owned(), object(values));
    }

    /// The same for the provisioners of a source.
    fn for_source(&self, name: &str, kind: &str) -> Scope {
        let mut scope = self.clone();
        let source = [("name", name), ("type", kind)];
        scope.declare("source", source.map(|(key, it)| (key.to_owned(), it.into())));
        scope
    }

    /// A variable's value: what is given, or its default; but a secret is never written down.
    fn variable(
        &self,
        block: &Block,
        given: &Given,
        values: &Values,
    ) -> Option<(String, hcl::Value)> {
        let name = labels(block).first()?.to_string();
        let attribute = |key: &str| block.body().attributes().find(|it| it.key() == key);
        let default = attribute("default").map(|it| self.value(it.expr(), &[]));
        let kind = attribute("type").and_then(|it| hcl::format::to_string(it.expr()).ok());
        // A value on the command line wins.
        let given = given.get(&name).map(|text| of_text(text, kind.as_deref()));
        let value = match (given.or(values.get(&name).cloned()), default) {
            (None, Some(default)) if is_env(&default) => of_json(default),
            _ if is_sensitive(block) => Unknown::Secret(name.clone()).text().into(),
            (Some(given), _) => given,
            (None, Some(default)) => of_json(default),
            (None, None) => Unknown::Env(format!("PKR_VAR_{name}")).text().into(),
        };
        Some((name, value))
    }

    fn locals(&mut self, blocks: &Blocks<'_>) {
        let mut known: BTreeMap<String, hcl::Value> = BTreeMap::new();
        for round in 0..ROUNDS {
            let before = known.len();
            for (name, expression, secret) in &blocks.locals {
                if known.contains_key(name) {
                    continue;
                }
                let value = match *secret {
                    true => Unknown::Secret(String::new()).text().into(),
                    false => self.value(expression, &[]),
                };
                let is_whole = !could_not_be_evaluated(&value);
                if is_whole || round + 1 == ROUNDS {
                    known.insert(name.clone(), of_json(value));
                }
            }
            self.declare("local", known.clone());
            if known.len() == blocks.locals.len() {
                break;
            }
            if known.len() == before {
                // What is left does not come to be known: each is told as it is written.
                for (name, expression, _) in &blocks.locals {
                    if !known.contains_key(name) {
                        known.insert(name.clone(), of_json(self.value(expression, &[])));
                    }
                }
                self.declare("local", known.clone());
                break;
            }
        }
    }

    /// The attributes of a body, and its blocks, each in an array of those of its name.
    fn keys(&self, body: &Body, without: &[&str]) -> Keys {
        let mut keys = Keys::new();
        for attribute in body.attributes().filter(|it| !without.contains(&it.key())) {
            keys.insert(
                attribute.key().to_owned(),
                self.value(attribute.expr(), &[attribute.key()]),
            );
        }
        for block in body.blocks() {
            let (name, inner) = match block.identifier() {
                "dynamic" => {
                    let name = labels(block).first().copied().unwrap_or_default();
                    let text = Unknown::Expression(format!("dynamic \"{name}\"")).text();
                    (name, text.into())
                }
                name => (name, Value::Object(self.keys(block.body(), &[]))),
            };
            let all = keys.entry(name.to_owned()).or_insert_with(|| Value::Array(Vec::new()));
            if let Some(all) = all.as_array_mut() {
                all.push(inner);
            }
        }
        keys
    }

    /// An expression's value; what cannot be evaluated stands for itself in it.
    fn value(&self, expression: &Expression, of: &[&str]) -> Value {
        match expression {
            Expression::Array(all) => all.iter().map(|it| self.value(it, of)).collect(),
            Expression::Object(all) => {
                let all = all.iter().map(|(key, value)| {
                    let key = match key {
                        ObjectKey::Identifier(name) => name.to_string(),
                        ObjectKey::Expression(key) => match self.value(key, &[]) {
                            Value::String(text) => text,
                            other => other.to_string(),
                        },
                        _ => String::new(),
                    };
                    let value = self.value(value, &[key.as_str()]);
                    (key, value)
                });
                Value::Object(all.collect())
            }
            other => match other.evaluate(&self.context()) {
                Ok(value) if is_decided(other, &|it| self.is_unknown(it)) => {
                    texts(to_json(value), of)
                }
                _ => {
                    let text = hcl::format::to_string(other).unwrap_or_default();
                    if text.contains("sensitive(") {
                        return Unknown::Secret(String::new()).text().into();
                    }
                    Unknown::Expression(text.trim().to_owned()).text().into()
                }
            },
        }
    }

    /// Whether something in what an expression stands for is not known.
    fn is_unknown(&self, expression: &Expression) -> bool {
        let value = expression.evaluate(&self.context());
        value.is_ok_and(|value| holds_unknown(&to_json(value)))
    }

    fn context(&self) -> Context<'_> {
        let mut context = Context::new();
        declare(&mut context);
        for (name, value) in &self.variables {
            context.declare_var(name.as_str(), value.clone());
        }
        context
    }
}

fn object(values: impl IntoIterator<Item = (String, hcl::Value)>) -> hcl::Value {
    hcl::Value::Object(values.into_iter().collect())
}

/// A variable's value in a *.pkrvars.hcl.
fn value_of(attribute: &hcl::Attribute) -> (String, hcl::Value) {
    let expression = attribute.expr();
    let value = expression.evaluate(&Context::new()).unwrap_or_else(|_| {
        let text = hcl::format::to_string(expression).unwrap_or_default();
        Unknown::Expression(text.trim().to_owned()).text().into()
    });
    (attribute.key().to_owned(), value)
}

/// Whether all of a value is one variable of the environment.
fn is_env(value: &Value) -> bool {
    let parts = value.as_str().map(parts).unwrap_or_default();
    matches!(parts.as_slice(), [Err(Unknown::Env(_))])
}

fn could_not_be_evaluated(value: &Value) -> bool {
    match value {
        Value::String(text) => {
            parts(text).iter().any(|it| matches!(it, Err(Unknown::Expression(_))))
        }
        Value::Array(all) => all.iter().any(could_not_be_evaluated),
        Value::Object(all) => all.values().any(could_not_be_evaluated),
        _ => false,
    }
}

/// As `-var` takes it: what is no text is written as HCL.
fn of_text(text: &str, kind: Option<&str>) -> hcl::Value {
    let is_whole = text.starts_with(['[', '{'])
        || kind.is_some_and(|it| ["bool", "number"].contains(&it.trim()));
    let parsed = is_whole.then(|| hcl::parse(&format!("x = {text}")).ok()).flatten();
    let value = parsed.and_then(|body| {
        let expression = body.attributes().next()?.expr().clone();
        expression.evaluate(&Context::new()).ok()
    });
    value.unwrap_or_else(|| text.into())
}

fn of_json(value: Value) -> hcl::Value {
    serde_json::from_value(value).unwrap_or(hcl::Value::Null)
}

fn to_json(value: hcl::Value) -> Value {
    serde_json::to_value(value).unwrap_or(Value::Null)
}

/// Texts have braces of the older language, too, but where those are filled in on the instance.
fn texts(value: Value, of: &[&str]) -> Value {
    match value {
        Value::String(text) if !of.contains(&"execute_command") => {
            go::evaluate(&text, &Given::new()).into()
        }
        Value::Array(all) => all.into_iter().map(|it| texts(it, of)).collect(),
        Value::Object(all) => {
            Value::Object(all.into_iter().map(|(key, it)| (key, texts(it, of))).collect())
        }
        other => other,
    }
}
