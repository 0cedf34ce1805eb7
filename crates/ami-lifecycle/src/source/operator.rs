//! What of the operator's own git configuration a checkout takes: credentials and transport, and nothing
//! that decides on what is checked out.

use std::process::Stdio;
use std::time::Duration;

use tokio::process::Command;
use tokio::sync::OnceCell;

/// The sections and keys by which a repository is reached (git-config(1)), and what Git LFS holds.
const TAKEN: [&str; 9] = [
    "credential.",
    "http.",
    "url.",
    "ssh.",
    "protocol.",
    "safe.",
    "lfs.",
    "core.sshcommand",
    "core.gitproxy",
];

/// What decides on a checkout although no configuration says so.
const FIXED: [(&str, &str); 3] = [
    ("core.attributesfile", "/dev/null"),
    ("core.hookspath", "/dev/null"),
    ("advice.detachedhead", "false"),
];

/// Variables of the caller's, as of a hook that runs amiable, by which git takes another repository or
/// leaves something out (git(1), githooks(5)).
const DROPPED: [&str; 19] = [
    "GIT_AUTHOR_NAME",
    "GIT_AUTHOR_EMAIL",
    "GIT_AUTHOR_DATE",
    "GIT_COMMITTER_NAME",
    "GIT_COMMITTER_EMAIL",
    "GIT_COMMITTER_DATE",
    "GIT_DIR",
    "GIT_WORK_TREE",
    "GIT_INDEX_FILE",
    "GIT_COMMON_DIR",
    "GIT_PREFIX",
    "GIT_NAMESPACE",
    "GIT_OBJECT_DIRECTORY",
    "GIT_ALTERNATE_OBJECT_DIRECTORIES",
    "GIT_TEMPLATE_DIR",
    "GIT_ATTR_SOURCE",
    "GIT_LFS_SKIP_SMUDGE",
    "GIT_LITERAL_PATHSPECS",
    "GIT_CONFIG_PARAMETERS",
];

type Settings = Vec<(String, String)>;

/// Lets a client see no more of the operator's configuration than it needs.
pub(super) async fn shield(client: &mut Command) {
    static SETTINGS: OnceCell<Settings> = OnceCell::const_new();
    let settings = SETTINGS.get_or_init(async || read().await).await;
    for variable in DROPPED {
        client.env_remove(variable);
    }
    client.env("GIT_CONFIG_NOSYSTEM", "1").env("GIT_CONFIG_GLOBAL", "/dev/null");
    client.env("GIT_ATTR_NOSYSTEM", "1");
    client.env("GIT_CONFIG_COUNT", settings.len().to_string());
    for (index, (key, value)) in settings.iter().enumerate() {
        client.env(format!("GIT_CONFIG_KEY_{index}"), key);
        client.env(format!("GIT_CONFIG_VALUE_{index}"), value);
    }
}

/// Who the operator is to git, by variables or configuration: `NAME <MAIL>` (git-var(1)).
pub(super) async fn identity() -> Option<String> {
    let mut command = Command::new("git");
    command.args(["var", "GIT_AUTHOR_IDENT"]).current_dir("/").stdin(Stdio::null());
    let output =
        tokio::time::timeout(Duration::from_secs(10), command.output()).await.ok()?.ok()?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let (identity, _) = text.split_once('>').filter(|_| output.status.success())?;
    Some(format!("{identity}>"))
}

/// The settings for git. Where its configuration could not be read, it says so itself when it is asked.
async fn read() -> Settings {
    let mut list = Command::new("git");
    list.args(["config", "--list", "-z"]).current_dir("/").stdin(Stdio::null()).kill_on_drop(true);
    for variable in DROPPED.iter().filter(|it| **it != "GIT_CONFIG_PARAMETERS") {
        list.env_remove(variable);
    }
    let listed = tokio::time::timeout(Duration::from_secs(10), list.output()).await;
    let listed = listed.ok().and_then(Result::ok).map(|output| output.stdout).unwrap_or_default();
    settings(&String::from_utf8_lossy(&listed))
}

/// The settings that are taken of a list of all. Pure.
fn settings(listed: &str) -> Settings {
    let all = listed.split('\0').filter(|entry| !entry.is_empty());
    // A key without a value is a true one.
    let all = all.map(|entry| entry.split_once('\n').unwrap_or((entry, "true")));
    let taken = all.filter(|(key, _)| {
        // Sections and keys are listed in lower case; what is between them is as it was written.
        TAKEN.iter().any(|it| key == it || (it.ends_with('.') && key.starts_with(it)))
    });
    let fixed = FIXED.into_iter();
    taken.chain(fixed).map(|(key, value)| (key.to_owned(), value.to_owned())).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_credentials_and_transport_are_taken() {
        let listed = "user.name\nMe\0core.autocrlf\ntrue\0credential.https://Host.helper\n!f() {\necho x; }; f\0\
                      url.ssh://git@host/.insteadof\nhttps://host/\0core.sshcommand\nssh -i key\0\
                      core.sshcommandx\ny\0filter.indent.smudge\nindent\0filter.lfs.required\0lfs.url\nhttps://lfs/\0init.templatedir\n/t\0";
        let taken = settings(listed);
        let taken: Vec<(&str, &str)> =
            taken.iter().map(|(key, value)| (key.as_str(), value.as_str())).collect();
        let expected = [
            ("credential.https://Host.helper", "!f() {\necho x; }; f"),
            ("url.ssh://git@host/.insteadof", "https://host/"),
            ("core.sshcommand", "ssh -i key"),
            ("lfs.url", "https://lfs/"),
        ];
        assert_eq!(taken[..4], expected);
        assert_eq!(taken[4..], FIXED);
    }
}
