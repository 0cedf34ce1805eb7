//! What the tables of `amiable.toml` may say, and what must hold between them.

use std::collections::BTreeMap;
use std::ops::Range;
use std::path::Path;

use ami_lifecycle::{
    Base, Limits, NameParts, Namespace, Pattern, Template, backup_name, check_ami_name, tags,
};
use toml::de::{DeTable, DeValue};

use super::consumer::check_consumers;
use super::diagnostic::{Diagnostic, did_you_mean, nearest};
use super::distribution::check_names_recur;
use super::keys;
use super::reader::{At, Mistakes, Section};
use super::template::TemplateReader;
use crate::config::settings::{CloudEndpoint, CloudSettings, Config, JenkinsSettings, Need};

const DEFAULT_PATTERN: &str = "{namespace}-{system}-{os}-{arch}-{date}-{generation}";

/// Reads a whole file, for what needs all of it or for what needs no file of a bake.
pub(super) fn read(path: &Path, text: &str, need: Need) -> Result<Config, Vec<Diagnostic>> {
    let mistakes = Mistakes::default();
    let (document, errors) = DeTable::parse_recoverable(text);
    for error in errors {
        let span = error.span().unwrap_or(0..0);
        mistakes.add(span, format!("this is not TOML: {}", error.message().trim_end()), None);
    }
    // What follows a syntax error may be misread, so nothing else is said then.
    let syntax = mistakes.into_sorted();
    if !syntax.is_empty() {
        return Err(syntax);
    }
    let mistakes = Mistakes::default();
    let config = document_config(path, document.get_ref(), &mistakes);
    let mut found = mistakes.into_sorted();
    found.retain(|mistake| need == Need::Bake || !mistake.only_bakes);
    config.filter(|_| found.is_empty()).ok_or(found)
}

fn document_config<'a>(
    path: &Path,
    document: &'a DeTable<'a>,
    mistakes: &'a Mistakes,
) -> Option<Config> {
    let root = Section::new(document, 0..0, &keys::FILE, mistakes);
    let jenkins = read_jenkins(&root, mistakes);
    let cloud = read_cloud(&root.section("cloud", &keys::CLOUD), mistakes);
    let (namespace, pattern) = read_naming(&root, mistakes);
    let defaults = root.section("defaults", &keys::DEFAULTS);
    let tables = root.map("template").titled("[template]".into());
    let mut named = Vec::new();
    for (name, value) in tables.entries() {
        check_template_name(&name, mistakes);
        let title = format!("[template.{}]", name.value);
        if let Some(table) = tables.typed(name.value, value, "a table", DeValue::as_table) {
            let section = Section::new(table.value, name.span.clone(), &keys::TEMPLATE, mistakes)
                .titled(title);
            named.push((name, section));
        }
    }
    root.refuse_others();
    if named.is_empty() {
        let hint = "add a [template.NAME] table; `amiable init` writes an example";
        mistakes.add(0..0, "the file has no templates", Some(hint.into()));
    }
    let local = cloud.endpoint == CloudEndpoint::Local;
    let folder = path.parent().unwrap_or(Path::new("."));
    let mut templates = Vec::new();
    for (name, section) in &named {
        let reader = TemplateReader {
            own: section,
            defaults: &defaults,
            mistakes,
            folder,
            local,
            region: cloud.region.as_deref(),
        };
        templates.extend(reader.read(name.value).map(|template| (name.span.clone(), template)));
    }
    defaults.refuse_others();
    named.iter().for_each(|(_, section)| section.refuse_others());
    check_bases(&named, &templates, mistakes);
    let (namespace, pattern) = (namespace?, pattern?);
    check_names(&namespace, &pattern, &templates, mistakes);
    check_consumers(&templates, pattern.names_recur(), mistakes);
    if pattern.names_recur() {
        templates.iter().for_each(|(span, it)| check_names_recur(it, span, mistakes));
    }
    let templates = templates.into_iter().map(|(_, template)| template).collect();
    Some(Config { path: path.to_owned(), cloud, jenkins, namespace, pattern, templates })
}

