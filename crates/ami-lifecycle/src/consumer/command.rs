//! Anything else: a command is told the AMI, and another one may tell which are in use.

use async_trait::async_trait;

use super::error::RollError;
use super::files::Files;
use super::kind::{Kind, Reading};
use super::program::{Program, TAIL};
use super::server::JenkinsServer;
use super::written_place::WrittenPlace;
use crate::consumer::change::{Move, Naming, RollRequest, Value};
use crate::model::consumer::ConsumerCommand;
use crate::model::id::AmiId;

/// The words that a command's arguments may have in braces.
pub const PLACEHOLDERS: [&str; 5] = ["ami", "name", "template", "generation", "region"];

/// Puts the values of a roll into arguments.
fn filled(arguments: &[String], request: &RollRequest<'_>) -> Vec<String> {
    let generation = request.target.generation.map(|it| it.to_string()).unwrap_or_default();
    let values = [
        request.target.ami.as_str(),
        &request.target.name,
        &request.template.name,
        &generation,
        request.cloud.region(),
    ];
    let fill = |argument: &String| {
        PLACEHOLDERS.iter().zip(values).fold(argument.clone(), |text, (name, value)| {
            text.replace(&format!("{{{name}}}"), value)
        })
    };
    arguments.iter().map(fill).collect()
}

#[async_trait(?Send)]
impl Kind for ConsumerCommand {
    async fn read(&self, _: &Reading<'_>) -> Result<Option<Vec<Naming>>, RollError> {
        ask(self).await
    }

    async fn plan(&self, request: &RollRequest<'_>, _: &mut Files) -> Result<Vec<Move>, RollError> {
        Ok(vec![told(self, request)])
    }

    async fn roll(
        &self,
        request: &RollRequest<'_>,
        _: &mut Files,
        moves: &mut Vec<Move>,
    ) -> Result<(), RollError> {
        let program = Program {
            words: &filled(&self.run, request),
            folder: &self.folder,
            timeout: self.timeout,
        };
        program.run(request.observer, request.cancel).await?;
        moves.push(told(self, request));
        Ok(())
    }

    /// The same program may be told different things.
    fn places(&self, _: &str, _: Option<&str>) -> Vec<WrittenPlace> {
        Vec::new()
    }

    /// Whether a program that is named by a path is there.
    fn examine(&self, _: Option<&JenkinsServer>) -> Result<(), RollError> {
        Program { words: &self.run, folder: &self.folder, timeout: self.timeout }.examine()
    }
}

fn told(command: &ConsumerCommand, request: &RollRequest<'_>) -> Move {
    Move {
        place: command.program().to_owned(),
        is_all: true,
        value: Value::Told,
        from: None,
        to: request.target.ami.clone().into(),
    }
}

/// Asks the query, where there is one.
async fn ask(command: &ConsumerCommand) -> Result<Option<Vec<Naming>>, RollError> {
    let Some(query) = &command.query else { return Ok(None) };
    let program = query.first().cloned().unwrap_or_default();
    let folder = &command.folder;
    let mut prepared = Program { words: query, folder, timeout: command.timeout }.prepare();
    let run = tokio::time::timeout(command.timeout, prepared.output()).await;
    let output = run.map_err(|_| RollError::Command {
        program: program.clone(),
        how: format!("has not ended within {} s", command.timeout.as_secs()),
        tail: Vec::new(),
    })?;
    let output =
        output.map_err(|source| RollError::NotStarted { program: program.clone(), source })?;
    if !output.status.success() {
        let text = String::from_utf8_lossy(&output.stderr);
        let lines: Vec<&str> = text.lines().collect();
        let tail = lines[lines.len().saturating_sub(TAIL)..].iter().map(ToString::to_string);
        let tail = tail.collect();
        return Err(RollError::Command {
            program,
            how: format!("failed: {}", output.status),
            tail,
        });
    }
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let ids = ids(&text);
    if ids.is_empty() && !text.trim().is_empty() {
        let text = text.trim().chars().take(80).collect();
        return Err(RollError::NoIds { program, text });
    }
    let place = format!("the command {program}");
    let naming = |ami: AmiId| Naming::of_all(place.clone(), program.clone(), ami);
    Ok(Some(ids.into_iter().map(naming).collect()))
}

/// The ids of AMIs in a text, whatever stands between them.
fn ids(text: &str) -> Vec<AmiId> {
    let found = text.match_indices(AmiId::PREFIX).filter_map(|(at, prefix)| {
        let digits = text[at + prefix.len()..].bytes().take_while(u8::is_ascii_hexdigit).count();
        (digits > 0).then(|| AmiId::answered(&text[at..at + prefix.len() + digits]))
    });
    found.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_found_whatever_stands_between_them() {
        let expected = ["ami-12345678", "ami-0123456789abcdef0"];
        for text in [
            "ami-12345678\nami-0123456789abcdef0\n",
            "[\"ami-12345678\",\"ami-0123456789abcdef0\"]",
            "x=ami-12345678, ami-0123456789abcdef0.",
        ] {
            assert_eq!(ids(text), expected, "{text}");
        }
        assert!(ids("ami- none").is_empty());
    }
}
