//! Agent templates in a file of Jenkins': the id in the file changes, and nothing else.

use jenkins_config::{Agent, AgentName, Change, Document, Format, Search, Selector};

use super::error::RollError;
use super::files::{Files, read};
use super::server::{JenkinsServer, Running, Wanted};
use super::written::{Kept, WrittenScripts};
use crate::consumer::change::{Move, Naming, RollRequest, Value};
use crate::model::ami::Ami;
use crate::model::consumer::{BootScript, JenkinsAgents, is_same};

/// Reads a file of Jenkins'.
pub(super) fn document(agents: &JenkinsAgents) -> Result<Document, RollError> {
    parse(agents, &read(&agents.file)?)
}

fn parse(agents: &JenkinsAgents, bytes: &[u8]) -> Result<Document, RollError> {
    let path = &agents.file;
    Document::parse(bytes).map_err(|source| RollError::NotJenkins { path: path.clone(), source })
}

/// The agent templates that are named, by their numbers: each exactly once.
pub(super) fn chosen(document: &Document, agents: &JenkinsAgents) -> Result<Vec<usize>, RollError> {
    let cloud = agents.cloud.as_deref();
    let (mut found, mut errors) = (Vec::new(), Vec::new());
    for agent in &agents.agents {
        match document.find(&Selector { cloud, agent }) {
            Ok(number) => found.push(number),
            Err(error) => errors.push(error),
        }
    }
    if errors.is_empty() { Ok(found) } else { Err(RollError::Agents(errors)) }
}

/// Why the AMI that an agent template starts from could not be determined, if so. `tags` are
/// consumers: what finds its AMI by one of them is known by that.
pub(super) fn unknown(agent: &Agent, tags: &[(&str, &str)]) -> Option<String> {
    match &agent.ami {
        Some(ami) if ami.starts_with("ami-") => None,
        Some(ami) => Some(format!("its AMI is {ami}")),
        None => {
            let by_tag = |(name, values): &(String, Vec<String>)| {
                let key = name.strip_prefix("tag:");
                let is_one = |value: &String| key.is_some_and(|key| tags.contains(&(key, value)));
                values.iter().any(is_one)
            };
            let finds = !agent.search.is_empty() && !agent.search.filters.iter().any(by_tag);
            finds.then(|| "it looks its AMI up by filters".to_owned())
        }
    }
}

/// Refuses an AMI that the plugin would not find: it asks EC2 for one that has the id and all else that the
/// agent template says of it.
async fn refuse_unfindable(
    document: &Document,
    agents: &JenkinsAgents,
    request: &RollRequest<'_>,
) -> Result<(), RollError> {
    let ami = &request.target.ami;
    for number in chosen(document, agents)? {
        let agent = &document.agents()[number];
        if agent.search.is_empty() || agent.ami.as_ref() == Some(ami) || request.force {
            continue;
        }
        let (agent, search) = (agent.title(), &agent.search);
        if let Some((key, variable)) = search.unknown.clone() {
            return Err(RollError::Unsearchable { agent, key, variable, ami: ami.clone() });
        }
        if !request.cloud.finds(ami, search).await? {
            let keys = excluding(search, request).await?.join(", ");
            return Err(RollError::NotFound { agent, keys, ami: ami.clone() });
        }
    }
    Ok(())
}

/// Which keys exclude the AMI, each by itself; all of them where none does.
async fn excluding(
    search: &Search,
    request: &RollRequest<'_>,
) -> Result<Vec<&'static str>, RollError> {
    let Search { owners, users, filters, unknown } = search.clone();
    let none = || Search { unknown: unknown.clone(), ..Search::default() };
    let each = [
        ("amiOwners", Search { owners, ..none() }),
        ("amiUsers", Search { users, ..none() }),
        ("amiFilters", Search { filters, ..none() }),
    ];
    let mut keys = Vec::new();
    for (key, search) in each.into_iter().filter(|(_, search)| !search.is_empty()) {
        if !request.cloud.finds(&request.target.ami, &search).await? {
            keys.push(key);
        }
    }
    Ok(if keys.is_empty() { search.keys() } else { keys })
}

/// What some agent templates of a file name.
pub(super) fn named<'d>(
    document: &'d Document,
    numbers: impl IntoIterator<Item = usize>,
    shown: &str,
) -> Vec<Naming> {
    let agents = numbers.into_iter().map(|number| &document.agents()[number]);
    let naming = |agent: &'d Agent| {
        let place = format!("agent template {} in {shown}", agent.title());
        let ami = agent.ami.clone().filter(|ami| ami.starts_with("ami-"))?;
        Some(Naming::new(place, agent.title(), ami))
    };
    agents.filter_map(naming).collect()
}