fn check_template_name(name: &At<&str>, mistakes: &Mistakes) {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
    if name.value.is_empty() || name.value.len() > 64 || !name.value.bytes().all(allowed) {
        let hint = "use 1 to 64 letters, digits, `-`, `_` and `.`";
        mistakes.add(
            name.span.clone(),
            format!("`{}` cannot be a template's name", name.value),
            Some(hint.into()),
        );
    }
}

fn read_cloud(section: &Section<'_>, mistakes: &Mistakes) -> CloudSettings {
    let endpoint = match section.string("endpoint") {
        None => CloudEndpoint::Aws,
        Some(text) if text.value == "local" => CloudEndpoint::Local,
        Some(text) if text.value.starts_with("http://") || text.value.starts_with("https://") => {
            CloudEndpoint::Url(text.value.to_owned())
        }
        Some(text) => {
            let hint = "write \"local\" or a URL, or remove it for AWS";
            mistakes.add(
                text.span,
                format!("`{}` is not an endpoint", text.value),
                Some(hint.into()),
            );
            CloudEndpoint::Aws
        }
    };
    let limits = match section.string("request_limits").map(|text| (text.value, text.span)) {
        None => endpoint.limits(),
        Some(("learned", _)) => Limits::Learned,
        Some(("documented", _)) => Limits::Documented,
        Some((other, span)) => {
            let hint = did_you_mean(other, &["documented", "learned"]);
            mistakes.add(span, format!("`request_limits` cannot be `{other}`"), Some(hint));
            endpoint.limits()
        }
    };
    let settings = CloudSettings {
        limits,
        endpoint,
        region: section.string("region").map(|text| text.value.to_owned()),
        profile: section.string("profile").map(|text| text.value.to_owned()),
        accounts: read_accounts(section, mistakes),
    };
    section.refuse_others();
    settings
}

/// `account = "123456789012"`, or a list of such.
fn read_accounts(section: &Section<'_>, mistakes: &Mistakes) -> Vec<String> {
    let is_account = |id: &str| id.len() == 12 && id.bytes().all(|byte| byte.is_ascii_digit());
    let mut accounts = Vec::new();
    for text in section.string_or_strings("account") {
        if !is_account(text.value) {
            let hint = "an account id has 12 digits and is written in quotes";
            let message = format!("`{}` is not an account id", text.value);
            mistakes.add(text.span.clone(), message, Some(hint.into()));
        }
        accounts.push(text.value.to_owned());
    }
    accounts
}

/// The running Jenkins, where there is one to follow its files.
fn read_jenkins(root: &Section<'_>, mistakes: &Mistakes) -> Option<JenkinsSettings> {
    if !root.has("jenkins") {
        return None;
    }
    let section = root.section("jenkins", &keys::JENKINS);
    let text = |key: &'static str, hint: &str| {
        if !section.has(key) {
            section.missing(key, Some(hint.to_owned()));
        }
        section.string(key)
    };
    let url = text("url", "Jenkins' root, such as url = \"https://ci.example.org/\"");
    let user = text("user", "a user that may administer Jenkins");
    let token_env = text(
        "token_env",
        "the environment variable that has that user's API token, such as token_env = \
         \"JENKINS_TOKEN\"",
    );
    section.refuse_others();
    let (url, user, token_env) = (url?, user?, token_env?);
    if !url.value.starts_with("http://") && !url.value.starts_with("https://") {
        let message = format!("`{}` is not a URL", url.value);
        mistakes.add(url.span, message, Some("it begins with https:// or http://".into()));
    }
    Some(JenkinsSettings {
        url: url.value.to_owned(),
        user: user.value.to_owned(),
        token_env: token_env.value.to_owned(),
    })
}

