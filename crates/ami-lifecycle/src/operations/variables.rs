//! The values of a template's variables, read on the operator's machine.

use std::process::Stdio;
use std::time::Duration;

use tokio::process::Command;

use crate::guest::script_env::ScriptEnv;
use crate::guest::site::Site;
use crate::model::variable::{Environment, Variable};
use crate::operations::error::BakeError;

/// So long a program may take that prints a secret.
const LIMIT: Duration = Duration::from_secs(60);

/// Reads all.
///
/// # Errors
/// When one could not be read, or cannot be a variable's value.
pub(crate) async fn read_variables(site: Site<'_>) -> Result<ScriptEnv, BakeError> {
    let mut env = ScriptEnv::default();
    for (name, variable) in &site.template.env {
        let value = site.or_cancel(value_of(variable, site.environment)).await?;
        let value = value.and_then(|value| match value.contains('\0') {
            true => Err("a variable cannot have the character NUL".to_owned()),
            false => Ok(value),
        });
        let value = value.map_err(|why| BakeError::Variable { name: name.clone(), why })?;
        env.add(name, value, variable.is_secret());
    }
    Ok(env)
}

async fn value_of(variable: &Variable, environment: Environment<'_>) -> Result<String, String> {
    match variable {
        Variable::Plain(value) => Ok(value.clone()),
        Variable::FromEnv(name) => environment(name)
            .ok_or_else(|| format!("{name} is not set, or empty, in the environment")),
        Variable::Command(words) => printed(words).await,
    }
}

/// What a program prints, without the end of its last line.
async fn printed(words: &[String]) -> Result<String, String> {
    let program = words.first().map_or("", String::as_str);
    let mut command = Command::new(program);
    command.args(&words[1.min(words.len())..]).stdin(Stdio::null()).kill_on_drop(true);
    let output = tokio::time::timeout(LIMIT, command.output()).await;
    let output = output.map_err(|_| format!("{program} did not end within {LIMIT:?}"))?;
    let output = output.map_err(|error| format!("failed to run {program}: {error}"))?;
    if !output.status.success() {
        let told = String::from_utf8_lossy(&output.stderr);
        let last = told.lines().last().map(|line| format!(": {line}")).unwrap_or_default();
        return Err(format!("{program} failed: {}{last}", output.status));
    }
    let text = String::from_utf8(output.stdout);
    let text = text.map_err(|_| format!("{program} printed something that is no UTF-8 text"))?;
    let text = text.strip_suffix('\n').unwrap_or(&text);
    let text = text.strip_suffix('\r').unwrap_or(text);
    if text.is_empty() {
        return Err(format!("{program} printed nothing"));
    }
    Ok(text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn read(variable: Variable) -> Result<String, String> {
        value_of(&variable, &|name| (name == "THERE").then(|| "here".to_owned())).await
    }

    fn sh(script: &str) -> Variable {
        Variable::Command(["sh", "-c", script].map(str::to_owned).into())
    }

    #[tokio::test]
    async fn values_come_from_the_configuration_the_environment_and_programs() {
        assert_eq!(read(Variable::Plain("x".into())).await, Ok("x".into()));
        assert_eq!(read(Variable::FromEnv("THERE".into())).await, Ok("here".into()));
        assert_eq!(read(sh("echo one; echo two")).await, Ok("one\ntwo".into()));
        let not_set = "MISSING is not set, or empty, in the environment";
        assert_eq!(read(Variable::FromEnv("MISSING".into())).await, Err(not_set.into()));
        let failed = read(sh("echo secret; echo no such entry >&2; exit 3")).await;
        assert_eq!(failed, Err("sh failed: exit status: 3: no such entry".into()));
        assert_eq!(read(sh("true")).await, Err("sh printed nothing".into()));
        let missing = read(Variable::Command(vec!["/nonexistent/pass".into()])).await;
        assert!(missing.unwrap_err().starts_with("failed to run /nonexistent/pass: "));
    }
}
