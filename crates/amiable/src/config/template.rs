//! What a `[template.…]` table may say.

use std::collections::BTreeMap;
use std::ops::Range;
use std::path::Path;
use std::time::Duration;

use ami_lifecycle::{
    AmiId, Architecture, Base, HostKey, ImageFilter, IpNet, Template, Timeouts, tags,
};
use jiff::SignedDuration;
use toml::de::DeValue;

use super::diagnostic::did_you_mean;
use super::keys;
use super::reader::{At, Mistakes, Section};

/// Where the local endpoint forwards its instances' sshd.
const LOCAL_SSH_PORT: u16 = 2222;

/// Waits, unless the template says otherwise: far beyond what EC2 usually takes, so
/// that they end only what will never end by itself.
const DEFAULT_TIMEOUTS: Timeouts = Timeouts {
    boot: Duration::from_secs(15 * 60),
    script: Duration::from_secs(2 * 3600),
    stop: Duration::from_secs(10 * 60),
    image: Duration::from_secs(3600),
    verify: Duration::from_secs(15 * 60),
    copy: Duration::from_secs(2 * 3600),
    bake: None,
};

/// Reads one template: its own keys first, then those of `[defaults]`.
pub(super) struct TemplateReader<'s, 'a> {
    pub(super) own: &'s Section<'a>,
    pub(super) defaults: &'s Section<'a>,
    pub(super) mistakes: &'a Mistakes,
    /// Where the configuration file lies; its paths are relative to that.
    pub(super) folder: &'s Path,
    /// The endpoint is the local one.
    pub(super) local: bool,
    /// The region that [cloud] names.
    pub(super) region: Option<&'s str>,
}

impl<'s, 'a> TemplateReader<'s, 'a> {
    /// The section that decides on a key.
    pub(super) fn of(&self, key: &'static str) -> &'s Section<'a> {
        if self.own.has(key) { self.own } else { self.defaults }
    }

