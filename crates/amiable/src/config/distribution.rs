//! What a `[template.…]` table may say about regions, and about who may use its AMIs.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use ami_lifecycle::{Consumer, Destination, Distribution, Encryption, Principal, Template};
use toml::de::DeValue;

use super::reader::{At, Mistakes, Section};
use super::template::TemplateReader;

/// EC2 takes no deprecation farther ahead
/// (<https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_EnableImageDeprecation.html>).
const LONGEST_LIFE: Duration = Duration::from_secs(3650 * 24 * 3600);

/// A consumer, and the region that it says it is in.
pub(super) type Placed<'a> = (Option<At<&'a str>>, Consumer);

impl<'a> TemplateReader<'_, 'a> {
    /// What is read of regions, sharing, encryption, deprecation and protection; and the
    /// consumers of the first region.
    pub(super) fn distribution(&self, consumers: Vec<Placed<'a>>) -> (Distribution, Vec<Consumer>) {
        let regions = self.regions();
        let share_with = self.share_with();
        let snapshot_users = self.snapshot_users();
        let is_shared = !share_with.is_empty() || !snapshot_users.is_empty();
        let encrypt = self.encrypt(&regions, is_shared);
        let (here, destinations) = self.by_region(&regions, consumers);
        let distribution = Distribution {
            first: regions.first().map(|region| region.value.to_owned()),
            destinations,
            share_with,
            snapshot_users,
            encrypt,
            deprecate_after: self.deprecate_after(),
            protect: self
                .of("deregistration_protection")
                .boolean("deregistration_protection")
                .unwrap_or(false),
        };
        (distribution, here)
    }

    /// The regions of its AMIs; the first is where they are baked.
    fn regions(&self) -> Vec<At<&'a str>> {
        let Some(regions) = self.of("regions").strings("regions") else { return Vec::new() };
        let mut seen = BTreeSet::new();
        for region in &regions {
            let name = region.value;
            if !is_region(name) {
                let hint = "a region is named such as \"eu-west-1\"";
                let message = format!("`{name}` is not a region");
                self.mistakes.add(region.span.clone(), message, Some(hint.into()));
            } else if !seen.insert(name) {
                let message = format!("region {name} is named twice");
                self.mistakes.add(region.span.clone(), message, None);
            }
        }
        if let (Some(first), Some(cloud)) = (regions.first(), self.region)
            && first.value != cloud
        {
            let message =
                format!("the first of `regions` is {}, but AMIs are baked in {cloud}", first.value);
            let hint = format!("[cloud] has region = \"{cloud}\": put that first");
            self.mistakes.add(first.span.clone(), message, Some(hint));
        }
        regions
    }

    fn share_with(&self) -> BTreeSet<Principal> {
        let all = self.of("share_with").strings("share_with").unwrap_or_default();
        let read = |text: At<&str>| match principal(text.value) {
            Ok(principal) => Some(principal),
            Err(hint) => {
                let message = format!("AMIs cannot be shared with `{}`", text.value);
                self.mistakes.add(text.span, message, Some(hint.into()));
                None
            }
        };
        all.into_iter().filter_map(read).collect()
    }

    fn snapshot_users(&self) -> BTreeSet<String> {
        let all = self.of("snapshot_users").strings("snapshot_users").unwrap_or_default();
        let is_account = |id: &str| id.len() == 12 && id.bytes().all(|it| it.is_ascii_digit());
        for bad in all.iter().filter(|it| !is_account(it.value)) {
            let message = format!("`{}` is not an account id", bad.value);
            let hint = "an account id has 12 digits and is written in quotes";
            self.mistakes.add(bad.span.clone(), message, Some(hint.into()));
        }
        all.into_iter().map(|it| it.value.to_owned()).collect()
    }

    fn encrypt(&self, regions: &[At<&str>], is_shared: bool) -> Option<Encryption> {
        let section = self.of("encrypt");
        let value = section.get("encrypt")?;
        let wrong = |message: &str, hint: &str| {
            self.mistakes.add(value.span(), message, Some(hint.to_owned()));
            None
        };
        match value.get_ref() {
            DeValue::Boolean(false) => None,
            DeValue::Boolean(true) if is_shared => wrong(
                "AMIs encrypted with the account's own key cannot be shared",
                "name a KMS key that the other accounts may use: encrypt = \"alias/…\" or a table \
                 by region",
            ),
            DeValue::Boolean(true) => Some(Encryption::AccountKey),
            DeValue::String(key) if key.starts_with("arn:") && regions.len() > 1 => wrong(
                "a key given by its ARN exists in one region only",
                "write encrypt = { REGION = \"KEY\", … }, or an alias that each region has",
            ),
            DeValue::String(key) if key.trim().is_empty() => wrong("`encrypt` is empty", KEYS),
            DeValue::String(key) => Some(Encryption::Key(key.to_string())),
            DeValue::Table(_) => self.keys(&section.map("encrypt"), regions),
            _ => wrong("`encrypt` must be true, a key or a table", KEYS),
        }
    }

    fn keys(&self, section: &Section<'a>, regions: &[At<&str>]) -> Option<Encryption> {
        let mut keys = BTreeMap::new();
        for (region, value) in section.entries() {
            let key = section.typed(region.value, value, "a string", DeValue::as_str);
            keys.extend(key.map(|key| (region.value.to_owned(), key.value.to_owned())));
        }
        let named = regions.iter().map(|region| region.value).chain(self.region);
        for region in named.collect::<BTreeSet<&str>>() {
            if !keys.contains_key(region) {
                let message = format!("`encrypt` has no key for region {region}");
                self.mistakes.add(section.span.clone(), message, Some(KEYS.into()));
            }
        }
        Some(Encryption::Keys(keys))
    }

    fn deprecate_after(&self) -> Option<Duration> {
        let age = self.days("deprecate_after")?;
        if age > LONGEST_LIFE {
            let section = self.of("deprecate_after");
            let span = section.get("deprecate_after").map_or(0..0, toml::Spanned::span);
            self.mistakes.add(span, "`deprecate_after` must be at most 10 years", None);
            return None;
        }
        Some(age)
    }

    /// Consumers by the regions that they are in.
    fn by_region(
        &self,
        regions: &[At<&'a str>],
        consumers: Vec<Placed<'a>>,
    ) -> (Vec<Consumer>, Vec<Destination>) {
        let destination = |region: &At<&str>| Destination {
            region: region.value.to_owned(),
            consumers: Vec::new(),
        };
        let mut destinations: Vec<Destination> = regions.iter().skip(1).map(destination).collect();
        let mut here = Vec::new();
        let first = regions.first().map(|region| region.value).or(self.region);
        for (region, consumer) in consumers {
            let Some(region) = region.filter(|region| Some(region.value) != first) else {
                here.push(consumer);
                continue;
            };
            match destinations.iter_mut().find(|it| it.region == region.value) {
                Some(destination) => destination.consumers.push(consumer),
                None => {
                    let message = format!("AMIs are not copied to region {}", region.value);
                    let hint = "the template's `regions` lists where they are";
                    self.mistakes.add(region.span, message, Some(hint.into()));
                }
            }
        }
        (here, destinations)
    }
}

