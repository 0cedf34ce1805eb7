//! What a template says of its source, and of the scripts in it.

use std::path::Path;

use ami_lifecycle::{CheckoutOn, Repository, Script, Source, VcsKind};
use toml::Spanned;
use toml::de::DeValue;

use super::diagnostic::did_you_mean;
use super::keys;
use super::reader::{At, Section};
use super::template::TemplateReader;

impl<'a> TemplateReader<'_, 'a> {
    pub(super) fn source(&self) -> Option<Source> {
        let parent = self.of("source");
        if !parent.has("source") {
            let hint = "where the init script is, such as source = { git = \"https://…\" } or { \
                        path = \"DIR\" }";
            self.own.missing("source", Some(hint.into()));
            return None;
        }
        let section = parent.section("source", &keys::SOURCE);
        let git = section.string("git");
        let bzr = section.string("bzr");
        let path = section.string("path");
        let revision = section.string("revision");
        let on = section.string("on");
        section.refuse_others();
        let revision = self.revision(revision);
        let vcs = |kind, url: &str| Repository::Vcs {
            kind,
            url: self.local_repository(url).unwrap_or_else(|| url.to_owned()),
            revision: revision.clone(),
        };
        let repository = match (&git, &bzr, &path) {
            (Some(url), None, None) => vcs(VcsKind::Git, url.value),
            (None, Some(url), None) => vcs(VcsKind::Bzr, url.value),
            (None, None, Some(path)) => self.source_folder(path)?,
            _ => {
                let hint = "give one of git, bzr and path";
                self.mistakes.add(
                    section.span.clone(),
                    "`source` does not name exactly one place",
                    Some(hint.into()),
                );
                return None;
            }
        };
        let on = self.checkout_on(on, &repository)?;
        Some(Source { repository, on })
    }

    /// A repository that is a folder of this machine; like all paths it is relative to
    /// the configuration file.
    fn local_repository(&self, url: &str) -> Option<String> {
        let folder = self.folder.join(url).canonicalize().ok().filter(|folder| folder.is_dir())?;
        Some(folder.to_string_lossy().into_owned())
    }

    /// A revision goes to the client as an argument, and must not be taken for an option.
    fn revision(&self, revision: Option<At<&str>>) -> Option<String> {
        let revision = revision?;
        if revision.value.is_empty() || revision.value.starts_with('-') {
            let message = format!("`{}` is not a revision", revision.value);
            self.mistakes.add(revision.span, message, None);
            return None;
        }
        Some(revision.value.to_owned())
    }

    fn source_folder(&self, path: &At<&str>) -> Option<Repository> {
        let folder = self.folder.join(path.value);
        if folder.is_dir() {
            return Some(Repository::Path(folder));
        }
        let message = format!("there is no folder {}", folder.display());
        let hint = "paths are relative to the configuration file";
        self.mistakes.add_missing_file(path.span.clone(), message, Some(hint.into()));
        Some(Repository::Path(folder))
    }

    fn checkout_on(&self, on: Option<At<&str>>, repository: &Repository) -> Option<CheckoutOn> {
        let Some(on) = on else { return Some(CheckoutOn::Operator) };
        match (on.value, repository) {
            ("operator", _) => Some(CheckoutOn::Operator),
            ("instance", Repository::Path(_)) => {
                let hint = "a folder on this machine can only be sent: remove `on`";
                self.mistakes.add(
                    on.span,
                    "a path cannot be checked out on the instance",
                    Some(hint.into()),
                );
                None
            }
            ("instance", Repository::Vcs { url, .. }) if Path::new(url).is_absolute() => {
                let hint = "the instance cannot reach folders on this machine: remove `on`";
                let message = format!("{url} cannot be checked out on the instance");
                self.mistakes.add(on.span, message, Some(hint.into()));
                None
            }
            ("instance", Repository::Vcs { .. }) => Some(CheckoutOn::Instance),
            (other, _) => {
                let hint = did_you_mean(other, &["operator", "instance"]);
                self.mistakes.add(on.span, format!("`on` cannot be `{other}`"), Some(hint));
                None
            }
        }
    }

    /// `script`: a path, a table, or an array of both.
    pub(super) fn scripts(&self, source: Option<&Source>) -> Option<Vec<Script>> {
        let section = self.of("script");
        let Some(value) = section.get("script") else {
            let hint = "the init script's path in the source, such as script = \"node/setup\"";
            self.own.missing("script", Some(hint.into()));
            return None;
        };
        let DeValue::Array(items) = value.get_ref() else {
            return Some(vec![self.script(value, source)?]);
        };
        if items.is_empty() {
            self.mistakes.add(value.span(), "`script` is empty", None);
        }
        let scripts: Vec<Option<Script>> = items.iter().map(|it| self.script(it, source)).collect();
        let scripts: Option<Vec<Script>> = scripts.into_iter().collect();
        scripts.filter(|it| !it.is_empty())
    }

    fn script(&self, value: &'a Spanned<DeValue<'a>>, source: Option<&Source>) -> Option<Script> {
        let (path, args) = match value.get_ref() {
            DeValue::String(path) => (At { value: path.as_ref(), span: value.span() }, Vec::new()),
            DeValue::Table(table) => {
                let section = Section::new(table, value.span(), &keys::SCRIPT, self.mistakes);
                if !section.has("path") {
                    section.missing("path", None);
                }
                let (path, args) = (section.string("path"), section.strings("args"));
                section.refuse_others();
                let args = args.unwrap_or_default().into_iter().map(|it| it.value.to_owned());
                (path?, args.collect())
            }
            _ => {
                let hint = "write \"node/setup\", { path = \"node/setup\", args = [\"…\"] } or an \
                            array of these";
                let message = "`script` must name a script";
                self.mistakes.add(value.span(), message, Some(hint.into()));
                return None;
            }
        };
        let path = self.script_in_source(Some(path), source)?;
        Some(Script { path, args })
    }

    /// A path in the source, which must be there where the source is a folder.
    pub(super) fn script_in_source(
        &self,
        script: Option<At<&str>>,
        source: Option<&Source>,
    ) -> Option<String> {
        let script = script?;
        let path = Path::new(script.value);
        let is_normal = |part| matches!(part, std::path::Component::Normal(_));
        let inside = !script.value.trim().is_empty() && path.components().all(is_normal);
        if !inside {
            let hint = "it is relative to the checkout, without `..`";
            self.mistakes.add(
                script.span,
                format!("`{}` is not a path inside the source", script.value),
                Some(hint.into()),
            );
            return None;
        }
        if let Some(Source { repository: Repository::Path(folder), .. }) = source
            && folder.is_dir()
            && !folder.join(path).is_file()
        {
            let message = format!("there is no file {}", folder.join(path).display());
            self.mistakes.add_missing_file(script.span, message, None);
        }
        Some(script.value.to_owned())
    }
}