    pub(super) fn text(&self, key: &'static str) -> Option<At<&'a str>> {
        let text = self.of(key).string(key)?;
        if text.value.trim().is_empty() {
            self.mistakes.add(text.span, format!("`{key}` is empty"), None);
            return None;
        }
        Some(text)
    }

    pub(super) fn required(&self, key: &'static str, hint: &str) -> Option<At<&'a str>> {
        if !self.of(key).has(key) {
            self.own.missing(key, Some(hint.into()));
        }
        self.text(key)
    }

    pub(super) fn read(&self, name: &str) -> Option<Template> {
        let system =
            self.required("system", "the build system it is for, such as system = \"jenkins\"");
        let os = self.required("os", "the operating system release, such as os = \"debian-12\"");
        let ssh_user = self.required(
            "ssh_user",
            "the user to log in as on the base, such as \"ubuntu\" or \"admin\"",
        );
        let source = self.source();
        let scripts = self.scripts(source.as_ref());
        let base = self.base();
        let agent = self.agent();
        let (distribution, consumers) = self.distribution(self.consumers());
        let (ssh_port, launch) = (self.ssh_port(), self.launch());
        let init_has_run = agent.as_ref().is_some_and(|agent| agent.init_has_run);
        let template = Template {
            name: name.to_owned(),
            arch: self.arch().unwrap_or(Architecture::X86_64),
            run_as: self.text("run_as").map(|text| text.value.to_owned()),
            workdir: self.workdir(),
            description: self.description(),
            metadata: self.metadata(),
            env: self.env(),
            ssh_port,
            ssh_from: self.ssh_from(),
            reach: self.reach(ssh_port, launch.public_ip),
            launch,
            may_reboot: self.may_reboot(),
            timeouts: self.timeouts(),
            keep: self.keep(),
            max_age: self.days("max_age"),
            imds_v2: self.imds_support(),
            key_pair: self.key_pair(),
            host_key: self.host_key().unwrap_or(HostKey::Injected),
            user_data: self.user_data(),
            seal: self.seal(source.as_ref()),
            verify: self.script_in_source(self.text("verify"), source.as_ref()),
            smoke: self.smoke(),
            distribution,
            consumers,
            boot_script: self.boot_script(source.as_ref(), scripts.as_deref(), init_has_run),
            agent,
            // Read above, so that each mistake is found even where another one ends here.
            system: system.as_ref().map(|text| text.value.to_owned()).unwrap_or_default(),
            os: os.as_ref().map(|text| text.value.to_owned()).unwrap_or_default(),
            ssh_user: ssh_user.as_ref().map(|text| text.value.to_owned()).unwrap_or_default(),
            base: base?,
            source: source?,
            scripts: scripts?,
        };
        (system.is_some() && os.is_some() && ssh_user.is_some()).then_some(template)
    }

    fn arch(&self) -> Option<Architecture> {
        let text = self.text("arch")?;
        match text.value {
            "x86_64" => Some(Architecture::X86_64),
            "arm64" => Some(Architecture::Arm64),
            other => {
                let hint = match other {
                    "amd64" | "x86-64" | "x64" => "EC2 calls it `x86_64`".into(),
                    "aarch64" => "EC2 calls it `arm64`".into(),
                    _ => did_you_mean(other, &["x86_64", "arm64"]),
                };
                self.mistakes.add(
                    text.span,
                    format!("`{other}` is not an architecture"),
                    Some(hint),
                );
                None
            }
        }
    }

    fn base(&self) -> Option<Base> {
        let section = self.of("base");
        let Some(value) = section.get("base") else {
            let hint = "an AMI to start from, such as base = \"ami-…\" or { owner = \
                        \"136693071363\", name = \"debian-12-amd64-*\" }";
            self.own.missing("base", Some(hint.into()));
            return None;
        };
        match value.get_ref() {
            DeValue::String(id) => self.base_id(id, value.span()),
            DeValue::Table(table) => {
                let section = Section::new(table, value.span(), &keys::BASE, self.mistakes);
                self.base_table(&section)
            }
            _ => {
                let hint = "an AMI id, or { owner = …, name = … }, { ssm = … } or { template = … }";
                self.mistakes.add(
                    value.span(),
                    "`base` must be a string or a table",
                    Some(hint.into()),
                );
                None
            }
        }
    }

    fn base_id(&self, id: &str, span: Range<usize>) -> Option<Base> {
        if let Some(id) = AmiId::parse(id) {
            return Some(Base::Ami(id));
        }
        let hint = "an id is `ami-` and 8 or 17 hexadecimal digits; a name goes into { owner = \
                    \"…\", name = \"…\" }";
        self.mistakes.add(span, format!("`{id}` is not an AMI id"), Some(hint.into()));
        None
    }

    fn base_table(&self, section: &Section<'a>) -> Option<Base> {
        let owner = section.string("owner").map(|text| text.value.to_owned());
        let name = section.string("name").map(|text| text.value.to_owned());
        let ssm = section.string("ssm").map(|text| text.value.to_owned());
        let template = section.string("template").map(|text| text.value.to_owned());
        let tags = section.has("tags").then(|| texts_of(&section.map("tags")));
        section.refuse_others();
        if let Some(other) =
            owner.as_deref().filter(|it| ["amazon", "aws-marketplace"].contains(it))
            && tags.is_some()
        {
            let message = format!("`base` names tags of an AMI of {other}");
            let hint = "EC2 shows tags only to the account that owns them: use `name`";
            self.mistakes.add(section.span.clone(), message, Some(hint.into()));
        }
        match (owner, name, tags, ssm, template) {
            (Some(owner), Some(name), tags, None, None) => {
                Some(Base::Newest(ImageFilter { owner, name, tags: tags.unwrap_or_default() }))
            }
            (Some(owner), None, Some(tags), None, None) => {
                Some(Base::Newest(ImageFilter { owner, name: "*".into(), tags }))
            }
            (None, None, None, Some(parameter), None) => Some(Base::Ssm(parameter)),
            (None, None, None, None, Some(name)) => Some(Base::Template(name)),
            (None, name, tags, None, None) if name.is_some() || tags.is_some() => {
                let hint = "anyone may publish an AMI under any name: add owner = an account id, \
                            \"amazon\" or \"self\"";
                section.missing("owner", Some(hint.into()));
                None
            }
            _ => {
                let hint = "give owner with name or tags, or ssm, or template";
                self.mistakes.add(
                    section.span.clone(),
                    "`base` does not name exactly one AMI",
                    Some(hint.into()),
                );
                None
            }
        }
    }

    /// The path of a folder on the instance.
    fn workdir(&self) -> Option<String> {
        let text = self.text("workdir")?;
        let is_path = text.value.starts_with('/') && !text.value.trim_matches('/').is_empty();
        if !is_path || text.value.split('/').any(|part| part == "..") {
            let hint =
                "such as workdir = \"/opt/build\": the checkout goes into a new folder inside it";
            let message = "`workdir` must be the absolute path of a folder on the instance";
            self.mistakes.add(text.span, message, Some(hint.into()));
            return None;
        }
        Some(text.value.to_owned())
    }

    fn description(&self) -> Option<String> {
        let text = self.text("description")?;
        // <https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_CreateImage.html> allows 255.
        if text.value.chars().count() > 255 || !text.value.is_ascii() {
            let message = "`description` must have at most 255 ASCII characters";
            self.mistakes.add(text.span, message, None);
            return None;
        }
        Some(text.value.to_owned())
    }

    fn metadata(&self) -> BTreeMap<String, String> {
        self.tags("metadata", tags::check_metadata)
    }

    /// Keys and values that become tags: those of `[defaults]` and of the template.
    pub(super) fn tags(
        &self,
        name: &'static str,
        check: impl Fn(&str, &str) -> Result<(), String>,
    ) -> BTreeMap<String, String> {
        let mut all = BTreeMap::new();
        for section in [self.defaults, self.own] {
            let table = section.map(name);
            for (key, value) in table.entries() {
                let Some(text) = table.typed(key.value, value, "a string", DeValue::as_str) else {
                    continue;
                };
                match check(key.value, text.value) {
                    Ok(()) => drop(all.insert(key.value.to_owned(), text.value.to_owned())),
                    Err(reason) => {
                        self.mistakes.add(key.span, format!("`{}` {reason}", key.value), None)
                    }
                }
            }
        }
        let room = tags::MOST - tags::OWN;
        if all.len() > room {
            let message = format!(
                "`{name}` has {} keys, and EC2's tag limit leaves room for {room}",
                all.len()
            );
            self.mistakes.add(self.own.span.clone(), message, None);
        }
        all
    }

    fn may_reboot(&self) -> bool {
        match self.text("reboot") {
            None => false,
            Some(text) if text.value == "allowed" => true,
            Some(text) => {
                let message = format!("`reboot` cannot be `{}`", text.value);
                let hint = "the only value is `allowed`: a script that reboots the machine is then \
                            run again";
                self.mistakes.add(text.span, message, Some(hint.into()));
                false
            }
        }
    }

    fn imds_support(&self) -> bool {
        match self.text("imds_support") {
            None => false,
            Some(text) if text.value == "v2.0" => true,
            Some(text) => {
                let message = format!("`imds_support` cannot be `{}`", text.value);
                let hint = "the only value is \"v2.0\"; without it, the AMI says nothing of IMDS";
                self.mistakes.add(text.span, message, Some(hint.into()));
                false
            }
        }
    }

    fn ssh_port(&self) -> u16 {
        let given = self.of("ssh_port").number("ssh_port", u64::from(u16::MAX));
        let given = given.and_then(|number| u16::try_from(number.value).ok());
        given.unwrap_or(if self.local { LOCAL_SSH_PORT } else { 22 })
    }

    /// Whom a security group of amiable's own lets in.
    fn ssh_from(&self) -> Vec<IpNet> {
        let section = self.of("ssh_from");
        let texts = section.strings("ssh_from").unwrap_or_default();
        if let Some(first) = texts.first()
            && self.own.has("ssh_from")
            && self.own.has("security_groups")
        {
            let message = "`ssh_from` has no effect together with `security_groups`";
            let hint = "amiable does not change the rules of groups that a template names";
            self.mistakes.add(first.span.clone(), message, Some(hint.into()));
        }
        let parse = |text: At<&str>| {
            let net = text.value.parse::<IpNet>().ok();
            let net = net.or_else(|| Some(text.value.parse::<std::net::IpAddr>().ok()?.into()));
            if net.is_none() {
                let message = format!("`{}` is not an address range", text.value);
                let hint = "such as \"203.0.113.9/32\", or \"0.0.0.0/0\" for every address";
                self.mistakes.add(text.span, message, Some(hint.into()));
            }
            net.map(|net| net.trunc())
        };
        texts.into_iter().filter_map(parse).collect()
    }

    fn timeouts(&self) -> Timeouts {
        let mut timeouts = DEFAULT_TIMEOUTS;
        let mut bake = Duration::ZERO;
        for section in [self.defaults, self.own] {
            let table = section.section("timeouts", &keys::TIMEOUTS);
            for (key, slot) in [
                ("boot", &mut timeouts.boot),
                ("script", &mut timeouts.script),
                ("stop", &mut timeouts.stop),
                ("image", &mut timeouts.image),
                ("verify", &mut timeouts.verify),
                ("copy", &mut timeouts.copy),
                ("bake", &mut bake),
            ] {
                let Some(text) = table.string(key) else { continue };
                match parse_duration(text.value) {
                    Some(duration) => *slot = duration,
                    None => {
                        let message = format!("`{}` is not a duration", text.value);
                        self.mistakes.add(
                            text.span,
                            message,
                            Some("write \"90s\", \"20m\" or \"2h\"".into()),
                        );
                    }
                }
            }
            table.refuse_others();
        }
        timeouts.bake = (!bake.is_zero()).then_some(bake);
        timeouts
    }
}

/// A table of texts.
pub(super) fn texts_of(section: &Section<'_>) -> BTreeMap<String, String> {
    let text = |(key, value): (At<&str>, _)| {
        let text = section.typed(key.value, value, "a string", DeValue::as_str)?;
        Some((key.value.to_owned(), text.value.to_owned()))
    };
    section.entries().filter_map(text).collect()
}

/// `90s`, `20m`, `1h 30m`.
pub(super) fn parse_duration(text: &str) -> Option<Duration> {
    let duration: SignedDuration = text.parse().ok()?;
    Duration::try_from(duration).ok().filter(|duration| !duration.is_zero())
}
