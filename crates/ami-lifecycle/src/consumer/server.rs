//! A running Jenkins: what its agents are launched from now, and how it is made to follow
//! its file. Where the file is configuration as code, Jenkins reads it again; where it is
//! `config.xml`, which Jenkins writes itself, a script changes the same in its memory.
//!
//! Requests are authenticated by an API token, for which Jenkins asks no crumb
//! (<https://www.jenkins.io/doc/book/security/csrf-protection/>).

use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use jenkins_config::{AgentName, Document, Format, Selector, resolved};

use crate::ec2::http;
use crate::model::consumer::{JenkinsAgents, is_same};

/// Jenkins reads all of its configuration again in this time; more means that it hangs.
const LIMIT: Duration = Duration::from_secs(60);
const RELOAD: &str = "configuration-as-code/reload";
/// As much of an answer as tells what is wrong.
const SHOWN: usize = 300;

/// A running Jenkins.
#[derive(Clone)]
pub struct JenkinsServer {
    /// Its root URL.
    pub url: String,
    /// A user with the right to administer it.
    pub user: String,
    /// That user's API token; `None` when the environment has none.
    pub token: Option<String>,
    /// The variable that the token was looked for in.
    pub token_env: String,
}

impl std::fmt::Debug for JenkinsServer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "JenkinsServer({} as {})", self.url, self.user)
    }
}

/// Why a running Jenkins does not do what is asked.
#[derive(Debug, thiserror::Error)]
pub enum ServerError {
    /// There is no token.
    #[error("{0}, which has the API token for Jenkins, is not set")]
    NoToken(String),
    /// There is no answer.
    #[error("{url} does not answer: {reason}")]
    Unreachable {
        /// Where it was asked.
        url: String,
        /// Why not.
        reason: String,
    },
    /// Jenkins refuses.
    #[error("{url} answered {status}{}", shown(text))]
    Status {
        /// Where it was asked.
        url: String,
        /// The HTTP status.
        status: u16,
        /// What it says.
        text: String,
    },
    /// The answer is not what was requested.
    #[error("{url} gave an unexpected answer{}", shown(text))]
    Unexpected {
        /// Where it was asked.
        url: String,
        /// What it says.
        text: String,
    },
    /// It was asked to follow, and has the old value still.
    #[error("{agent} {has}")]
    Stays {
        /// The agent template.
        agent: String,
        /// What it has, in words.
        has: String,
        /// It was asked to read its file again.
        has_read: bool,
    },
}

fn shown(text: &str) -> String {
    let text = text.trim();
    if text.is_empty() { String::new() } else { format!(": {text}") }
}

impl ServerError {
    /// What the user can do.
    #[must_use]
    pub fn hint(&self) -> Option<String> {
        Some(match self {
            ServerError::Status { status: 300..=399, .. } => {
                "is `url` under [jenkins] Jenkins' root, and does it not redirect to a login \
                 elsewhere?"
                    .into()
            }
            ServerError::Status { status: 401, .. } => {
                "check `user` under [jenkins], and that the variable has an API token of that user"
                    .into()
            }
            ServerError::Status { status: 403, .. } => {
                "the user needs the permission Overall/Administer".into()
            }
            ServerError::Status { status: 404, url, .. }
                if url.contains("configuration-as-code") =>
            {
                "the configuration-as-code plugin is not installed, or `url` under [jenkins] is \
                 not Jenkins' root"
                    .into()
            }
            ServerError::Stays { has_read: true, .. } => {
                "does Jenkins read this very file? CASC_JENKINS_CONFIG says which it reads".into()
            }
            ServerError::NoToken(variable) => {
                format!(
                    "set {variable}, or leave the running Jenkins alone with `reload = false` \
                         beside `agents`"
                )
            }
            ServerError::Unreachable { .. } => {
                "run the same command to resume; `reload = false` beside `agents` leaves the \
                 running Jenkins alone"
                    .into()
            }
            _ => return None,
        })
    }
}

/// What an agent template of a running Jenkins is to have.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Wanted {
    pub(super) cloud: Option<String>,
    pub(super) agent: AgentName,
    pub(super) ami: String,
    pub(super) script: Option<String>,
}

