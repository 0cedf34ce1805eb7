//! One agent template: what of it becomes a template of amiable's, and why it does not.

use std::collections::BTreeSet;

use ami_lifecycle::jenkins_config::{Agent, AgentName, Document, Format, Selector, resolved};

use super::ImportFile;
use super::secrets::line_with_secret;

/// What is taken over, as XML and as configuration as code call it.
const CARRIED: [&str; 18] = [
    "ami",
    "description",
    "initScript",
    "remoteAdmin",
    "type",
    "securityGroups",
    "subnetId",
    "iamInstanceProfile",
    "labels",
    "labelString",
    "rootCommandPrefix",
    "sshPort",
    "amiType@class",
    "amiType.rootCommandPrefix",
    "amiType.sshPort",
    "amiType.unixData.rootCommandPrefix",
    "amiType.unixData.sshPort",
    "remoteFS",
];

/// What may matter for what is in the AMI, and has to be looked at by a person.
const NOTABLE: [(&str, &str); 4] = [
    ("userData", "Jenkins goes on sending it; if the bake needs it too, set `user_data`"),
    ("customDeviceMapping", "the AMI has the root volume only; `volume_size` sets its size"),
    ("tmpDir", "the init script may expect it"),
    ("amiType.slaveCommandPrefix", "the user that it names must be in the AMI"),
];

/// An agent template that a template can be made of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Candidate {
    /// The file that it is in, as the configuration names it.
    pub(super) file: String,
    pub(super) title: String,
    pub(super) name: AgentName,
    /// The cloud that must be named with it, as another one has an agent of that name.
    pub(super) cloud: Option<String>,
    pub(super) labels: String,
    pub(super) ami: String,
    pub(super) script: String,
    pub(super) ssh_user: String,
    pub(super) ssh_port: Option<u16>,
    pub(super) run_as: Option<String>,
    pub(super) instance_type: Option<String>,
    pub(super) security_groups: Vec<String>,
    pub(super) subnet: Option<String>,
    pub(super) instance_profile: Option<String>,
    pub(super) remote_root: Option<String>,
    /// What has to be looked at: the field and what is to be known of it.
    pub(super) notable: Vec<(String, &'static str)>,
    /// The fields that concern the agent and not its AMI.
    pub(super) stays: BTreeSet<String>,
}

/// An agent template that is left as it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Left {
    pub(super) file: String,
    pub(super) title: String,
    pub(super) line: usize,
    pub(super) why: String,
}

/// What decides which agents are taken over.
pub(crate) struct Wanted<'a> {
    /// The region of the configuration.
    pub(crate) region: &'a str,
    /// Scripts that seem to hold a secret are taken over, too.
    pub(crate) with_secrets: bool,
}

/// Looks at each agent template of a file.
pub(super) fn read(file: &ImportFile, wanted: &Wanted<'_>) -> (Vec<Candidate>, Vec<Left>) {
    let document = &file.document;
    let (mut candidates, mut left) = (Vec::new(), Vec::new());
    for (number, agent) in document.agents().iter().enumerate() {
        match candidate(file, number, wanted) {
            Ok(candidate) => candidates.push(candidate),
            Err(why) => left.push(Left {
                file: file.shown.clone(),
                title: agent.title(),
                line: agent.line,
                why,
            }),
        }
    }
    (candidates, left)
}

