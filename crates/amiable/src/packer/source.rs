//! What becomes of a source's keys.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use serde_json::Value;

use super::files::find;
use super::keys::{How, row};
use super::model::{Build, Content, Draft, Keys};
use super::value::{
    self, Unknown, blocks, entries, flag, has_unknown, is_nothing, number, parts, texts,
};
use super::volumes;
use crate::import::release;
use crate::toml_text::{quoted, table};

/// The keys for tags on what is started.
const RUN_TAGS: [&str; 6] =
    ["run_tags", "run_tag", "run_volume_tags", "run_volume_tag", "spot_tags", "spot_tag"];

type Data = BTreeMap<String, Keys>;

/// Takes a source over.
pub(super) fn take(build: &Build, data: &Data, folder: &Path, draft: &mut Draft) {
    let mut source = Source { build, data, folder, draft, arch: None, base: None };
    for (key, value) in &build.keys {
        let value = &source.without_dynamic(key, value);
        if is_nothing(value) && key != "associate_public_ip_address" {
            continue;
        }
        match row(key) {
            None => source.draft.left(key, "amiable does not know this key"),
            Some((_, How::Own, text)) => source.draft.own.push((key.clone(), (*text).to_owned())),
            Some((_, How::Not, text)) => source.draft.left(key, *text),
            Some((_, How::Taken, text)) => match source.key(key, value) {
                Ok(()) => source.draft.taken.push((key.clone(), (*text).to_owned())),
                Err(why) => source.draft.left(key, why),
            },
        }
    }
    source.finish();
}

struct Source<'a> {
    build: &'a Build,
    data: &'a Data,
    folder: &'a Path,
    draft: &'a mut Draft,
    arch: Option<String>,
    /// Words of its base, from which its release may be told.
    base: Option<String>,
}

