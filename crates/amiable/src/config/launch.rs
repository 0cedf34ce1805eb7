//! What a template says of how its machines are launched.

use std::collections::{BTreeMap, BTreeSet};

use ami_lifecycle::{LaunchSpec, Spot, tags};
use toml::de::DeValue;

use super::keys;
use super::reader::At;
use super::template::{TemplateReader, texts_of};

const DEFAULT_INSTANCE_TYPE: &str = "m5.large";
/// The most hops that EC2 takes
/// (<https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_InstanceMetadataOptionsRequest.html>).
const MOST_HOPS: u64 = 64;

impl<'a> TemplateReader<'_, 'a> {
    /// How its machines are launched.
    pub(super) fn launch(&self) -> LaunchSpec {
        let text = |key| self.text(key).map(|text| text.value.to_owned());
        let (security_groups, security_group_tags) = self.named_or_tagged("security_groups");
        let (subnets, subnet_tags) = self.named_or_tagged("subnet");
        self.check_groups(&security_groups, !subnets.is_empty() || !subnet_tags.is_empty());
        LaunchSpec {
            instance_types: self.instance_types(),
            security_groups: security_groups.into_iter().map(|it| it.value.to_owned()).collect(),
            security_group_tags,
            subnets: subnets.into_iter().map(|it| it.value.to_owned()).collect(),
            subnet_tags,
            public_ip: self.of("public_ip").boolean("public_ip"),
            instance_profile: text("instance_profile"),
            spot: self.spot(),
            volume: self.volume(),
            volumes: self.volumes(),
            run_tags: self.tags("run_tags", tags::check_tag),
            hop_limit: self.of("hop_limit").number("hop_limit", MOST_HOPS).map(|it| it.value as u8),
        }
    }

    /// `spot = true`, or a table.
    fn spot(&self) -> Option<Spot> {
        let parent = self.of("spot");
        let value = parent.get("spot")?;
        if value.get_ref().is_bool() {
            return parent.boolean("spot")?.then(Spot::default);
        }
        if !value.get_ref().is_table() {
            let hint = "or a table, such as spot = { max_price = \"0.05\" }";
            self.mistakes.add(value.span(), "`spot` must be true or false", Some(hint.into()));
            return None;
        }
        let section = parent.section("spot", &keys::SPOT);
        let max_price = section.string("max_price");
        let verifies = section.boolean("verify").unwrap_or(false);
        section.refuse_others();
        let is_price = |text: &str| text.parse::<f64>().is_ok_and(|it| it > 0.0 && it.is_finite());
        if let Some(text) = max_price.as_ref().filter(|it| !is_price(it.value)) {
            let message = format!("`{}` is not a price", text.value);
            let hint = "US dollars an hour, such as max_price = \"0.05\"";
            self.mistakes.add(text.span.clone(), message, Some(hint.into()));
        }
        Some(Spot { max_price: max_price.map(|it| it.value.to_owned()), verifies })
    }

    fn instance_types(&self) -> Vec<String> {
        let section = self.of("instance_type");
        if !section.has("instance_type") {
            return vec![DEFAULT_INSTANCE_TYPE.into()];
        }
        let texts = self.texts("instance_type");
        texts.into_iter().map(|it| it.value.to_owned()).collect()
    }

    /// One text, or several; none of them is empty.
    fn texts(&self, key: &'static str) -> Vec<At<&'a str>> {
        let section = self.of(key);
        let texts = section.string_or_strings(key);
        let is_empty = |it: &&At<&str>| it.value.trim().is_empty();
        if let Some(empty) = texts.iter().find(is_empty) {
            self.mistakes.add(empty.span.clone(), format!("`{key}` is empty"), None);
        } else if let (true, Some(value)) = (texts.is_empty(), section.get(key))
            && value.get_ref().is_array()
        {
            self.mistakes.add(value.span(), format!("`{key}` is empty"), None);
        }
        let mut seen = BTreeSet::new();
        if let Some(twice) = texts.iter().find(|it| !seen.insert(it.value)) {
            let message = format!("`{key}` has `{}` twice", twice.value);
            self.mistakes.add(twice.span.clone(), message, None);
        }
        texts
    }

    /// One text, several, or `{ tags = {…} }`.
    fn named_or_tagged(&self, key: &'static str) -> (Vec<At<&'a str>>, BTreeMap<String, String>) {
        let parent = self.of(key);
        match parent.get(key).map(|value| value.get_ref()) {
            None => (Vec::new(), BTreeMap::new()),
            Some(DeValue::Table(_)) => {
                let section = parent.section(key, &keys::TAGGED);
                let tags = texts_of(&section.map("tags"));
                section.refuse_others();
                if tags.is_empty() {
                    let hint = format!("such as {key} = {{ tags = {{ Name = \"ci\" }} }}");
                    section.missing("tags", Some(hint));
                }
                (Vec::new(), tags)
            }
            Some(_) => (self.texts(key), BTreeMap::new()),
        }
    }

    fn check_groups(&self, groups: &[At<&str>], in_subnet: bool) {
        if in_subnet && let Some(group) = groups.iter().find(|it| !it.value.starts_with("sg-")) {
            let message = format!(
                "the security group `{}` is given by name together with a subnet",
                group.value
            );
            let hint = "with a subnet, EC2 accepts groups only by their sg-… id";
            self.mistakes.add(group.span.clone(), message, Some(hint.into()));
        }
    }
}
