//! What a `[[template.….consumer]]` table may say, and `boot_script`.

use std::ops::Range;
use std::time::Duration;

use ami_lifecycle::jenkins_config::AgentName;
use ami_lifecycle::{
    AutoScalingGroup, BootScript, CONSUMER_PLACEHOLDERS, ChannelTag, Consumer, ConsumerCommand,
    HeldConsumer, JenkinsAgents, LaunchTemplate, Repository, Script, ScriptText, SmokeTest, Source,
    SsmParameter, StackParameter, Template, WrittenPlace, examine_script, tags, written_places,
};
use toml::de::{DeArray, DeTable, DeValue};

use super::diagnostic::did_you_mean;
use super::distribution::Placed;
use super::file_consumer::read_file_consumer;
use super::git_consumer::read_git;
use super::keys;
use super::reader::{At, Mistakes, Section};
use super::refresh::read_refresh;
use super::template::{TemplateReader, parse_duration};

/// How long a command may take, unless it says otherwise.
const COMMAND_TIMEOUT: Duration = Duration::from_secs(600);

/// What `boot_script` needs where the script of other AMIs' agents is not a file here.
const BOTH: &str = "write { baked = \"FILE\", otherwise = \"FILE\" }, with the script that agents need \
                    whose AMI is not baked so";

const KINDS: &str = "give one of jenkins, ssm, launch_template, auto_scaling_group, cloudformation, file, tag and \
     command";

/// Keys that are of one kind of consumer only.
const BELONGS: [(&str, &str, &str); 8] = [
    ("at", "file", "a file"),
    ("format", "file", "a file"),
    ("pattern", "file", "a file"),
    ("between", "file", "a file"),
    ("count", "file", "a file"),
    ("query", "command", "a command"),
    ("timeout", "command", "a command"),
    ("refresh", "auto_scaling_group", "an Auto Scaling group"),
];