impl Source<'_> {
    /// Blocks that are made at a build stand as texts among others: they are told.
    fn without_dynamic(&mut self, key: &str, value: &Value) -> Value {
        let Value::Array(all) = value else { return value.clone() };
        let is_dynamic = |it: &&Value| {
            let parts = it.as_str().map(parts).unwrap_or_default();
            matches!(parts.as_slice(), [Err(Unknown::Expression(text))] if text.starts_with("dynamic "))
        };
        let (dynamic, rest): (Vec<&Value>, Vec<&Value>) = all.iter().partition(is_dynamic);
        for it in dynamic {
            self.draft.left(key, value::text(it).err().unwrap_or_default());
        }
        rest.into_iter().cloned().collect()
    }

    fn key(&mut self, key: &str, value: &Value) -> Result<(), String> {
        match key {
            "region" => self.cloud("region", value),
            "profile" => self.cloud("profile", value),
            "custom_endpoint_ec2" => self.cloud("endpoint", value),
            "ami_name" => self.name(value),
            "ami_description" => self.text("description", value),
            "ami_users" | "ami_org_arns" | "ami_ou_arns" => self.share(),
            "snapshot_users" => self.list("snapshot_users", value),
            "ami_regions" => self.regions(value),
            "tags" | "tag" => self.tags("metadata", &["tags", "tag"]),
            _ if RUN_TAGS.contains(&key) => self.tags("run_tags", &RUN_TAGS),
            "spot_price" => {
                match value::text(value)?.as_str() {
                    "0" => {}
                    "auto" => self.draft.line("spot", "true"),
                    price => {
                        self.draft.line("spot", format!("{{ max_price = {} }}", quoted(price)));
                    }
                }
                Ok(())
            }
            "spot_instance_types" => self.list("instance_type", value),
            "encrypt_boot" | "kms_key_id" | "region_kms_key_ids" => self.encrypt(),
            "imds_support" => self.text("imds_support", value),
            "deregistration_protection" => {
                for block in blocks(value)? {
                    if block.get("enabled").map(flag).transpose()? == Some(true) {
                        self.draft.line("deregistration_protection", "true");
                    }
                }
                Ok(())
            }
            "launch_block_device_mappings" => {
                if volumes::take(value, self.draft)? && self.get("encrypt_boot").is_none() {
                    self.draft.line("encrypt", "true");
                }
                Ok(())
            }
            "source_ami" => self.source_ami(value),
            "source_ami_filter" => {
                let filter = blocks(value)?.into_iter().next().ok_or("it is empty")?;
                if self.get("source_ami").is_some() {
                    return Err("there is a source_ami, too: a base is named in one way".into());
                }
                self.filter(filter)
            }
            "instance_type" => self.text("instance_type", value),
            "iam_instance_profile" => self.text("instance_profile", value),
            "subnet_id" => self.text("subnet", value),
            "subnet_filter" => self.tagged("subnet", value),
            "security_group_filter" => self.tagged("security_groups", value),
            "associate_public_ip_address" => {
                self.draft.line("public_ip", flag(value)?.to_string());
                Ok(())
            }
            "security_group_id" | "security_group_ids" => self.list("security_groups", value),
            "temporary_security_group_source_cidr" | "temporary_security_group_source_cidrs" => {
                self.list("ssh_from", value)
            }
            "user_data" => {
                let text = value::text(value)?;
                self.draft.files.insert("user-data".into(), Content::Text(text, false));
                self.draft.line("user_data", quoted("{SOURCE}/user-data"));
                Ok(())
            }
            "user_data_file" => {
                let path = value::text(value)?;
                let path = find(self.folder, &path).filter(|it| it.is_file());
                let path = path.ok_or("the file does not exist")?;
                self.draft.files.insert("user-data".into(), Content::Copy(path));
                self.draft.line("user_data", quoted("{SOURCE}/user-data"));
                Ok(())
            }
            "metadata_options" => self.metadata(value),
            "ssh_interface" => self.interface(&value::text(value)?),
            "ssh_port" => {
                self.draft.line("ssh_port", number(value)?.to_string());
                Ok(())
            }
            "ssh_username" => self.text("ssh_user", value),
            "ssh_keypair_name" => {
                self.key_file()?;
                self.text("key_pair", value)
            }
            "ssh_private_key_file" => {
                self.get("ssh_keypair_name").ok_or("there is no ssh_keypair_name")?;
                let file = self.key_file()?;
                self.draft.line("ssh_key_file", quoted(&file));
                Ok(())
            }
            "ssh_timeout" | "ssh_wait_timeout" => {
                if !self.draft.has("timeouts") {
                    let text = value::text(value)?;
                    self.draft.line("timeouts", format!("{{ boot = {} }}", quoted(&text)));
                }
                Ok(())
            }
            "ssh_bastion_host" | "ssh_bastion_username" => self.bastion(),
            _ => Err("the import does not read it".into()),
        }
    }

    fn get(&self, key: &str) -> Option<&Value> {
        self.build.keys.get(key).filter(|it| !is_nothing(it))
    }

    /// The private key of `ssh_keypair_name`, which stays where it is.
    fn key_file(&self) -> Result<String, String> {
        let path = self.get("ssh_private_key_file").ok_or("there is no ssh_private_key_file")?;
        let path = value::text(path)?;
        let full = find(self.folder, &path).and_then(|it| it.canonicalize().ok());
        match full {
            Some(full) => Ok(full.to_string_lossy().into_owned()),
            None => Err(format!("there is no file {path}")),
        }
    }

    fn text(&mut self, key: &'static str, value: &Value) -> Result<(), String> {
        let text = value::text(value)?;
        self.draft.line(key, quoted(&text));
        Ok(())
    }

    fn list(&mut self, key: &'static str, value: &Value) -> Result<(), String> {
        let all: Vec<String> = value::list(value)?.iter().map(|it| quoted(it)).collect();
        if self.draft.has(key) {
            return Err(format!("`{key}` is set by another key"));
        }
        self.draft.line(key, format!("[{}]", all.join(", ")));
        Ok(())
    }

    fn cloud(&mut self, key: &'static str, value: &Value) -> Result<(), String> {
        self.draft.cloud.insert(key, value::text(value)?);
        Ok(())
    }

    /// The time in a name becomes the date.
    fn name(&mut self, value: &Value) -> Result<(), String> {
        let text = value.as_str().ok_or("its value is not a text")?;
        let mut pattern = String::new();
        for part in parts(text) {
            match part {
                Ok(text) => pattern += &text.replace(['{', '}'], ""),
                Err(Unknown::Date) => pattern += "{date}",
                Err(other) => return Err(value::why(&other)),
            }
        }
        self.draft.pattern = Some(pattern);
        Ok(())
    }

    fn share(&mut self) -> Result<(), String> {
        let mut all = BTreeSet::new();
        for key in ["ami_users", "ami_org_arns", "ami_ou_arns"] {
            if let Some(value) = self.get(key) {
                all.extend(value::list(value)?);
            }
        }
        if !self.draft.has("share_with") {
            let all: Vec<String> = all.iter().map(|it| quoted(it)).collect();
            self.draft.line("share_with", format!("[{}]", all.join(", ")));
        }
        Ok(())
    }

    /// The region where it is baked comes first.
    fn regions(&mut self, value: &Value) -> Result<(), String> {
        let first = self.get("region").ok_or("there is no `region`")?;
        let first = value::text(first)?;
        let others = value::list(value)?.into_iter().filter(|it| *it != first);
        let all: Vec<String> =
            [first.clone()].into_iter().chain(others).map(|it| quoted(&it)).collect();
        if all.len() > 1 {
            self.draft.line("regions", format!("[{}]", all.join(", ")));
        }
        Ok(())
    }

    /// Maps of tags, and blocks with a key and a value. What is not known before the build is left
    /// out, and told.
    fn tags(&mut self, key: &'static str, names: &[&'static str]) -> Result<(), String> {
        if self.draft.has(key) {
            return Ok(());
        }
        let mut all: BTreeMap<String, String> = BTreeMap::new();
        let mut left = Vec::new();
        for name in names {
            let Some(value) = self.get(name) else { continue };
            for block in blocks(value)? {
                let pair = (block.get("key"), block.get("value"));
                let pairs: Vec<(String, &Value)> = match pair {
                    (Some(key), Some(value)) if name.ends_with("tag") => {
                        vec![(value::text(key)?, value)]
                    }
                    _ => block.iter().map(|(key, value)| (key.clone(), value)).collect(),
                };
                for (tag, value) in pairs {
                    match value::text(value) {
                        _ if has_unknown(&tag) => {
                            left.push(((*name).to_owned(), "a tag's key is not known".to_owned()));
                        }
                        Ok(text) if text.contains("{{") => left.push((
                            format!("{name}.{tag}"),
                            "amiable records the base, the time and who baked in tags of its own"
                                .into(),
                        )),
                        Ok(text) => drop(all.insert(tag, text)),
                        Err(why) => left.push((format!("{name}.{tag}"), why)),
                    }
                }
            }
        }
        self.draft.left.extend(left);
        if key == "metadata" && all.remove("Name").is_some() {
            let text = "the AMI's name is its `Name`, too".to_owned();
            self.draft.own.push(("tags.Name".into(), text));
        }
        if !all.is_empty() {
            self.draft.line(key, table(&all));
        }
        Ok(())
    }

    fn encrypt(&mut self) -> Result<(), String> {
        if self.draft.has("encrypt") {
            return Ok(());
        }
        if !self.get("encrypt_boot").map(flag).transpose()?.unwrap_or_default() {
            return Err("without encrypt_boot, nothing is encrypted".into());
        }
        let mut keys = BTreeMap::new();
        for (region, key) in entries(self.get("region_kms_key_ids"))? {
            keys.insert(region.clone(), value::text(key)?);
        }
        let own = self.get("kms_key_id").map(value::text).transpose()?;
        let value = match (keys.is_empty(), own) {
            (true, None) => "true".to_owned(),
            (true, Some(key)) => quoted(&key),
            (false, own) => {
                let region = self.get("region").map(value::text).transpose()?;
                if let (Some(region), Some(key)) = (region, own) {
                    keys.entry(region).or_insert(key);
                }
                table(&keys)
            }
        };
        self.draft.line("encrypt", value);
        Ok(())
    }

    /// An id, or what a `data` block finds.
    fn source_ami(&mut self, value: &Value) -> Result<(), String> {
        let text = value.as_str().ok_or("its value is not a text")?;
        let parts = parts(text);
        let [Err(Unknown::Ami(name))] = parts.as_slice() else {
            return self.text("base", value);
        };
        let found = self.data.get(name).ok_or_else(|| format!("there is no data {name}"))?;
        if name.starts_with("amazon-parameterstore.") {
            let parameter = found.get("name").ok_or("it names no parameter")?;
            let parameter = value::text(parameter)?;
            self.base = Some(parameter.clone());
            self.draft.line("base", format!("{{ ssm = {} }}", quoted(&parameter)));
            return Ok(());
        }
        self.filter(found)
    }

    fn filter(&mut self, filter: &Keys) -> Result<(), String> {
        let owners = filter.get("owners").or(filter.get("owner"));
        let owners = owners.map(texts).transpose()?.unwrap_or_default();
        let owner =
            owners.first().ok_or("it names no owner: anyone may publish an AMI under any name")?;
        if owners.len() > 1 {
            let others = owners[1..].join(", ");
            self.draft.left("source_ami_filter.owners", format!("a base has one owner: {others}"));
        }
        let (mut name, mut tags) = (None, BTreeMap::new());
        for (key, value) in filters(filter)? {
            match key.as_str() {
                "name" => name = Some(value::text(value)?),
                "architecture" => self.arch = Some(value::text(value)?),
                // What an AMI must be for a bake in any case.
                "virtualization-type" | "root-device-type" | "state" | "image-type" => {}
                key => match key.strip_prefix("tag:") {
                    Some(tag) => drop(tags.insert(tag.to_owned(), value::text(value)?)),
                    None => {
                        let what = format!("source_ami_filter.filters.{key}");
                        self.draft.left(what, "a base is found by owner, name and tags");
                    }
                },
            }
        }
        if filter.get("include_deprecated").is_some_and(|it| flag(it) == Ok(true)) {
            let text = "deprecated AMIs of others are not taken";
            self.draft.left("source_ami_filter.include_deprecated", text);
        }
        let mut parts = vec![format!("owner = {}", quoted(owner))];
        if name.is_none() && tags.is_empty() {
            name = Some("*".into());
        }
        parts.extend(name.as_ref().map(|it| format!("name = {}", quoted(it))));
        parts.extend((!tags.is_empty()).then(|| format!("tags = {}", table(&tags))));
        self.base = name;
        self.draft.line("base", format!("{{ {} }}", parts.join(", ")));
        Ok(())
    }

    /// A filter of tags; other filters are told.
    fn tagged(&mut self, key: &'static str, value: &Value) -> Result<(), String> {
        let mut tags = BTreeMap::new();
        if self.draft.has(key) {
            return Err(format!("`{key}` is set by another key"));
        }
        for block in blocks(value)? {
            for other in block.keys().filter(|it| !["filters", "filter"].contains(&it.as_str())) {
                self.draft.left(format!("{key}: {other}"), "one that has the tags is taken");
            }
            for (name, value) in filters(block)? {
                match name.strip_prefix("tag:") {
                    Some(tag) => drop(tags.insert(tag.to_owned(), value::text(value)?)),
                    None => {
                        let text = format!("`{key}` is found by tags, or named by ids");
                        self.draft.left(format!("filters.{name}"), text);
                    }
                }
            }
        }
        if tags.is_empty() {
            return Err("it has no filter for a tag".into());
        }
        self.draft.line(key, format!("{{ tags = {} }}", table(&tags)));
        Ok(())
    }

    fn metadata(&mut self, value: &Value) -> Result<(), String> {
        for (key, value) in blocks(value)?.into_iter().flatten() {
            match key.as_str() {
                "http_put_response_hop_limit" => {
                    self.draft.line("hop_limit", number(value)?.to_string());
                }
                "http_endpoint" | "http_tokens" if value::text(value)? != "disabled" => {}
                other => {
                    let text = match other {
                        "http_endpoint" | "http_tokens" => {
                            "the metadata service is on, and wants tokens"
                        }
                        _ => "amiable does not set it",
                    };
                    self.draft.left(format!("metadata_options.{other}"), text);
                }
            }
        }
        Ok(())
    }

    fn interface(&mut self, interface: &str) -> Result<(), String> {
        match interface {
            "session_manager" => self.draft.line("connect", quoted("session-manager")),
            "private_ip" | "private_dns" => self.draft.line("address", quoted("private")),
            "public_ip" | "public_dns" => self.draft.line("address", quoted("public")),
            "ipv6" => self.draft.line("address", quoted("ipv6")),
            other => return Err(format!("`{other}` is not known")),
        }
        Ok(())
    }

    fn bastion(&mut self) -> Result<(), String> {
        let host = self.get("ssh_bastion_host").ok_or("there is no ssh_bastion_host")?;
        let host = value::text(host)?;
        let user = self.get("ssh_bastion_username").map(value::text).transpose()?;
        if !self.draft.has("connect") {
            let whole = user.map(|user| format!("{user}@{host}")).unwrap_or(host);
            self.draft.line("connect", format!("{{ bastion = {} }}", quoted(&whole)));
        }
        Ok(())
    }

    /// What a template needs besides.
    fn finish(&mut self) {
        let words: Vec<String> =
            [self.base.clone(), Some(self.build.name.clone()), self.draft.pattern.clone()]
                .into_iter()
                .flatten()
                .collect();
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        let os = release(&words).unwrap_or_else(|| "unknown".into());
        self.draft.lines.insert(0, ("os", quoted(&os)));
        if self.draft.has("security_groups") && self.draft.has("ssh_from") {
            self.draft.lines.retain(|(key, _)| *key != "ssh_from");
            let what = "temporary_security_group_source_cidrs";
            self.draft.taken.retain(|(key, _)| !what.starts_with(key.as_str()));
            self.draft.left(what, "it has no effect together with security groups");
        }
        let kind = self.draft.lines.iter().find(|(key, _)| *key == "instance_type");
        let is_arm = |kind: &str| {
            let family = kind.trim_matches('"').split('.').next().unwrap_or_default();
            let rest = family.trim_start_matches(|it: char| it.is_ascii_alphabetic());
            rest.chars().nth(1) == Some('g') || family == "a1"
        };
        let arm = self.arch.as_deref() == Some("arm64")
            || (self.arch.is_none() && kind.is_some_and(|(_, kind)| is_arm(kind)));
        if arm {
            self.draft.lines.insert(1, ("arch", quoted("arm64")));
        }
        for (key, what) in [("base", "source_ami"), ("ssh_user", "ssh_username")] {
            if !self.draft.has(key) {
                let toml = if key == "base" { quoted("ami-00000000") } else { quoted("unknown") };
                self.draft.line(key, toml);
                if !self.draft.left.iter().any(|(name, _)| name.starts_with(what)) {
                    self.draft.left(what, "there is none");
                }
                let why = "it is not known: set it in the configuration, and where scripts name it";
                self.draft.left(format!("`{key}`"), why);
            }
        }
    }
}

/// What a filter asks for: `filters = { name = "value" }`, and blocks with a name and a value.
fn filters(block: &Keys) -> Result<Vec<(String, &Value)>, String> {
    let all = entries(block.get("filters"))?.into_iter();
    let mut all: Vec<(String, &Value)> = all.map(|(name, value)| (name.clone(), value)).collect();
    for filter in block.get("filter").map(blocks).transpose()?.unwrap_or_default() {
        let name = filter.get("name").ok_or("a filter has no name")?;
        all.push((value::text(name)?, filter.get("value").ok_or("a filter has no value")?));
    }
    Ok(all)
}