/// The changes that make the agents start from an AMI, and what they are in words.
fn changes(
    document: &Document,
    agents: &JenkinsAgents,
    request: &RollRequest<'_>,
) -> Result<(Vec<Change>, Vec<Move>), RollError> {
    let (mut changes, mut moves) = (Vec::new(), Vec::new());
    for (number, name) in std::iter::zip(chosen(document, agents)?, &agents.agents) {
        let agent = &document.agents()[number];
        let place = agent.title();
        let wanted = &request.target.ami;
        let mut change = Change { agent: number, ..Change::default() };
        if agent.ami.as_ref() != Some(wanted) {
            let (from, to) = (agent.ami.clone(), wanted.clone());
            moves.push(Move { place: place.clone(), is_all: false, value: Value::Ami, from, to });
            change.ami = Some(wanted.clone());
        }
        if request.template.boot_script.is_none() && !request.force {
            refuse_stranded(agent, request)?;
        }
        if let Some(boot) = &request.template.boot_script
            && let Some(from) = other_script(agent, boot, request)?
        {
            let script = request.script(boot);
            let to = script.shown.clone();
            moves.push(Move {
                place,
                is_all: false,
                value: Value::BootScript,
                from: Some(from),
                to,
            });
            let of = (agents.file.as_path(), &*who(agents, name));
            let kept = WrittenScripts(request.written).find(of, &script.text);
            (change.init_script, change.written) = match kept {
                Some(kept) => (Some(kept.script), Some(kept.written)),
                None => (Some(script.text.clone()), None),
            };
        }
        changes.push(change);
    }
    Ok((changes, moves))
}

/// Which script an agent template has, if it is not the one that it should have. Only one
/// that is kept elsewhere may be replaced.
fn other_script(
    agent: &Agent,
    boot: &BootScript,
    request: &RollRequest<'_>,
) -> Result<Option<String>, RollError> {
    replaced(&agent.title(), &seen(agent), boot, request)
}

/// The init script as Jenkins sees it. One with a variable is known to Jenkins only.
fn seen(agent: &Agent) -> String {
    let written = agent.init_script.clone().unwrap_or_default();
    agent.format.seen(&written).unwrap_or(written)
}

/// What tells an agent template from all others of its file.
fn who(agents: &JenkinsAgents, name: &AgentName) -> String {
    format!("{} {name}", agents.cloud.as_deref().unwrap_or_default())
}

/// Keeps how the scripts are written that others take the places of.
fn keep_scripts(
    document: &Document,
    agents: &JenkinsAgents,
    changes: &[Change],
    request: &RollRequest<'_>,
) {
    // They are in the order in which the agents are named.
    for (change, name) in std::iter::zip(changes, &agents.agents) {
        let agent = &document.agents()[change.agent];
        if change.init_script.is_some()
            && let Some(written) = document.written_script(change.agent)
        {
            let of = (agents.file.as_path(), &*who(agents, name));
            let kept = Kept { script: seen(agent), written: written.to_owned() };
            WrittenScripts(request.written).keep(of, &kept);
        }
    }
}

/// A boot script is not left alone with an AMI that was not baked with it.
fn refuse_stranded(agent: &Agent, request: &RollRequest<'_>) -> Result<(), RollError> {
    let seen = seen(agent);
    let digests = digests(&seen);
    let fits = request.target.boot_script.as_ref().is_some_and(|it| digests.contains(it));
    match !fits && is_of_earlier(&digests, request) {
        true => Err(RollError::Stranded(agent.title())),
        false => Ok(()),
    }
}

/// A script's digests, as the tags of AMIs have them.
fn digests(script: &str) -> [String; 2] {
    [script, &format!("{script}\n")].map(crate::model::digest::digest)
}

/// Whether it is the boot script that an AMI was baked with.
fn is_of_earlier(digests: &[String; 2], request: &RollRequest<'_>) -> bool {
    let known = |ami: &Ami| ami.boot_script.as_ref().is_some_and(|it| digests.contains(it));
    request.fleet.amis().iter().any(known)
}

/// What a script that is seen is called, if it is to be replaced, and may be.
fn replaced(
    agent: &str,
    seen: &str,
    boot: &BootScript,
    request: &RollRequest<'_>,
) -> Result<Option<String>, RollError> {
    if is_same(seen, &request.script(boot).text) {
        return Ok(None);
    }
    let known = [&boot.small, &boot.whole].into_iter().find(|script| is_same(&script.text, seen));

    match known {
        _ if seen.trim().is_empty() => Ok(Some("none".into())),
        Some(script) => Ok(Some(script.shown.clone())),
        None if request.force || is_of_earlier(&digests(seen), request) => {
            Ok(Some("the script that it has".into()))
        }
        None => Err(RollError::UnknownScript {
            agent: agent.to_owned(),
            small: boot.small.shown.clone(),
            whole: boot.whole.shown.clone(),
        }),
    }
}