fn read_naming<'a>(
    root: &Section<'a>,
    mistakes: &'a Mistakes,
) -> (Option<Namespace>, Option<Pattern>) {
    let section = root.section("naming", &keys::NAMING);
    let namespace = match section.string("namespace") {
        Some(text) if text.value.contains(['*', '?', '\\']) => {
            let message = "`namespace` must not have `*`, `?` or `\\`, which EC2's filters treat \
                           as wildcards";
            mistakes.add(text.span, message.to_owned(), None);
            None
        }
        Some(text) if (1..=tags::LONGEST_VALUE).contains(&text.value.chars().count()) => {
            Some(Namespace(text.value.to_owned()))
        }
        Some(text) => {
            let message = format!("`namespace` must have 1 to {} characters", tags::LONGEST_VALUE);
            mistakes.add(text.span, message, None);
            None
        }
        None => {
            if !section.has("namespace") {
                let hint = "it tells these AMIs apart from all others in the account, such as \
                            namespace = \"ci\"";
                section.missing("namespace", Some(hint.into()));
            }
            None
        }
    };
    let pattern = match section.string("pattern") {
        None => Pattern::parse(DEFAULT_PATTERN).ok(),
        Some(text) => match Pattern::parse(text.value) {
            Ok(pattern) => Some(pattern),
            Err(error) => {
                mistakes.add(text.span, format!("`pattern`: {error}"), None);
                None
            }
        },
    };
    section.refuse_others();
    (namespace, pattern)
}

/// A base that is a template must be one, and must not lead back to itself.
fn check_bases(
    named: &[(At<&str>, Section<'_>)],
    templates: &[(Range<usize>, Template)],
    mistakes: &Mistakes,
) {
    let find = |name: &str| templates.iter().find(|(_, template)| template.name == name);
    for (span, template) in templates {
        let Base::Template(base) = &template.base else { continue };
        if !named.iter().any(|(name, _)| name.value == base) {
            let hint = nearest(base, named.iter().map(|(name, _)| name.value))
                .map(|name| format!("did you mean `{name}`?"));
            let message = format!(
                "[template.{}] is based on `{base}`, which is not a template",
                template.name
            );
            mistakes.add(span.clone(), message, hint);
            continue;
        }
        let mut seen = vec![template.name.as_str()];
        let mut next = base.as_str();
        while let Some((_, Template { base: Base::Template(below), .. })) = find(next) {
            if seen.contains(&next) {
                break;
            }
            seen.push(next);
            next = below;
        }
        if next == template.name {
            let message =
                format!("[template.{}] is based on itself: {}", template.name, seen.join(" on "));
            mistakes.add(span.clone(), message, None);
        }
    }
}

/// Each template's name must be one that EC2 takes, and no two may be the same.
fn check_names(
    namespace: &Namespace,
    pattern: &Pattern,
    templates: &[(Range<usize>, Template)],
    mistakes: &Mistakes,
) {
    let mut names: BTreeMap<String, &str> = BTreeMap::new();
    for (span, template) in templates {
        let parts = NameParts {
            namespace: &namespace.0,
            template: &template.name,
            system: &template.system,
            os: &template.os,
            arch: template.arch.as_str(),
            date: jiff::civil::date(2026, 12, 31),
            generation: 9999,
        };
        let name = pattern.render(&parts).and_then(|name| {
            if pattern.names_recur() {
                check_ami_name(&backup_name(&name, parts.date, 99))?;
            }
            Ok(name)
        });
        match name {
            Err(error) => {
                let message = format!(
                    "[template.{}] would get a name that EC2 rejects: {error}",
                    template.name
                );
                mistakes.add(span.clone(), message, Some(format!("the pattern is {pattern}")));
            }
            Ok(name) => {
                if let Some(other) = names.insert(name, &template.name) {
                    let message = format!(
                        "[template.{}] and [template.{other}] would give their AMIs the same name",
                        template.name
                    );
                    let hint = "add {template} to `pattern` under [naming]";
                    mistakes.add(span.clone(), message, Some(hint.into()));
                }
            }
        }
    }
}
