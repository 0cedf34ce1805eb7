//! The template language of Go in Packer's texts: `{{user `x`}}` and the like.

use super::model::Given;
use super::value::Unknown;

/// Replaces what is between braces. `variables` are those of a template in JSON.
pub(super) fn evaluate(text: &str, variables: &Given) -> String {
    let mut whole = String::new();
    let mut rest = text;
    while let Some((before, from)) = rest.split_once("{{") {
        whole += before;
        let Some((inner, after)) = from.split_once("}}") else {
            whole += "{{";
            rest = from;
            continue;
        };
        whole += &action(inner.trim_matches('-').trim(), variables);
        rest = after;
    }
    whole + rest
}

fn action(text: &str, variables: &Given) -> String {
    // What follows a pipe changes how a value is written, not what it is.
    let first = text.split('|').next().unwrap_or_default().trim();
    let (name, argument) = first.split_once(char::is_whitespace).unwrap_or((first, ""));
    let argument = argument.trim().trim_matches(['`', '"', '\'']);
    match name {
        "user" => match variables.get(argument) {
            Some(value) => value.clone(),
            None => Unknown::Env(format!("PKR_VAR_{argument}")).text(),
        },
        "env" => Unknown::Env(argument.into()).text(),
        "timestamp" | "isotime" | "strftime" => Unknown::Date.text(),
        "template_dir" | "pwd" => ".".into(),
        // What a builder or a provisioner puts in, such as `.Path`.
        _ if name.starts_with('.') => format!("{{{{{text}}}}}"),
        _ => Unknown::Expression(format!("{{{{ {text} }}}}")).text(),
    }
}

#[cfg(test)]
mod tests {
    use super::super::value::parts;
    use super::*;

    #[test]
    fn what_is_between_braces_is_replaced_where_it_is_known() {
        let variables = Given::from([("a".to_owned(), "1".to_owned())]);
        let of = |text: &str| evaluate(text, &variables);
        assert_eq!(of("x-{{user `a`}}-{{ user \"a\" }}"), "x-1-1");
        assert_eq!(of("{{ .Vars }} sudo {{.Path}} {{"), "{{.Vars}} sudo {{.Path}} {{");
        assert_eq!(parts(&of("web-{{timestamp}}")), [Ok("web-"), Err(Unknown::Date)]);
        let date = of("{{isotime \"2006-01-02\" | clean_resource_name}}");
        assert_eq!(parts(&date), [Err(Unknown::Date)]);
        assert_eq!(parts(&of("{{user `b`}}")), [Err(Unknown::Env("PKR_VAR_b".into()))]);
        assert_eq!(parts(&of("{{uuid}}")), [Err(Unknown::Expression("{{ uuid }}".into()))]);
    }
}
