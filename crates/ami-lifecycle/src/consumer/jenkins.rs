//! Agent templates in a file of Jenkins': the id in the file changes, and nothing else.

use async_trait::async_trait;
use jenkins_config::{Agent, AgentName, Change, Document, Format, Search, Selector};

use super::error::RollError;
use super::files::{Files, read};
use super::holders::Holders;
use super::kind::{Kind, Reading};
use super::server::{JenkinsServer, Running, Wanted};
use super::written::{Kept, WrittenScripts};
use super::written_place::WrittenPlace;
use crate::consumer::change::{Move, Naming, RollRequest, Value};
use crate::ec2::error::chain;
use crate::model::ami::Ami;
use crate::model::consumer::{BootScript, JenkinsAgents, is_same};
use crate::model::id::AmiId;

/// Reads a file of Jenkins'.
fn document(agents: &JenkinsAgents) -> Result<Document, RollError> {
    parse(agents, &read(&agents.file)?)
}

fn parse(agents: &JenkinsAgents, bytes: &[u8]) -> Result<Document, RollError> {
    let path = &agents.file;
    Document::parse(bytes).map_err(|source| RollError::NotJenkins { path: path.clone(), source })
}

/// The agent templates that are named, by their numbers: each exactly once.
fn chosen(document: &Document, agents: &JenkinsAgents) -> Result<Vec<usize>, RollError> {
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
fn unknown(agent: &Agent, tags: &[(&str, &str)]) -> Option<String> {
    match &agent.ami {
        Some(ami) if ami.starts_with(AmiId::PREFIX) => None,
        Some(ami) => Some(format!("its AMI is {ami}")),
        None => {
            let by_tag = |(name, values): &(String, Vec<String>)| {
                let key = name.strip_prefix("tag:");
                let is_one = |value: &String| key.is_some_and(|key| tags.contains(&(key, value)));
                values.iter().any(is_one)
            };
            let finds = !agent.search.is_empty() && !agent.search.filters.iter().any(by_tag);
            finds.then(|| "it finds its AMI by filters".to_owned())
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
        if agent.search.is_empty() || agent.ami.as_deref() == Some(ami.as_str()) || request.force {
            continue;
        }
        let (agent, search) = (agent.title(), &agent.search);
        if let Some((key, variable)) = search.unknown.clone() {
            return Err(RollError::Unsearchable { agent, key, variable, ami: ami.clone().into() });
        }
        if !request.cloud.finds(ami, search).await? {
            let keys = excluding(search, request).await?.join(", ");
            return Err(RollError::NotFound { agent, keys, ami: ami.clone().into() });
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
fn named<'d>(
    document: &'d Document,
    numbers: impl IntoIterator<Item = usize>,
    shown: &str,
) -> Vec<Naming> {
    let agents = numbers.into_iter().map(|number| &document.agents()[number]);
    let naming = |agent: &'d Agent| {
        let place = format!("agent template {} in {shown}", agent.title());
        let ami = agent.ami.clone().filter(|ami| ami.starts_with(AmiId::PREFIX))?;
        Some(Naming::new(place, agent.title(), AmiId::answered(ami)))
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
        if agent.ami.as_deref() != Some(wanted.as_str()) {
            let (from, to) = (agent.ami.clone(), wanted.clone());
            moves.push(Move {
                place: place.clone(),
                is_all: false,
                value: Value::Ami,
                from,
                to: to.into(),
            });
            change.ami = Some(wanted.clone().into());
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
    if !fits && is_of_earlier(&digests, request) {
        Err(RollError::Stranded(agent.title()))
    } else {
        Ok(())
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
        ami: request.target.ami.clone().into(),
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

#[async_trait(?Send)]
impl Kind for JenkinsAgents {
    async fn read(&self, reading: &Reading<'_>) -> Result<Option<Vec<Naming>>, RollError> {
        let document = document(self)?;
        let chosen = chosen(&document, self)?;
        let mut namings = named(&document, chosen, &self.shown);
        let server = reading.jenkins.filter(|_| self.reload);
        namings.extend(running(self, document.format(), server).await?);
        Ok(Some(namings))
    }

    async fn plan(
        &self,
        request: &RollRequest<'_>,
        files: &mut Files,
    ) -> Result<Vec<Move>, RollError> {
        let document = parse(self, &files.planned(&self.file)?)?;
        refuse_unfindable(&document, self, request).await?;
        let (changes, mut moves) = changes(&document, self, request)?;
        files.plan(&self.file, document.edit(&changes)?);
        if let Some(server) = request.jenkins.filter(|_| self.reload) {
            let running = server.read(document.format(), self).await.map_err(RollError::Asking)?;
            moves.extend(differences(&running, &wanted(self, request), request)?);
        }
        Ok(moves)
    }

    /// Changes the file, and makes the running Jenkins follow.
    async fn roll(
        &self,
        request: &RollRequest<'_>,
        files: &mut Files,
        moves: &mut Vec<Move>,
    ) -> Result<(), RollError> {
        // Without it the running Jenkins would write its own over the file.
        self.examine(request.jenkins)?;
        let format = change_file(self, request, files, moves).await?;
        let Some(server) = request.jenkins.filter(|_| self.reload) else { return Ok(()) };
        let wanted = wanted(self, request);
        let running = server.read(format, self).await.map_err(RollError::Server)?;
        let differ = differences(&running, &wanted, request)?;
        if differ.is_empty() {
            return Ok(());
        }
        server.follow(format, self, &wanted).await.map_err(RollError::Server)?;
        moves.extend(differ);
        Ok(())
    }

    fn places(&self, _: &str, _: Option<&str>) -> Vec<WrittenPlace> {
        let file = self.file.canonicalize().unwrap_or_else(|_| self.file.clone());
        let cloud = self.cloud.as_deref().map(|cloud| format!(" of cloud {cloud}"));
        let (shown, in_cloud) = (&self.shown, cloud.unwrap_or_default());
        let place = |agent: &AgentName| WrittenPlace {
            key: format!("{} {}", file.display(), key_of(agent)),
            cloud: self.cloud.clone(),
            text: format!("agent template {agent}{in_cloud} in {shown}"),
        };
        self.agents.iter().map(place).collect()
    }

    /// Whether the file and its agent templates are there, and the token for the running Jenkins.
    fn examine(&self, jenkins: Option<&JenkinsServer>) -> Result<(), RollError> {
        chosen(&document(self)?, self)?;
        match jenkins.filter(|_| self.reload) {
            Some(server) => server.token().map(drop).map_err(RollError::Server),
            None => Ok(()),
        }
    }

    fn asks_jenkins(&self) -> bool {
        self.reload
    }

    /// All agent templates of its file.
    fn neighbours(&self, tags: &[(&str, &str)], holders: &mut Holders) {
        if !holders.is_new(&self.file) {
            return;
        }
        let document = match document(self) {
            Ok(document) => document,
            Err(error) => return holders.add_unknown(self.shown.clone(), chain(&error)),
        };
        let all = 0..document.agents().len();
        named(&document, all, &self.shown).into_iter().for_each(|it| holders.add(it));
        for agent in document.agents() {
            if let Some(why) = unknown(agent, tags) {
                let what = format!("agent template {} in {}", agent.title(), self.shown);
                holders.add_unknown(what, why);
            }
        }
    }
}

/// What tells an agent template: labels in whatever order.
fn key_of(agent: &AgentName) -> String {
    match agent {
        AgentName::Description(text) => text.clone(),
        AgentName::Labels(text) => {
            let mut labels: Vec<&str> = text.split_whitespace().collect();
            labels.sort_unstable();
            format!("labels {}", labels.join(" "))
        }
    }
}

/// What the running Jenkins launches the agents from.
async fn running(
    agents: &JenkinsAgents,
    format: Format,
    server: Option<&JenkinsServer>,
) -> Result<Vec<Naming>, RollError> {
    let Some(server) = server else { return Ok(Vec::new()) };
    let running = server.read(format, agents).await.map_err(RollError::Asking)?;
    let naming = |it: Running| {
        let short = format!("{} of the running Jenkins", it.agent);
        Some(Naming::new(format!("agent template {short}"), short, AmiId::answered(it.ami?)))
    };
    Ok(running.into_iter().filter_map(naming).collect())
}

/// Changes the file only. Returns its format.
async fn change_file(
    agents: &JenkinsAgents,
    request: &RollRequest<'_>,
    files: &mut Files,
    moves: &mut Vec<Move>,
) -> Result<Format, RollError> {
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
    Ok(format)
}
