//! The namespace of a new configuration: each controller has one of its own, as agents of several may have
//! the same names.

use std::path::Path;

use crate::import::file::ImportFile;

/// A longer one would leave no room in the names of AMIs.
const LONGEST: usize = 40;

/// A namespace that tells controllers apart: by Jenkins' root URL, which the files say or the environment,
/// else by the folder that the files are in. `None` where nothing tells. Pure.
pub(crate) fn namespace(
    files: &[ImportFile],
    environment: Option<&str>,
    folder: Option<&Path>,
) -> Option<String> {
    let of_files = files.iter().filter_map(|file| file.root_url.as_deref());
    let mut urls = of_files.chain(environment).filter_map(of_url);
    urls.next().or_else(|| folder.and_then(of_folder))
}

/// Folders that many controllers have.
const COMMON: [&str; 23] = [
    ".jenkins",
    "casc",
    "casc_configs",
    "conf",
    "config",
    "configs",
    "data",
    "etc",
    "files",
    "home",
    "init",
    "jcasc",
    "jenkins",
    "jenkins_home",
    "lib",
    "opt",
    "root",
    "srv",
    "tmp",
    "usr",
    "values",
    "var",
    "workspace",
];

/// The innermost folder whose name is not every other controller's, too.
fn of_folder(folder: &Path) -> Option<String> {
    let names = folder.ancestors().filter_map(|it| it.file_name()?.to_str());
    let mut own = names.filter(|name| !COMMON.contains(&&*name.to_lowercase().replace('-', "_")));
    own.find_map(of_text)
}

/// Host, port and path of a URL, which together are a controller's own.
fn of_url(url: &str) -> Option<String> {
    let (_, rest) = url.trim().split_once("://")?;
    let rest = rest.split(['?', '#']).next().unwrap_or_default();
    // A user may stand before the host.
    let (host, path) = rest.split_once('/').unwrap_or((rest, ""));
    let host = host.rsplit('@').next().unwrap_or(host);
    let is_anywhere = ["localhost", "127.0.0.1", "[::1]"].iter().any(|name| host.starts_with(name));
    if is_anywhere { None } else { of_text(&format!("{host}/{path}")) }
}

fn of_text(text: &str) -> Option<String> {
    let allowed = |it: char| it.is_ascii_alphanumeric() || "-_.".contains(it);
    let text: String = text.chars().map(|it| if allowed(it) { it } else { '-' }).collect();
    let text: String = text.trim_matches(['-', '.']).chars().take(LONGEST).collect();
    let text = text.trim_end_matches(['-', '.']).to_lowercase();
    (!text.is_empty()).then_some(text)
}

#[cfg(test)]
mod tests {
    use ami_lifecycle::jenkins_config::Document;

    use super::*;

    #[test]
    fn a_controllers_url_comes_before_its_folder() {
        let document = Document::parse(b"a: 1\n").unwrap();
        let file = |url: Option<&str>| ImportFile {
            shown: "x".into(),
            document: document.clone(),
            root_url: url.map(String::from),
        };
        let of = |url, environment, folder: Option<&str>| {
            namespace(&[file(url)], environment, folder.map(Path::new))
        };
        let expected = |text: &str| Some(text.to_owned());
        let url = "https://CI.example.org:8443/jenkins/?x";
        assert_eq!(
            of(Some(url), Some("http://b"), Some("c")),
            expected("ci.example.org-8443-jenkins")
        );
        assert_eq!(of(None, Some("http://me@b/"), Some("c")), expected("b"));
        assert_eq!(
            of(Some("http://localhost:8080/"), None, Some("/my jenkins/")),
            expected("my-jenkins")
        );
        assert_eq!(of(Some("${URL}"), None, Some("..")), None);
        assert_eq!(of(None, None, None), None);
        assert_eq!(of(None, None, Some("/repo/Staging/casc-configs")), expected("staging"));
        assert_eq!(of(None, None, Some("/var/lib/jenkins")), None);
    }
}
