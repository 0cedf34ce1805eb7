//! Anything else: a command is told the AMI, and another one may tell which are in use.

use std::collections::VecDeque;
use std::process::Stdio;

use tokio::io::{AsyncBufReadExt, AsyncRead, BufReader};
use tokio::process::Command;

use super::ConsumerCommand;
use super::error::RollError;
use super::reading::Naming;
use super::roll::RollRequest;
use crate::event::{Event, Stream};

/// How many of its last lines an error shows.
const TAIL: usize = 10;
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

fn prepare(command: &ConsumerCommand, arguments: &[String]) -> Command {
    let program = arguments.first().map_or("", String::as_str);
    // One that is named by a path is found from the configuration file.
    let program = match program.contains('/') {
        true => command.folder.join(program).into_os_string(),
        false => program.into(),
    };
    let mut prepared = Command::new(program);
    prepared
        .args(arguments.iter().skip(1))
        .current_dir(&command.folder)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true);
    prepared
}

/// Runs it. What it prints becomes events.
pub(super) async fn roll(
    command: &ConsumerCommand,
    request: &RollRequest<'_>,
) -> Result<(), RollError> {
    let program = command.program().to_owned();
    let mut prepared = prepare(command, &filled(&command.run, request));
    tracing::debug!("{prepared:?}");
    let mut child = prepared
        .spawn()
        .map_err(|source| RollError::NotStarted { program: program.clone(), source })?;
    let (stdout, stderr) = (child.stdout.take(), child.stderr.take());
    let both = async {
        let (mut all, errors) = tokio::join!(
            tell(stdout, Stream::Stdout, request),
            tell(stderr, Stream::Stderr, request)
        );
        all.extend(errors);
        (child.wait().await, all)
    };
    let (status, mut lines) = tokio::select! {
        ended = both => ended,
        () = tokio::time::sleep(command.timeout) => {
            let how = format!("has not ended within {} s", command.timeout.as_secs());
            return Err(RollError::Command { program, how, tail: Vec::new() });
        }
        () = request.cancel.cancelled() => return Err(RollError::Cancelled),
    };
    let status =
        status.map_err(|source| RollError::NotStarted { program: program.clone(), source })?;
    if status.success() {
        return Ok(());
    }
    let tail = lines.split_off(lines.len().saturating_sub(TAIL)).into();
    Err(RollError::Command { program, how: format!("failed: {status}"), tail })
}

async fn tell(
    stream: Option<impl AsyncRead + Unpin>,
    kind: Stream,
    request: &RollRequest<'_>,
) -> VecDeque<String> {
    let mut last = VecDeque::new();
    let Some(stream) = stream else { return last };
    let mut reader = BufReader::new(stream);
    let mut line = Vec::new();
    while reader.read_until(b'\n', &mut line).await.is_ok_and(|length| length > 0) {
        let text = String::from_utf8_lossy(&line).trim_end().to_owned();
        request.observer.event(Event::Output(kind, text.clone()));
        last.push_back(text);
        if last.len() > TAIL {
            last.pop_front();
        }
        line.clear();
    }
    last
}

/// Asks the query, where there is one.
pub(super) async fn read(command: &ConsumerCommand) -> Result<Option<Vec<Naming>>, RollError> {
    let Some(query) = &command.query else { return Ok(None) };
    let program = query.first().cloned().unwrap_or_default();
    let mut prepared = prepare(command, query);
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
        let tail = text.lines().rev().take(TAIL).map(String::from).collect();
        return Err(RollError::Command {
            program,
            how: format!("failed: {}", output.status),
            tail,
        });
    }
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let ids = text.split_whitespace().filter(|word| word.starts_with("ami-"));
    let place = format!("the command {program}");
    let naming = |ami: &str| Naming::new(place.clone(), program.clone(), ami.to_owned());
    Ok(Some(ids.map(naming).collect()))
}
