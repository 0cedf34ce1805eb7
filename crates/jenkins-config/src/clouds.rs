//! Where the EC2 plugin's clouds and agent templates stand in a file of either format.

use crate::document::{Agent, Cloud, Slots};
use crate::error::ReadError;
use crate::text::Text;
use crate::tree::{Slot, Tree};
use crate::xml;

/// The elements that are a cloud of the EC2 plugin: today's, its alias of earlier versions,
/// and Eucalyptus, which has the same agent templates
/// (<https://github.com/jenkinsci/ec2-plugin>, `EC2Cloud`).
const XML_CLOUDS: [&str; 3] = [
    "hudson.plugins.ec2.EC2Cloud",
    "hudson.plugins.ec2.AmazonEC2Cloud",
    "hudson.plugins.ec2.Eucalyptus",
];
const XML_AGENT: &str = "hudson.plugins.ec2.SlaveTemplate";
/// The same as configuration as code, by their symbols.
const CASC_CLOUDS: [&str; 2] = ["amazonEC2", "eucalyptus"];

/// What was found so far.
pub(crate) struct Found<'d> {
    pub(crate) text: &'d Text,
    pub(crate) slots: &'d [Slot],
    pub(crate) clouds: Vec<Cloud>,
    pub(crate) agents: Vec<Agent>,
}

impl Found<'_> {
    pub(crate) fn xml_clouds(&mut self, tree: &Tree) -> Result<(), ReadError> {
        for (name, below) in tree.entries() {
            if XML_CLOUDS.contains(&name.as_str()) {
                let templates = below.get("templates").map(Tree::entries).unwrap_or_default();
                let agents = templates.iter().filter(|(name, _)| name == XML_AGENT);
                self.cloud(below, agents.map(|(_, agent)| agent), ["labels", "cloudName"])?;
            } else {
                self.xml_clouds(below)?;
            }
        }
        Ok(())
    }

    /// Whole, with `jenkins:` or `clouds:` at the top, or the exported list itself.
    pub(crate) fn casc_clouds(&mut self, documents: &Tree) -> Result<(), ReadError> {
        for (_, document) in documents.entries() {
            let clouds = document
                .get("jenkins")
                .and_then(|jenkins| jenkins.get("clouds"))
                .or_else(|| document.get("clouds"))
                .unwrap_or(document);
            for (_, item) in clouds.entries() {
                for (symbol, cloud) in item.entries() {
                    if CASC_CLOUDS.contains(&symbol.as_str()) {
                        let templates = cloud.get("templates").map(Tree::entries);
                        let agents = templates.unwrap_or_default().iter().map(|(_, agent)| agent);
                        self.cloud(cloud, agents, ["labelString", "cloudName"])?;
                    }
                }
            }
        }
        Ok(())
    }

    fn cloud<'t>(
        &mut self,
        cloud: &'t Tree,
        agents: impl Iterator<Item = &'t Tree>,
        [labels, old_name]: [&str; 2],
    ) -> Result<(), ReadError> {
        self.refuse_twice(cloud, &["name", "region", "templates"])?;
        let fields = self.fields(cloud, "templates");
        let find = |name: &str| fields.iter().find(|(path, _)| path == name);
        let value = |name: &str| find(name).map(|(_, value)| value.clone());
        self.clouds.push(Cloud {
            name: value("name").or_else(|| value(old_name)).unwrap_or_default(),
            region: value("region").filter(|region| !region.is_empty()),
            fields,
        });
        for agent in agents {
            self.refuse_twice(agent, &["ami", "description", "initScript", labels])?;
            let agent = self.agent(agent, labels);
            self.agents.push(agent);
        }
        Ok(())
    }

    fn refuse_twice(&self, tree: &Tree, names: &[&str]) -> Result<(), ReadError> {
        for name in names {
            if tree.entries().iter().filter(|(key, _)| key == name).count() > 1 {
                let name = (*name).to_owned();
                return Err(ReadError::Twice { line: self.line(tree), name });
            }
        }
        Ok(())
    }

    /// The line in which something begins, from 1.
    fn line(&self, tree: &Tree) -> usize {
        let at = match tree {
            Tree::Leaf(slot) => self.slots[*slot].span.start,
            Tree::Branch(at, _) => *at,
        };
        xml::line_of(self.text.characters(), at)
    }

    fn agent(&self, tree: &Tree, labels: &str) -> Agent {
        let slot = |name: &str| tree.get(name).and_then(Tree::leaf);
        let value = |name: &str| slot(name).map(|slot| self.slots[slot].value.clone());
        let some = |name: &str| value(name).filter(|value| !value.trim().is_empty());
        Agent {
            cloud: self.clouds.len() - 1,
            description: some("description"),
            labels: value(labels).unwrap_or_default(),
            ami: some("ami").map(|ami| ami.trim().to_owned()),
            init_script: some("initScript"),
            line: self.line(tree),
            fields: self.fields(tree, ""),
            slots: Slots { ami: slot("ami"), init_script: slot("initScript") },
        }
    }

    fn fields(&self, tree: &Tree, without: &str) -> Vec<(String, String)> {
        let leaves = tree.entries().iter().filter(|(name, _)| name != without);
        let leaves = leaves.flat_map(|(name, below)| {
            let join = |path: String| match path.is_empty() {
                true => name.clone(),
                false => format!("{name}.{path}"),
            };
            below
                .leaves()
                .into_iter()
                .map(move |(path, slot)| (join(path), slot))
                .collect::<Vec<_>>()
        });
        leaves.map(|(path, slot)| (path, self.slots[slot].value.clone())).collect()
    }
}