const KEYS: &str = "write true, a key such as \"alias/ci\", or { REGION = \"KEY\", … }";

fn is_region(name: &str) -> bool {
    let parts: Vec<&str> = name.split('-').collect();
    let is_number = |text: &str| !text.is_empty() && text.bytes().all(|it| it.is_ascii_digit());
    let is_word = |text: &&str| !text.is_empty() && text.bytes().all(|it| it.is_ascii_lowercase());
    match parts.split_last() {
        Some((number, words)) => is_number(number) && words.len() >= 2 && words.iter().all(is_word),
        None => false,
    }
}

/// An account, an organisation or an organisational unit
/// (<https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/share-amis-with-organizations-and-OUs.html>).
fn principal(text: &str) -> Result<Principal, &'static str> {
    let owned = || text.to_owned();
    let is_account = text.len() == 12 && text.bytes().all(|byte| byte.is_ascii_digit());
    let resource = text.strip_prefix("arn:").and_then(|rest| rest.splitn(5, ':').nth(4));
    match resource {
        _ if is_account => Ok(Principal::Account(owned())),
        _ if text == "all" => Err("amiable does not make AMIs public"),
        Some(rest) if rest.starts_with("organization/o-") => Ok(Principal::Organization(owned())),
        Some(rest) if rest.starts_with("ou/o-") => Ok(Principal::OrganizationalUnit(owned())),
        _ => Err(
            "write a 12-digit account id, or the ARN of an organisation or an organisational unit",
        ),
    }
}

/// A name that recurs can be given up in one region only, by an AMI that may be deleted.
pub(super) fn check_names_recur(
    template: &Template,
    span: &std::ops::Range<usize>,
    mistakes: &Mistakes,
) {
    let hint = "add {generation} to `pattern` under [naming]";
    let name = &template.name;
    let refuse = |what: &str| {
        let message = format!("[template.{name}] {what}, and the names of its AMIs recur");
        mistakes.add(span.clone(), message, Some(hint.into()));
    };
    if !template.distribution.destinations.is_empty() {
        refuse("is in several regions");
    }
    if template.distribution.protect {
        refuse("is protected from deregistration");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn accounts_and_organisations_are_told_by_their_form() {
        let read = |text| principal(text).map(|it| it.to_string().len());
        assert_eq!(read("123456789012"), Ok(12));
        let organization = "arn:aws:organizations::123456789012:organization/o-abcd";
        assert!(matches!(principal(organization), Ok(Principal::Organization(_))));
        let unit = "arn:aws:organizations::123456789012:ou/o-abcd/ou-1234-5678";
        assert!(matches!(principal(unit), Ok(Principal::OrganizationalUnit(_))));
        for text in
            ["all", "12345678901", "12345678901x", "o-abcd", "arn:aws:iam::123456789012:root"]
        {
            assert!(principal(text).is_err(), "{text}");
        }
    }

    #[test]
    fn regions_have_a_form() {
        for name in ["us-east-1", "ap-southeast-12", "us-gov-west-1", "us-iso-east-1"] {
            assert!(is_region(name), "{name}");
        }
        for name in ["", "us", "us-east", "us-east-1a", "US-EAST-1", "us--1", "1-1"] {
            assert!(!is_region(name), "{name}");
        }
    }
}