fn candidate(file: &ImportFile, number: usize, wanted: &Wanted<'_>) -> Result<Candidate, String> {
    let document = &file.document;
    let agent = &document.agents()[number];
    let cloud = &document.clouds()[agent.cloud];
    if let Some(region) = cloud.region.as_deref().filter(|it| *it != wanted.region) {
        return Err(format!(
            "its cloud is in {region}: import it into a configuration of its own, with --region {region}"
        ));
    }
    if is_windows(agent) {
        return Err("it runs Windows, which amiable does not bake".into());
    }
    let ami = ami(document.format(), agent)?;
    let (name, cloud) = named(document, number)?;
    let script = script(document.format(), agent, &ami, wanted)?;
    let field = |names: &[&str]| {
        let mut values = names.iter().filter_map(|name| agent.field(name));
        values.find(|value| !value.trim().is_empty()).map(|value| value.trim().to_owned())
    };
    let ssh_user = field(&["remoteAdmin"]).unwrap_or_else(|| "root".into());
    let prefix = field(&[
        "rootCommandPrefix",
        "amiType.rootCommandPrefix",
        "amiType.unixData.rootCommandPrefix",
    ]);
    // The plugin runs the script as the user that it logs in as, behind that prefix.
    let run_as = (prefix.is_none() && ssh_user != "root").then(|| ssh_user.clone());
    let port = field(&["sshPort", "amiType.sshPort", "amiType.unixData.sshPort"]);
    let subnet = field(&["subnetId"]).and_then(|it| it.split_whitespace().next().map(String::from));
    let groups = field(&["securityGroups"]).unwrap_or_default();
    let groups = groups.split([',', ';', ' ']).map(str::trim).filter(|it| !it.is_empty());
    // EC2 takes groups by id only together with a subnet.
    let groups = groups.filter(|it| subnet.is_none() || it.starts_with("sg-"));
    Ok(Candidate {
        file: file.shown.clone(),
        title: agent.title(),
        name,
        cloud,
        labels: agent.labels.clone(),
        ami,
        script,
        ssh_port: port.and_then(|it| it.parse().ok()).filter(|port| *port != 22),
        run_as,
        instance_type: field(&["type"]).and_then(|it| instance_type(&it)),
        security_groups: groups.map(String::from).collect(),
        subnet,
        instance_profile: field(&["iamInstanceProfile"]).map(|it| profile_name(&it)),
        remote_root: field(&["remoteFS"]),
        notable: notable(agent),
        stays: stays(agent),
        ssh_user,
    })
}

fn is_windows(agent: &Agent) -> bool {
    let class = agent.field("amiType@class").unwrap_or_default();
    let below = |(path, _): &(String, String)| path.starts_with("amiType.windows");
    class.contains("Windows") || agent.fields.iter().any(below)
}

/// How a consumer can name it: by its description, else by its labels, with its cloud where
/// it must be.
fn named(document: &Document, number: usize) -> Result<(AgentName, Option<String>), String> {
    let agent = &document.agents()[number];
    let name = match &agent.description {
        Some(description) => AgentName::Description(description.clone()),
        None if !agent.labels.trim().is_empty() => AgentName::Labels(agent.labels.clone()),
        None => {
            return Err("it has neither description nor labels to tell it by: give it one".into());
        }
    };
    let finds = |cloud: Option<&str>| document.find(&Selector { cloud, agent: &name });
    if finds(None) == Ok(number) {
        return Ok((name, None));
    }
    let cloud = document.clouds()[agent.cloud].name.clone();
    if !cloud.is_empty() && finds(Some(&cloud)) == Ok(number) {
        return Ok((name, Some(cloud)));
    }
    Err(format!("several agent templates are called {name}: give each a description of its own"))
}

fn ami(format: Format, agent: &Agent) -> Result<String, String> {
    let filters = agent.fields.iter().any(|(path, value)| {
        (path.starts_with("amiFilters") || path == "amiOwners") && !value.trim().is_empty()
    });
    match &agent.ami {
        Some(ami) => match resolved(ami) {
            Err(variable) if format == Format::Casc => {
                Err(format!("its AMI is the variable ${{{variable}}}, which is set elsewhere"))
            }
            _ => Ok(ami.clone()),
        },
        None if filters => Err(
            "it looks its AMI up by filters: a consumer `tag = { … }` can say which AMI they find"
                .into(),
        ),
        None => Err("it names no AMI".into()),
    }
}

/// The script as Jenkins runs it.
fn script(format: Format, agent: &Agent, ami: &str, wanted: &Wanted<'_>) -> Result<String, String> {
    let Some(written) = &agent.init_script else {
        return Err(format!(
            "it has no init script: it boots {ami} as it is, and there is nothing to bake. To roll it as \
             well, write a template for it, with a script"
        ));
    };
    let script = match format {
        Format::Xml => written.clone(),
        Format::Casc => resolved(written).map_err(|variable| match variable.split_once(':') {
            Some(("readFile" | "readFileBase64", file)) => {
                format!(
                    "its init script is a file already, {file}: name that as a template's script"
                )
            }
            _ => format!(
                "its init script has the variable ${{{variable}}}, whose value only Jenkins knows: \
                 let the script read it at boot"
            ),
        })?,
    };
    match line_with_secret(&script) {
        Some(line) if !wanted.with_secrets => Err(format!(
            "line {line} of its init script seems to hold a secret, which no AMI should have: take it \
             out, or let --with-secrets copy it all the same"
        )),
        _ => Ok(script),
    }
}