impl<'a> TemplateReader<'_, 'a> {
    /// The template's consumers. Each is one template's own, so `[defaults]` has none.
    pub(super) fn consumers(&self) -> Vec<Placed<'a>> {
        let Some(value) = self.own.get("consumer") else { return Vec::new() };
        let expected = "an array of tables, [[template.NAME.consumer]]";
        let Some(array) = self.own.typed("consumer", value, expected, DeValue::as_array) else {
            return Vec::new();
        };
        self.each_table(array.value)
            .into_iter()
            .filter_map(|table| {
                let section = Section::new(table.value, table.span, &keys::CONSUMER, self.mistakes);
                let region = section.string("region");
                let consumer = self.consumer(&section);
                let consumer = self.held(&section, consumer);
                section.refuse_others();
                Some((region, consumer?))
            })
            .collect()
    }

    /// A consumer that waits, if it says so.
    fn held(&self, section: &Section<'a>, consumer: Option<Consumer>) -> Option<Consumer> {
        let Some(text) = section.string("after") else { return consumer };
        let Some(after) = parse_duration(text.value) else {
            let message = format!("`{}` is not a duration", text.value);
            self.mistakes.add(text.span, message, Some("write \"20m\" or \"2h\"".into()));
            return consumer;
        };
        Some(Consumer::Held(HeldConsumer { after, inner: Box::new(consumer?) }))
    }

    fn each_table(&self, array: &'a DeArray<'a>) -> Vec<At<&'a DeTable<'a>>> {
        let tables = array.iter();
        tables
            .filter_map(|item| self.own.typed("consumer", item, "a table", DeValue::as_table))
            .collect()
    }

    fn consumer(&self, section: &Section<'a>) -> Option<Consumer> {
        let known = [
            "jenkins",
            "ssm",
            "launch_template",
            "auto_scaling_group",
            "cloudformation",
            "file",
            "tag",
            "command",
        ];
        let given: Vec<&str> = known.into_iter().filter(|key| section.has(key)).collect();
        let [kind] = given[..] else {
            let message = "a consumer must be of exactly one kind";
            self.mistakes.add(section.span.clone(), message, Some(KINDS.into()));
            return None;
        };
        if section.has("git") && !matches!(kind, "file" | "jenkins") {
            let message = "`git` belongs to a file or a Jenkins file";
            self.mistakes.add(section.span.clone(), message, None);
        }
        for (key, of, title) in BELONGS {
            if kind != of && section.has(key) {
                let message = format!("`{key}` belongs to {title}");
                self.mistakes.add(section.span.clone(), message, None);
            }
        }
        let consumer = match kind {
            "jenkins" => self.jenkins(&section.section("jenkins", &keys::JENKINS_AGENTS)),
            "ssm" => self.parameter(section.string("ssm")?),
            "launch_template" => {
                let text = section.string("launch_template")?;
                self.filled(&text, "launch_template")?;
                Some(Consumer::LaunchTemplate(LaunchTemplate { key: text.value.to_owned() }))
            }
            "auto_scaling_group" => self.auto_scaling_group(section),
            "cloudformation" => {
                self.stack(&section.section("cloudformation", &keys::CLOUDFORMATION))
            }
            "file" => read_file_consumer(section, self.folder, self.mistakes).map(Consumer::File),
            "tag" => self.tag(&section.map("tag")),
            _ => self.command(section),
        };
        if section.has("git") {
            return read_git(section, consumer?, self.folder, self.mistakes).map(Consumer::Git);
        }
        consumer
    }

    fn auto_scaling_group(&self, section: &Section<'a>) -> Option<Consumer> {
        let name = section.string("auto_scaling_group")?;
        let refresh = read_refresh(section, self.mistakes);
        self.filled(&name, "auto_scaling_group")?;
        let name = name.value.to_owned();
        Some(Consumer::AutoScalingGroup(AutoScalingGroup { name, refresh }))
    }

    fn stack(&self, section: &Section<'a>) -> Option<Consumer> {
        let text = |key: &'static str| {
            if !section.has(key) {
                section.missing(key, None);
            }
            let text = section.string(key)?;
            self.filled(&text, key)?;
            Some(text.value.to_owned())
        };
        let (stack, parameter) = (text("stack"), text("parameter"));
        section.refuse_others();
        Some(Consumer::Stack(StackParameter { stack: stack?, parameter: parameter? }))
    }

    fn filled(&self, text: &At<&str>, key: &str) -> Option<()> {
        if text.value.trim().is_empty() {
            self.mistakes.add(text.span.clone(), format!("`{key}` is empty"), None);
            return None;
        }
        Some(())
    }

    fn jenkins(&self, section: &Section<'a>) -> Option<Consumer> {
        let file = section.string("file");
        if !section.has("file") {
            let hint = "config.xml or a file of configuration as code, such as file = \
                        \"jenkins/config.xml\"";
            section.missing("file", Some(hint.into()));
        }
        let agents = self.agents(section);
        let cloud = section.string("cloud").map(|text| text.value.to_owned());
        let reload = section.boolean("reload").unwrap_or(true);
        section.refuse_others();
        let (file, agents) = (file?, agents?);
        self.filled(&file, "file")?;
        Some(Consumer::Jenkins(JenkinsAgents {
            file: self.folder.join(file.value),
            shown: file.value.to_owned(),
            cloud,
            agents,
            reload,
        }))
    }

    /// Descriptions, or `{ labels = "…" }`.
    fn agents(&self, section: &Section<'a>) -> Option<Vec<AgentName>> {
        let hint =
            "the agent templates by their descriptions, such as agents = [\"precise_cloud\"]";
        let Some(value) = section.get("agents") else {
            section.missing("agents", Some(hint.into()));
            return None;
        };
        let array = section.typed("agents", value, "an array", DeValue::as_array)?;
        let mut agents = Vec::new();
        for item in array.value.iter() {
            match item.get_ref() {
                DeValue::String(text) => agents.push(AgentName::Description(text.to_string())),
                DeValue::Table(table) => {
                    let item = Section::new(table, item.span(), &keys::AGENT_NAME, self.mistakes);
                    let labels = item.string("labels");
                    if !item.has("labels") {
                        item.missing("labels", None);
                    }
                    item.refuse_others();
                    agents.extend(labels.map(|text| AgentName::Labels(text.value.to_owned())));
                }
                _ => {
                    let message = "an agent is a description, or { labels = \"…\" }";
                    self.mistakes.add(item.span(), message, None);
                }
            }
        }
        if array.value.is_empty() {
            self.mistakes.add(array.span, "`agents` is empty", Some(hint.into()));
            return None;
        }
        Some(agents)
    }

    /// <https://docs.aws.amazon.com/systems-manager/latest/APIReference/API_PutParameter.html>
    fn parameter(&self, name: At<&str>) -> Option<Consumer> {
        let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"_.-/".contains(&byte);
        let first = name.value.trim_start_matches('/').to_ascii_lowercase();
        let reserved = first.starts_with("aws") || first.starts_with("ssm");
        if name.value.is_empty() || reserved || !name.value.bytes().all(allowed) {
            let hint =
                "letters, digits and _.-/ are allowed, and it must not begin with aws or ssm";
            let message = format!("`{}` cannot be a parameter's name", name.value);
            self.mistakes.add(name.span, message, Some(hint.into()));
            return None;
        }
        if name.value.trim_start_matches('/').contains('/') && !name.value.starts_with('/') {
            let message = format!("`{}` has levels, and must begin with `/`", name.value);
            self.mistakes.add(name.span, message, None);
            return None;
        }
        Some(Consumer::Ssm(SsmParameter { name: name.value.to_owned() }))
    }

    fn tag(&self, section: &Section<'a>) -> Option<Consumer> {
        let entries: Vec<_> = section.entries().collect();
        let [(key, value)] = &entries[..] else {
            let message = "`tag` is one key and its value";
            let hint = "such as tag = { channel = \"stable\" }";
            self.mistakes.add(section.span.clone(), message, Some(hint.into()));
            return None;
        };
        let value = section.typed(key.value, value, "a string", DeValue::as_str)?;
        if let Err(reason) = tags::check_metadata(key.value, value.value) {
            self.mistakes.add(key.span.clone(), format!("`{}` {reason}", key.value), None);
            return None;
        }
        if self.metadata_has(key.value) {
            let message = format!("`{}` is metadata too, which all AMIs have", key.value);
            self.mistakes.add(key.span.clone(), message, Some("take another key".into()));
            return None;
        }
        let (key, value) = (key.value.to_owned(), value.value.to_owned());
        Some(Consumer::Tag(ChannelTag { key, value }))
    }

    fn metadata_has(&self, key: &str) -> bool {
        [self.own, self.defaults].iter().any(|section| section.map("metadata").has(key))
    }

    fn command(&self, section: &Section<'a>) -> Option<Consumer> {
        let words = |key: &'static str| -> Option<Vec<String>> {
            let value = section.get(key)?;
            let words = section.strings(key)?;
            if words.is_empty() || words[0].value.is_empty() {
                self.mistakes.add(value.span(), format!("`{key}` does not name a program"), None);
                return None;
            }
            // A query is asked whatever AMI there is.
            let known: &[&str] = if key == "query" { &[] } else { &CONSUMER_PLACEHOLDERS };
            words.iter().for_each(|word| self.check_placeholders(word, known));
            Some(words.into_iter().map(|word| word.value.to_owned()).collect())
        };
        let run = words("command");
        let query = words("query");
        let timeout = match section.string("timeout") {
            None => COMMAND_TIMEOUT,
            Some(text) => parse_duration(text.value).unwrap_or_else(|| {
                let message = format!("`{}` is not a duration", text.value);
                self.mistakes.add(text.span, message, Some("write \"90s\" or \"20m\"".into()));
                COMMAND_TIMEOUT
            }),
        };
        let folder = self.folder.to_owned();
        Some(Consumer::Command(ConsumerCommand { run: run?, query, folder, timeout }))
    }

    /// The program that tries a live instance.
    pub(super) fn smoke(&self) -> Option<SmokeTest> {
        let section = self.of("smoke");
        let value = section.get("smoke")?;
        let words = section.strings("smoke")?;
        if words.first().is_none_or(|word| word.value.is_empty()) {
            self.mistakes.add(value.span(), "`smoke` does not name a program", None);
            return None;
        }
        words.iter().for_each(|word| self.check_placeholders(word, &SmokeTest::PLACEHOLDERS));
        let run = words.into_iter().map(|word| word.value.to_owned()).collect();
        Some(SmokeTest { run, folder: self.folder.to_owned() })
    }

    /// `{word}` must be one that is known; other braces are the command's own.
    fn check_placeholders(&self, argument: &At<&str>, known: &[&str]) {
        let mut rest = argument.value;
        while let Some((_, after)) = rest.split_once('{') {
            let Some((name, behind)) = after.split_once('}') else { return };
            let is_word = !name.is_empty() && name.bytes().all(|it| it.is_ascii_lowercase());
            if is_word && !known.contains(&name) {
                let hint = (!known.is_empty()).then(|| did_you_mean(name, known));
                let message = format!("there is no placeholder {{{name}}}");
                self.mistakes.add(argument.span.clone(), message, hint);
            }
            rest = behind;
        }
    }

    /// `boot_script = "FILE"`, or both scripts by name.
    pub(super) fn boot_script(
        &self,
        source: Option<&Source>,
        scripts: Option<&[Script]>,
        init_has_run: bool,
    ) -> Option<BootScript> {
        let section = self.of("boot_script");
        let value = section.get("boot_script")?;
        if init_has_run {
            let message = "with `init_has_run`, Jenkins would never run the `boot_script`";
            self.mistakes.add(value.span(), message, None);
        }
        let (small, whole) = match value.get_ref() {
            DeValue::String(file) => {
                let file = At { value: file.as_ref(), span: value.span() };
                let whole = match source.map(|source| &source.repository) {
                    Some(Repository::Path(folder)) => match scripts? {
                        [Script { path, args }] if args.is_empty() => Some(folder.join(path)),
                        _ => {
                            let message = "`script` is more than one file, which agents cannot get";
                            self.mistakes.add(value.span(), message, Some(BOTH.into()));
                            None
                        }
                    },
                    Some(Repository::Vcs { .. }) => {
                        let message = "the init script is in a repository, and not here";
                        self.mistakes.add(value.span(), message, Some(BOTH.into()));
                        None
                    }
                    None => None,
                };
                (Some(file), whole.map(|path| At { value: path, span: value.span() }))
            }
            DeValue::Table(table) => {
                let section = Section::new(table, value.span(), &keys::BOOT_SCRIPT, self.mistakes);
                let (small, whole) = (section.string("baked"), section.string("otherwise"));
                for key in ["baked", "otherwise"].into_iter().filter(|key| !section.has(key)) {
                    section.missing(key, None);
                }
                section.refuse_others();
                (small, whole.map(|file| file.map(|file| self.folder.join(file))))
            }
            _ => {
                let hint = "a file, or { baked = \"FILE\", otherwise = \"FILE\" }";
                let message = "`boot_script` does not name a script";
                self.mistakes.add(value.span(), message, Some(hint.into()));
                return None;
            }
        };
        let small = small.map(|file| file.map(|file| self.folder.join(file)));
        let (small, whole) = (self.script_text(small?), self.script_text(whole?));
        Some(BootScript { small: small?, whole: whole? })
    }

    fn script_text(&self, file: At<std::path::PathBuf>) -> Option<ScriptText> {
        let path = &file.value;
        let shown = path.strip_prefix(self.folder).unwrap_or(path).display().to_string();
        // What cannot be read is told below.
        if let Ok(Err(fault)) = examine_script(path) {
            let message = format!("{} could not be run: {fault}", path.display());
            self.mistakes.add(file.span, message, None);
            return None;
        }
        match std::fs::read_to_string(path) {
            Ok(text) if !text.trim().is_empty() => Some(ScriptText { shown, text }),
            Ok(_) => {
                let message = format!("{} is empty", path.display());
                let hint = "the EC2 plugin ignores an empty script";
                self.mistakes.add(file.span, message, Some(hint.into()));
                None
            }
            Err(error) => {
                let message = format!("{} cannot be read: {error}", path.display());
                self.mistakes.add(file.span, message, None);
                None
            }
        }
    }
}

/// A place can follow one template only; and where names recur, the AMI whose id it names
/// is gone before the next one is there.
pub(super) fn check_consumers(
    templates: &[(Range<usize>, Template)],
    names_recur: bool,
    mistakes: &Mistakes,
) {
    let mut seen: Vec<(WrittenPlace, &str)> = Vec::new();
    for (span, template) in templates {
        let name = template.name.as_str();
        if names_recur && template.all_consumers().next().is_some() {
            let message = format!(
                "[template.{name}] has consumers, and the names of its AMIs recur: the AMI they \
                 name would be gone before the next one exists"
            );
            let hint = "add {generation} to `pattern` under [naming]";
            mistakes.add(span.clone(), message, Some(hint.into()));
        }
        let all = template.all_consumers();
        for place in all.flat_map(|(region, it)| written_places(it, name, region)) {
            if let Some((_, other)) = seen.iter().find(|(other, _)| other.overlaps(&place)) {
                let text = &place.text;
                let message = if *other == name {
                    format!("[template.{name}] rolls {text} twice")
                } else {
                    format!("[template.{name}] and [template.{other}] both roll {text}")
                };
                mistakes.add(span.clone(), message, None);
            }
            seen.push((place, name));
        }
    }
}
