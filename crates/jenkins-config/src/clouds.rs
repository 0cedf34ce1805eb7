//! Where the EC2 plugin's clouds and agent templates stand in a file of either format.

use crate::agent::{Agent, Cloud, Field, Format, Region, Search, Slots, words};
use crate::error::{ProgramKind, ReadError, Remark};
use crate::program::recognised;
use crate::text::Text;
use crate::tree::{Slot, Tree};
use crate::xml;

/// The elements that are a cloud of the EC2 plugin: today's, its alias of earlier versions,
/// and Eucalyptus, which has the same agent templates
/// (<https://github.com/jenkinsci/ec2-plugin>, `EC2Cloud`).
const XML_CLOUDS: [&str; 3] =
    ["hudson.plugins.ec2.EC2Cloud", "hudson.plugins.ec2.AmazonEC2Cloud", XML_EUCALYPTUS];
const XML_EUCALYPTUS: &str = "hudson.plugins.ec2.Eucalyptus";
const XML_AGENT: &str = "hudson.plugins.ec2.SlaveTemplate";
/// The same as configuration as code, by their symbols and the names of their classes, in any case.
const CASC_CLOUDS: [&str; 4] = ["amazonEC2", "amazonEC2Cloud", "eC2Cloud", CASC_EUCALYPTUS];
const CASC_EUCALYPTUS: &str = "eucalyptus";
/// The clouds of the EC2 Fleet plugin, in both formats
/// (<https://github.com/jenkinsci/ec2-fleet-plugin>).
const FLEETS: [&str; 4] = [
    "com.amazon.jenkins.ec2fleet.EC2FleetCloud",
    "com.amazon.jenkins.ec2fleet.EC2FleetLabelCloud",
    "eC2Fleet",
    "eC2FleetLabel",
];

/// What is read of a cloud, and may be there once.
const OF_CLOUD: [&str; 3] = ["name", "region", "templates"];
/// What is read or written of an agent template, and may be there once.
const OF_AGENT: [&str; 17] = [
    "ami",
    "amiFilters",
    "amiOwners",
    "amiType",
    "amiUsers",
    "description",
    "iamInstanceProfile",
    "initScript",
    "labelString",
    "labels",
    "remoteAdmin",
    "remoteFS",
    "rootCommandPrefix",
    "securityGroups",
    "sshPort",
    "subnetId",
    "type",
];

/// Whether a text may have a cloud of the plugin in it, or of the EC2 Fleet plugin.
pub(crate) fn mentions_cloud(text: &str) -> bool {
    let text = text.to_ascii_lowercase();
    let words = ["amazonec2", "ec2cloud", "ec2fleet", "hudson.plugins.ec2", "eucalyptus:"];
    words.iter().any(|word| text.contains(word))
}

fn is_casc_cloud(symbol: &str) -> bool {
    CASC_CLOUDS.iter().any(|it| it.eq_ignore_ascii_case(symbol))
}

/// What was found so far.
pub(crate) struct Found<'d> {
    pub(crate) text: &'d Text,
    pub(crate) slots: &'d [Slot],
    pub(crate) clouds: Vec<Cloud>,
    pub(crate) agents: Vec<Agent>,
    pub(crate) remarks: Vec<Remark>,
    /// Where the clouds of configuration as code begin.
    seen: Vec<usize>,
}