/// What it has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Running {
    pub(super) agent: String,
    pub(super) ami: Option<String>,
    pub(super) script: Option<String>,
}

impl JenkinsServer {
    /// What the agents are launched from now, in the order in which they are named.
    pub(super) async fn read(
        &self,
        format: Format,
        agents: &JenkinsAgents,
    ) -> Result<Vec<Running>, ServerError> {
        match format {
            Format::Casc => self.read_export(agents).await,
            Format::Xml => self.run(agents, &groovy(agents, &[])).await,
        }
    }

    /// Makes it follow its file, and looks whether it has.
    pub(super) async fn follow(
        &self,
        format: Format,
        agents: &JenkinsAgents,
        wanted: &[Wanted],
    ) -> Result<(), ServerError> {
        let running = match format {
            Format::Casc => {
                self.post(RELOAD, &[]).await?;
                self.read_export(agents).await?
            }
            Format::Xml => self.run(agents, &groovy(agents, wanted)).await?,
        };
        for (running, wanted) in running.iter().zip(wanted) {
            let ami = running.ami.as_deref().unwrap_or("no AMI");
            let script = running.script.as_deref().unwrap_or_default();
            let has = if ami != wanted.ami {
                format!("is still launched from {ami}")
            } else if wanted.script.as_deref().is_some_and(|wanted| !is_same(script, wanted)) {
                "still has another init script".into()
            } else {
                continue;
            };
            let (agent, has_read) = (running.agent.clone(), format == Format::Casc);
            return Err(ServerError::Stays { agent, has, has_read });
        }
        Ok(())
    }

    /// Reads what Jenkins exports of its configuration.
    async fn read_export(&self, agents: &JenkinsAgents) -> Result<Vec<Running>, ServerError> {
        let path = "configuration-as-code/export";
        let text = self.post(path, &[]).await?;
        let unexpected = |text: String| ServerError::Unexpected { url: self.url_of(path), text };
        let document =
            Document::parse(text.as_bytes()).map_err(|error| unexpected(error.to_string()))?;
        let cloud = agents.cloud.as_deref();
        let running = agents.agents.iter().map(|agent| {
            let number = document.find(&Selector { cloud, agent });
            let number = number.map_err(|error| unexpected(error.to_string()))?;
            let found = &document.agents()[number];
            Ok(Running {
                agent: found.title(),
                ami: found.ami.clone(),
                script: found.init_script.as_deref().map(|it| resolved(it).unwrap_or_default()),
            })
        });
        running.collect()
    }

    /// Runs a script that prints a line for each agent.
    async fn run(&self, agents: &JenkinsAgents, script: &str) -> Result<Vec<Running>, ServerError> {
        let path = "scriptText";
        let text = self.post(path, &[("script", script)]).await?;
        let lines: Vec<Vec<&str>> = text
            .lines()
            .filter_map(|line| line.strip_prefix("amiable "))
            .map(|line| line.split(' ').collect())
            .collect();
        if lines.len() != agents.agents.len() {
            return Err(ServerError::Unexpected { url: self.url_of(path), text: short(&text) });
        }
        let running = lines.iter().zip(&agents.agents).map(|(words, name)| {
            let script = words.get(1).and_then(|word| STANDARD.decode(word).ok());
            Running {
                agent: name.to_string().trim_matches('`').to_owned(),
                ami: words.first().filter(|ami| !ami.is_empty()).map(|ami| (*ami).to_owned()),
                script: script.map(|bytes| String::from_utf8_lossy(&bytes).into_owned()),
            }
        });
        Ok(running.collect())
    }

    /// The token, if there is one.
    pub(super) fn token(&self) -> Result<&str, ServerError> {
        let missing = || ServerError::NoToken(self.token_env.clone());
        self.token.as_deref().ok_or_else(missing)
    }

    fn url_of(&self, path: &str) -> String {
        format!("{}/{path}", self.url.trim_end_matches('/'))
    }