/// What the agents of the running Jenkins are to have.
fn wanted(agents: &JenkinsAgents, request: &RollRequest<'_>) -> Vec<Wanted> {
    let script = request.template.boot_script.as_ref().map(|boot| request.script(boot));
    let of = |name: &AgentName| Wanted {
        cloud: agents.cloud.clone(),
        agent: name.clone(),
        ami: request.target.ami.clone(),
        script: script.map(|script| script.text.clone()),
    };
    agents.agents.iter().map(of).collect()
}

/// Where the running Jenkins differs from what is wanted. A script that only Jenkins has is
/// not replaced either.
fn differences(
    running: &[Running],
    wanted: &[Wanted],
    request: &RollRequest<'_>,
) -> Result<Vec<Move>, RollError> {
    let mut moves = Vec::new();
    for (running, wanted) in running.iter().zip(wanted) {
        let place = format!("{} of the running Jenkins", running.agent);
        if running.ami.as_ref() != Some(&wanted.ami) {
            let (from, to) = (running.ami.clone(), wanted.ami.clone());
            moves.push(Move { place: place.clone(), is_all: false, value: Value::Ami, from, to });
        }
        if let Some(boot) = &request.template.boot_script {
            let seen = running.script.as_deref().unwrap_or_default();
            let from = replaced(&place, seen, boot, request)?;
            let to = request.script(boot).shown.clone();
            moves.extend(from.map(|from| Move {
                place,
                is_all: false,
                value: Value::BootScript,
                from: Some(from),
                to,
            }));
        }
    }
    Ok(moves)
}

/// Whether the file and its agent templates are there, and the token for the running Jenkins.
pub(super) fn examine(
    agents: &JenkinsAgents,
    server: Option<&JenkinsServer>,
) -> Result<(), RollError> {
    chosen(&document(agents)?, agents)?;
    match server.filter(|_| agents.reload) {
        Some(server) => server.token().map(drop).map_err(RollError::Server),
        None => Ok(()),
    }
}

/// What would change.
pub(super) async fn plan(
    agents: &JenkinsAgents,
    request: &RollRequest<'_>,
    files: &mut Files,
) -> Result<Vec<Move>, RollError> {
    let document = parse(agents, &files.planned(&agents.file)?)?;
    refuse_unfindable(&document, agents, request).await?;
    let (changes, mut moves) = changes(&document, agents, request)?;
    files.plan(&agents.file, document.edit(&changes)?);
    if let Some(server) = request.jenkins.filter(|_| agents.reload) {
        let running = server.read(document.format(), agents).await.map_err(RollError::Asking)?;
        moves.extend(differences(&running, &wanted(agents, request), request)?);
    }
    Ok(moves)
}

/// Changes the file, and makes the running Jenkins follow.
pub(super) async fn roll(
    agents: &JenkinsAgents,
    request: &RollRequest<'_>,
    files: &mut Files,
    moves: &mut Vec<Move>,
) -> Result<(), RollError> {
    // Without it the running Jenkins would write its own over the file.
    examine(agents, request.jenkins)?;
    let asked = document(agents)?;
    refuse_unfindable(&asked, agents, request).await?;
    let (mut format, mut made) = (Format::Xml, Vec::new());
    files.change(&agents.file, |bytes| {
        let document = parse(agents, bytes)?;
        format = document.format();
        let changed = changes(&document, agents, request)?;
        let search = |document: &Document| -> Vec<Search> {
            document.agents().iter().map(|agent| agent.search.clone()).collect()
        };
        if search(&document) != search(&asked) {
            return Err(RollError::ChangedUnderneath(agents.file.clone()));
        }
        keep_scripts(&document, agents, &changed.0, request);
        made = changed.1;
        Ok(document.edit(&changed.0)?)
    })?;
    *moves = made;
    let Some(server) = request.jenkins.filter(|_| agents.reload) else { return Ok(()) };
    let wanted = wanted(agents, request);
    let running = server.read(format, agents).await.map_err(RollError::Server)?;
    let differ = differences(&running, &wanted, request)?;
    if differ.is_empty() {
        return Ok(());
    }
    server.follow(format, agents, &wanted).await.map_err(RollError::Server)?;
    moves.extend(differ);
    Ok(())
}