impl<'d> Found<'d> {
    pub(crate) fn new(text: &'d Text, slots: &'d [Slot]) -> Found<'d> {
        let (clouds, agents, remarks) = (Vec::new(), Vec::new(), Vec::new());
        Found { text, slots, clouds, agents, remarks, seen: Vec::new() }
    }

    pub(crate) fn xml_clouds(&mut self, tree: &Tree) -> Result<(), ReadError> {
        for (name, below) in tree.entries() {
            if XML_CLOUDS.contains(&name.as_str()) {
                self.refuse_twice(below, &OF_CLOUD)?;
                let is_agent = |(name, _): &&(String, Tree)| name == XML_AGENT;
                let templates = below.get("templates").map(Tree::entries).unwrap_or_default();
                let agents: Vec<&Tree> =
                    templates.iter().filter(is_agent).map(|it| &it.1).collect();
                let is_astray = below.entries().iter().any(|it| is_agent(&it));
                self.cloud(name, below, &agents, is_astray)?;
                continue;
            }
            self.remark_on_fleet(name, below);
            self.xml_clouds(below)?;
        }
        Ok(())
    }

    /// Whole, with `jenkins:` or `clouds:` at the top, or the exported list itself; else wherever a
    /// file of other programs has it, as variables of Ansible's.
    pub(crate) fn casc_clouds(&mut self, documents: &Tree) -> Result<(), ReadError> {
        for (_, document) in documents.entries() {
            self.refuse_twice(document, &["jenkins", "clouds"])?;
            let jenkins = document.get("jenkins");
            if let Some(jenkins) = jenkins {
                self.refuse_twice(jenkins, &["clouds"])?;
            }
            let clouds = jenkins
                .and_then(|jenkins| jenkins.get("clouds"))
                .or_else(|| document.get("clouds"))
                .unwrap_or(document);
            for (_, item) in clouds.entries() {
                self.casc_item(item)?;
            }
        }
        if self.clouds.is_empty() { self.casc_anywhere(documents) } else { Ok(()) }
    }

    fn casc_anywhere(&mut self, tree: &Tree) -> Result<(), ReadError> {
        self.casc_item(tree)?;
        let mut with_clouds: Vec<&str> = Vec::new();
        for (name, below) in tree.entries() {
            let before = self.clouds.len();
            if !is_casc_cloud(name) {
                self.casc_anywhere(below)?;
            }
            // Who reads the file takes the last: which clouds there are depends on it.
            let same = tree.entries().iter().filter(|(key, _)| key == name).count();
            if self.clouds.len() > before {
                with_clouds.push(name);
            }
            if same > 1 && with_clouds.contains(&name.as_str()) {
                return Err(ReadError::Twice { line: self.line(below), name: name.clone() });
            }
        }
        Ok(())
    }

    /// An item of a list of clouds: its symbol, and what belongs to that.
    fn casc_item(&mut self, item: &Tree) -> Result<(), ReadError> {
        self.refuse_twice(item, &CASC_CLOUDS)?;
        for (symbol, cloud) in item.entries() {
            self.remark_on_fleet(symbol, cloud);
            // An alias makes one cloud of several places.
            let at = self.begin(cloud);
            if !is_casc_cloud(symbol) || self.seen.contains(&at) {
                continue;
            }
            self.seen.push(at);
            self.refuse_twice(cloud, &OF_CLOUD)?;
            let templates = cloud.get("templates");
            let items = templates.map(Tree::entries).unwrap_or_default();
            let is_list = items.iter().all(|(name, _)| name.bytes().all(|it| it.is_ascii_digit()));
            let agents = items.iter().map(|(_, agent)| agent).filter(|_| is_list);
            let agents: Vec<&Tree> = agents.collect();
            let is_astray = !is_list || item.get("templates").is_some();
            self.cloud(symbol, cloud, &agents, is_astray)?;
        }
        Ok(())
    }

    fn remark_on_fleet(&mut self, name: &str, cloud: &Tree) {
        let remark = Remark::Fleet { line: self.line(cloud) };
        if FLEETS.iter().any(|it| it.eq_ignore_ascii_case(name)) && !self.remarks.contains(&remark)
        {
            self.remarks.push(remark);
        }
    }

    fn cloud(
        &mut self,
        kind: &str,
        cloud: &Tree,
        agents: &[&Tree],
        is_astray: bool,
    ) -> Result<(), ReadError> {
        let format = if XML_CLOUDS.contains(&kind) { Format::Xml } else { Format::Casc };
        self.refuse_placeholders(cloud, &OF_CLOUD)?;
        let fields = self.fields(cloud, "templates");
        let find = |name: &str| fields.iter().rfind(|field| field.path.eq_ignore_ascii_case(name));
        let value = |name: &str| find(name).map(|field| field.value.clone());
        let is_eucalyptus = kind == XML_EUCALYPTUS || kind.eq_ignore_ascii_case(CASC_EUCALYPTUS);
        let region = if is_eucalyptus {
            Region::None
        } else {
            Region::read(format, value("region").as_deref())
        };
        self.clouds.push(Cloud {
            name: value("name").or_else(|| value("cloudName")).unwrap_or_default(),
            region,
            line: self.line(cloud),
            fields,
        });
        let (cloud, last) = (self.clouds.len() - 1, &self.clouds[self.clouds.len() - 1]);
        match (agents.is_empty(), is_astray) {
            (_, true) => {
                self.remarks.push(Remark::Astray { cloud: last.title(), line: last.line });
            }
            (true, false) => {
                self.remarks.push(Remark::NoTemplates { cloud: last.title(), line: last.line });
            }
            (false, false) => {}
        }
        for agent in agents {
            self.refuse_twice(agent, &OF_AGENT)?;
            self.refuse_placeholders(agent, &OF_AGENT)?;
            let agent = self.agent(agent, format, cloud);
            self.agents.push(agent);
        }
        Ok(())
    }

    /// Which of two counts differs from reader to reader.
    fn refuse_twice(&self, tree: &Tree, names: &[&str]) -> Result<(), ReadError> {
        for name in names {
            let mut same = tree.entries().iter().filter(|(key, _)| key.eq_ignore_ascii_case(name));
            if let (Some(_), Some((_, second))) = (same.next(), same.next()) {
                let name = (*name).to_owned();
                return Err(ReadError::Twice { line: self.line(second), name });
            }
        }
        Ok(())
    }

    /// An unquoted `{{ x }}` is a mapping to YAML, and a value still to be filled in to its author.
    fn refuse_placeholders(&self, tree: &Tree, names: &[&str]) -> Result<(), ReadError> {
        let text = self.text.characters();
        for (name, below) in tree.entries() {
            let is_read = names.iter().any(|it| it.eq_ignore_ascii_case(name));
            if let (true, Tree::Branch(at, _)) = (is_read, below)
                && text[*at..].starts_with("{{")
            {
                let kind = recognised(text).unwrap_or(ProgramKind::Jinja);
                return Err(ReadError::Program { kind });
            }
        }
        Ok(())
    }

    fn begin(&self, tree: &Tree) -> usize {
        match tree {
            Tree::Leaf(slot) => self.slots[*slot].span.start,
            Tree::Branch(at, _) => *at,
        }
    }

    /// The line in which something begins, from 1.
    fn line(&self, tree: &Tree) -> usize {
        xml::line_of(self.text.characters(), self.begin(tree))
    }

    fn agent(&self, tree: &Tree, format: Format, cloud: usize) -> Agent {
        let labels = match format {
            Format::Xml => "labels",
            Format::Casc => "labelString",
        };
        let slot = |name: &str| tree.get(name).and_then(Tree::leaf);
        let value = |name: &str| slot(name).map(|slot| self.slots[slot].value.clone());
        let some = |name: &str| value(name).filter(|value| !value.trim().is_empty());
        Agent {
            cloud,
            format,
            description: some("description"),
            labels: value(labels).unwrap_or_default(),
            ami: some("ami").map(|ami| ami.trim().to_owned()),
            init_script: some("initScript"),
            line: self.line(tree),
            kind: self.kind(tree),
            fields: self.fields(tree, ""),
            no_texts: self.no_texts(tree),
            search: self.search(tree, format),
            slots: Slots { ami: slot("ami"), init_script: slot("initScript") },
        }
    }

    fn kind(&self, agent: &Tree) -> String {
        if let Some(class) = agent.get("amiType@class").and_then(Tree::leaf) {
            return self.slots[class].value.clone();
        }
        match agent.get("amiType") {
            // Without anything to say, configuration as code exports the symbol alone.
            Some(Tree::Leaf(slot)) => self.slots[*slot].value.trim().to_owned(),
            Some(Tree::Branch(_, entries)) => {
                entries.first().map(|(name, _)| name.clone()).unwrap_or_default()
            }
            None => String::new(),
        }
    }

    /// What has more below it than the one text that Jenkins wants.
    fn no_texts(&self, agent: &Tree) -> Vec<(String, usize)> {
        let read = agent.entries().iter().filter(|(name, below)| {
            let is_text = |it: &&str| !["amiFilters", "amiType"].contains(it);
            let mut texts = OF_AGENT.iter().filter(|it| is_text(it));
            below.leaf().is_none() && texts.any(|it| it.eq_ignore_ascii_case(name))
        });
        read.map(|(name, below)| (name.clone(), self.line(below))).collect()
    }

    fn search(&self, agent: &Tree, format: Format) -> Search {
        let mut search = Search::default();
        let mut text = |key: &'static str, tree: Option<&Tree>| -> String {
            let Some(tree) = tree else { return String::new() };
            let known = match tree.leaf() {
                Some(slot) => format.known(&self.slots[slot].value),
                None => Err("no text".into()),
            };
            known.unwrap_or_else(|unknown| {
                search.unknown = Some((key, unknown));
                String::new()
            })
        };
        let owners = words(&text("amiOwners", agent.get("amiOwners")));
        let users = words(&text("amiUsers", agent.get("amiUsers")));
        let filters = agent.get("amiFilters");
        let mut found = Vec::new();
        let mut is_odd =
            filters.and_then(Tree::leaf).is_some_and(|it| !self.slots[it].value.trim().is_empty());
        for (_, filter) in filters.map(Tree::entries).unwrap_or_default() {
            is_odd |= filter.leaf().is_some();
            let name = text("amiFilters", filter.get("name")).trim().to_owned();
            let values = words(&text("amiFilters", filter.get("values")));
            if !name.is_empty() {
                found.push((name, values));
            }
        }
        if is_odd {
            search.unknown = Some(("amiFilters", "no list of filters".into()));
        }
        Search { owners, users, filters: found, ..search }
    }

    fn fields(&self, tree: &Tree, without: &str) -> Vec<Field> {
        let leaves = tree.entries().iter().filter(|(name, _)| name != without);
        let leaves = leaves.flat_map(|(name, below)| {
            let join = |path: String| {
                if path.is_empty() { name.clone() } else { format!("{name}.{path}") }
            };
            below
                .leaves()
                .into_iter()
                .map(move |(path, slot)| (join(path), slot))
                .collect::<Vec<_>>()
        });
        let field = |(path, slot): (String, usize)| Field {
            path,
            value: self.slots[slot].value.clone(),
            line: self.line(&Tree::Leaf(slot)),
        };
        leaves.map(field).collect()
    }
}