    async fn post(&self, path: &str, form: &[(&str, &str)]) -> Result<String, ServerError> {
        let token = self.token()?;
        let url = self.url_of(path);
        let unreachable = |error: reqwest::Error| ServerError::Unreachable {
            url: url.clone(),
            reason: innermost(&error),
        };
        tracing::debug!("POST {url}");
        // A client by itself for each request: there are few, and minutes may lie between them.
        let client = http::client(LIMIT).map_err(unreachable)?;
        let request = client.post(&url).basic_auth(&self.user, Some(token)).form(form);
        let answer = request.send().await.map_err(unreachable)?;
        let status = answer.status();
        let text = answer.text().await.map_err(unreachable)?;
        // A reload ends in a redirect to a page about it; any other would be to a login page.
        if status.is_success() || status.is_redirection() && path == RELOAD {
            return Ok(text);
        }
        let text = if text.trim_start().starts_with('<') { String::new() } else { short(&text) };
        Err(ServerError::Status { url, status: status.as_u16(), text })
    }
}

fn short(text: &str) -> String {
    text.chars().take(SHOWN).collect()
}

fn innermost(error: &(dyn std::error::Error + 'static)) -> String {
    let mut innermost = error;
    while let Some(source) = innermost.source() {
        innermost = source;
    }
    innermost.to_string()
}

/// The script: finds the agent templates, each exactly once, changes them where something
/// is wanted, and prints what they have then.
fn groovy(agents: &JenkinsAgents, wanted: &[Wanted]) -> String {
    let mut script = String::from(IMPORTS);
    for (number, agent) in agents.agents.iter().enumerate() {
        let (description, labels) = match agent {
            AgentName::Description(text) => (literal(text), "null".to_owned()),
            AgentName::Labels(text) => ("null".to_owned(), literal(text)),
        };
        let cloud = agents.cloud.as_deref().map_or("null".into(), literal);
        let wanted = wanted.get(number);
        let ami = wanted.map_or("null".into(), |it| literal(&it.ami));
        let init = wanted.and_then(|it| it.script.as_ref());
        let init = init.map_or("null".into(), |text| literal(&STANDARD.encode(text)));
        script += &format!(
            "  [cloud: {cloud}, description: {description}, labels: {labels}, ami: {ami}, init: {init}],\n"
        );
    }
    script + GROOVY
}

const IMPORTS: &str = "import hudson.plugins.ec2.EC2Cloud
import hudson.plugins.ec2.SlaveTemplate
import jenkins.model.Jenkins
def agents = [
";

/// `initScript` is final, and is set as the plugin's own migrations do, by reflection.
const GROOVY: &str = "]
def clouds = Jenkins.instance.clouds.findAll { it instanceof EC2Cloud }
def found = agents.collect { agent ->
  def all = clouds.findAll { agent.cloud == null || it.name == agent.cloud }.collectMany { it.templates }
  def these = all.findAll {
    agent.description != null ? it.description == agent.description :
      ((it.labelString ?: '').tokenize() as Set) == (agent.labels.tokenize() as Set)
  }
  if (these.size() != 1) {
    throw new IllegalStateException(these.size() + ' agent templates ' + (agent.description ?: agent.labels))
  }
  these[0]
}
agents.eachWithIndex { agent, number ->
  if (agent.ami != null) { found[number].ami = agent.ami }
  if (agent.init != null) {
    def field = SlaveTemplate.getDeclaredField('initScript')
    field.accessible = true
    field.set(found[number], new String(agent.init.decodeBase64(), 'UTF-8'))
  }
}
if (agents.any { it.ami != null }) { Jenkins.instance.save() }
found.each { println('amiable ' + (it.ami ?: '') + ' ' + (it.initScript ?: '').getBytes('UTF-8').encodeBase64()) }
";

/// A string of Groovy's in which nothing is replaced.
fn literal(text: &str) -> String {
    let mut result = String::from("'");
    for character in text.chars() {
        match character {
            '\'' => result += "\\'",
            '\\' => result += "\\\\",
            '\n' => result += "\\n",
            '\r' => result += "\\r",
            it if it.is_control() => result += &format!("\\u{:04x}", u32::from(it)),
            it => result.push(it),
        }
    }
    result + "'"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_cannot_leave_their_literals() {
        assert_eq!(literal("a'b\\c\n$d"), "'a\\'b\\\\c\\n$d'");
    }
}