/// An instance type as EC2 writes it; earlier versions of the plugin wrote Java's name of it.
fn instance_type(written: &str) -> Option<String> {
    let text = written.trim();
    if text.contains('.') {
        return Some(text.to_owned());
    }
    let lower = text.to_lowercase();
    let sizes = ["nano", "micro", "small", "medium", "large", "metal"];
    let size = sizes.into_iter().find_map(|size| lower.strip_suffix(size).map(|rest| (rest, size)));
    let (rest, size) = size?;
    // In front of "large" there may be an x with a number: m24xlarge is m2.4xlarge.
    let rest_without_x = rest.strip_suffix('x').filter(|_| size == "large");
    let (rest, x) = rest_without_x.map_or((rest, ""), |rest| (rest, "x"));
    let letters = rest.bytes().take_while(u8::is_ascii_lowercase).count();
    let after = rest.get(letters + 1..)?;
    if letters == 0 || !rest.as_bytes()[letters].is_ascii_digit() {
        return None;
    }
    let more = after.bytes().take_while(u8::is_ascii_lowercase).count();
    let (family, number) = rest.split_at(letters + 1 + more);
    let is_number = number.bytes().all(|it| it.is_ascii_digit());
    (is_number && (number.is_empty() || x == "x")).then(|| format!("{family}.{number}{x}{size}"))
}

/// A profile by its name, where its ARN is given.
fn profile_name(written: &str) -> String {
    written.rsplit('/').next().unwrap_or(written).to_owned()
}

fn notable(agent: &Agent) -> Vec<(String, &'static str)> {
    let is_there = |path: &str| agent.field(path).is_some_and(|value| !value.trim().is_empty());
    let notable = NOTABLE.into_iter().filter(|(path, _)| {
        is_there(path) || is_there(&path.replace("amiType.", "amiType.unixData."))
    });
    let mut notable: Vec<(String, &'static str)> =
        notable.map(|(path, text)| (path.to_owned(), text)).collect();
    let kind = agent.field("type").filter(|it| !it.trim().is_empty());
    if kind.is_some_and(|it| instance_type(it).is_none()) {
        notable.push(("type".into(), "EC2 has no such instance type: set `instance_type`"));
    }
    let subnets = agent.field("subnetId").unwrap_or_default().split_whitespace().count();
    if subnets > 1 {
        notable.push(("subnetId".into(), "only the first subnet is taken: a bake is in one"));
    }
    let groups = agent.field("securityGroups").unwrap_or_default();
    let subnet = agent.field("subnetId").is_some_and(|it| !it.trim().is_empty());
    if subnet && groups.split([',', ';', ' ']).any(|it| !it.is_empty() && !it.starts_with("sg-")) {
        let text = "with a subnet, EC2 takes groups by sg-… id: set `security_groups`";
        notable.push(("securityGroups".into(), text));
    }
    notable
}

fn stays(agent: &Agent) -> BTreeSet<String> {
    let filled = agent.fields.iter().filter(|(_, value)| !value.trim().is_empty());
    let others = filled.filter(|(path, _)| {
        let is_notable =
            |name: &str| *path == name || *path == name.replace("amiType.", "amiType.unixData.");
        !CARRIED.contains(&path.as_str()) && !NOTABLE.iter().any(|(name, _)| is_notable(name))
    });
    // The names alone: a value may be a secret.
    others.map(|(path, _)| path.split(['.', '@']).next().unwrap_or(path).to_owned()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn instance_types_of_old_are_known() {
        for (written, expected) in [
            ("M1Large", Some("m1.large")),
            ("C1XLarge", Some("c1.xlarge")),
            ("M24xlarge", Some("m2.4xlarge")),
            ("T1Micro", Some("t1.micro")),
            ("R5ad24xlarge", Some("r5ad.24xlarge")),
            ("m5.large", Some("m5.large")),
            ("XLARGE", None),
            ("DEFAULT", None),
            ("large", None),
        ] {
            assert_eq!(instance_type(written).as_deref(), expected, "{written}");
        }
    }
}
