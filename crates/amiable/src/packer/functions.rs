//! The functions that Packer's HCL templates use most
//! (<https://developer.hashicorp.com/packer/docs/templates/hcl_templates/functions>).

use hcl::Value;
use hcl::eval::{Context, FuncArgs, FuncDef, ParamType};

use super::value::{Unknown, has_unknown, parts};

/// Declares them. What others are called for could not be evaluated, and is told.
pub(super) fn declare(context: &mut Context<'_>) {
    let any = |function: fn(FuncArgs) -> Result<Value, String>| {
        FuncDef::builder().variadic_param(ParamType::Any).build(function)
    };
    context.declare_func("env", any(|args| Ok(Unknown::Env(text(&args, 0)?).text().into())));
    for name in ["timestamp", "isotime", "legacy_isotime", "legacy_strftime"] {
        context.declare_func(name, any(|_| Ok(Unknown::Date.text().into())));
    }
    // However a time is written, it is one.
    context.declare_func("formatdate", any(|args| date(&args, 1)));
    context.declare_func("timeadd", any(|args| date(&args, 0)));
    for name in ["regex_replace", "clean_resource_name"] {
        context.declare_func(name, any(of_date));
    }
    context.declare_func("replace", any(replace));
    context.declare_func("lower", any(|args| changed(&args, str::to_lowercase)));
    context.declare_func("upper", any(|args| changed(&args, str::to_uppercase)));
    context.declare_func("trimspace", any(|args| Ok(text(&args, 0)?.trim().into())));
    context.declare_func(
        "trimprefix",
        any(|args| {
            let (whole, start) = (text(&args, 0)?, text(&args, 1)?);
            Ok(whole.strip_prefix(&start).unwrap_or(&whole).into())
        }),
    );
    context.declare_func(
        "trimsuffix",
        any(|args| {
            let (whole, end) = (text(&args, 0)?, text(&args, 1)?);
            Ok(whole.strip_suffix(&end).unwrap_or(&whole).into())
        }),
    );
    context.declare_func(
        "join",
        any(|args| {
            let (between, all) = (text(&args, 0)?, list(&args, 1)?);
            let texts: Result<Vec<String>, String> = all.iter().map(as_it_is).collect();
            Ok(texts?.join(&between).into())
        }),
    );
    context.declare_func(
        "split",
        any(|args| {
            let (between, whole) = (text(&args, 0)?, text(&args, 1)?);
            Ok(whole.split(&between).map(Value::from).collect::<Vec<Value>>().into())
        }),
    );
    context.declare_func(
        "concat",
        any(|args| {
            let lists: Result<Vec<Vec<Value>>, String> =
                (0..args.len()).map(|index| list(&args, index)).collect();
            Ok(lists?.concat().into())
        }),
    );
    context.declare_func(
        "coalesce",
        any(|args| {
            let given = args.iter().find(|it| !it.is_null() && it.as_str() != Some(""));
            let given = given.ok_or("all are empty")?;
            // Whether it is empty is not known either.
            let is_last = args.last() == Some(given);
            match given.as_str().is_some_and(has_unknown) && !is_last {
                true => Err(NOT_KNOWN.into()),
                false => Ok(given.clone()),
            }
        }),
    );
    context.declare_func(
        "merge",
        any(|args| {
            let map = |it: &Value| it.as_object().cloned().ok_or("an argument is not a map");
            let maps: Result<Vec<_>, _> = args.iter().map(map).collect();
            Ok(Value::Object(maps?.into_iter().flatten().collect()))
        }),
    );
    context.declare_func(
        "lookup",
        any(|args| {
            let map = args.first().and_then(Value::as_object).ok_or("no map")?;
            let found = map.get(text(&args, 1)?.as_str()).or(args.get(2));
            found.cloned().ok_or_else(|| "there is no such key".into())
        }),
    );
    context.declare_func("format", any(format));
    context.declare_func(
        "basename",
        any(|args| {
            let whole = text(&args, 0)?;
            let name = std::path::Path::new(&whole).file_name();
            Ok(name.map(|it| it.to_string_lossy().into_owned()).unwrap_or_default().into())
        }),
    );
    context.declare_func("sensitive", any(|_| Ok(Unknown::Secret(String::new()).text().into())));
    for name in ["tostring", "tolist", "toset", "tonumber"] {
        context.declare_func(name, any(|args| args.first().cloned().ok_or_else(|| "none".into())));
    }
}

/// A time stays one, however it is written; other times are not read.
fn date(args: &FuncArgs, index: usize) -> Result<Value, String> {
    let whole = args.get(index).and_then(Value::as_str).ok_or("an argument is missing")?;
    match whole == Unknown::Date.text() {
        true => Ok(whole.into()),
        false => Err("times are not evaluated".into()),
    }
}

/// What is known of a text is changed; a time in it is not.
fn changed(args: &FuncArgs, change: impl Fn(&str) -> String) -> Result<Value, String> {
    let whole = as_it_is(args.first().ok_or("an argument is missing")?)?;
    let parts = parts(&whole).into_iter().map(|part| match part {
        Ok(text) => Ok(change(text)),
        Err(Unknown::Date) => Ok(Unknown::Date.text()),
        Err(_) => Err(NOT_KNOWN.to_owned()),
    });
    Ok(parts.collect::<Result<String, String>>()?.into())
}

const NOT_KNOWN: &str = "an argument is not known";

/// A part of a time is one; of all else it is not known here what a pattern of Go's means.
fn of_date(args: FuncArgs) -> Result<Value, String> {
    date(&args, 0).map_err(|_| "regular expressions are not evaluated".into())
}

fn replace(args: FuncArgs) -> Result<Value, String> {
    let (from, to) = (text(&args, 1)?, text(&args, 2)?);
    if from.starts_with('/') && from.ends_with('/') && from.len() > 1 {
        return of_date(args);
    }
    changed(&args, |whole| whole.replace(&from, &to))
}

/// `%s`, `%d`, `%v` and `%%`.
fn format(args: FuncArgs) -> Result<Value, String> {
    let pattern = text(&args, 0)?;
    let (mut whole, mut next, mut rest) = (String::new(), 1, pattern.as_str());
    while let Some((before, from)) = rest.split_once('%') {
        whole += before;
        let verb = from.chars().next().ok_or("a `%` at the end")?;
        match verb {
            '%' => whole.push('%'),
            's' | 'd' | 'v' => {
                whole += &as_it_is(args.get(next).ok_or("an argument is missing")?)?;
                next += 1;
            }
            other => return Err(format!("`%{other}` is not evaluated")),
        }
        rest = &from[verb.len_utf8()..];
    }
    Ok((whole + rest).into())
}

/// A text of which all is known.
fn text(args: &FuncArgs, index: usize) -> Result<String, String> {
    let text = as_it_is(args.get(index).ok_or("an argument is missing")?)?;
    if has_unknown(&text) { Err(NOT_KNOWN.into()) } else { Ok(text) }
}

/// A text that what is not known may stand in.
fn as_it_is(value: &Value) -> Result<String, String> {
    match value {
        Value::String(text) => Ok(text.clone()),
        Value::Number(number) => Ok(number.to_string()),
        Value::Bool(flag) => Ok(flag.to_string()),
        _ => Err("an argument is not a text".into()),
    }
}

fn list(args: &FuncArgs, index: usize) -> Result<Vec<Value>, String> {
    let all = args.get(index).and_then(Value::as_array);
    all.cloned().ok_or_else(|| "an argument is not a list".into())
}
