//! What a revision of git's stands for: one choice, on this machine and on an instance. Pure.

/// The name of a commit, where no clone has it.
pub(super) fn other_ref(name: &str) -> Option<&str> {
    let is_of = |start| name.starts_with(start);
    (is_of("refs/") && !is_of("refs/heads/") && !is_of("refs/tags/")).then_some(name)
}

/// The command that lists what a repository has under a revision's name.
pub(super) fn look_command(url: &str, revision: Option<&str>) -> Vec<String> {
    let mut command: Vec<String> = ["git", "ls-remote", "--", url].map(String::from).into();
    command.extend(git_names(revision));
    command
}

/// The same choice as text for a shell, which sets `commit`, to nothing where only a clone can tell; `other`
/// to its name where no clone has it, and `whole` where it was given as a commit.
pub(crate) fn choose_commit(
    url: &str,
    revision: Option<&str>,
    quote: fn(&str) -> String,
) -> String {
    if let Some(revision) = revision.filter(|it| is_commit(it)) {
        return format!("other= whole=yes\ncommit={}\n", quote(&revision.to_ascii_lowercase()));
    }
    let words =
        |words: &[String]| words.iter().map(|word| quote(word)).collect::<Vec<String>>().join(" ");
    format!(
        "listed=$({look} </dev/null)\n\
         commit= other= whole=\n\
         for name in {names}; do\n\
         \x20 [ -z \"$commit\" ] || break\n\
         \x20 commit=$(echo \"$listed\" | while read -r id at; do\n\
         \x20   if [ \"$at\" = \"$name\" ]; then echo \"$id\"; break; fi\n\
         \x20 done)\n\
         \x20 case $commit:$name in :*|*:HEAD|*:refs/heads/*|*:refs/tags/*) ;; *) other=$name ;; esac\n\
         done\n",
        look = words(&look_command(url, revision)),
        names = words(&git_names(revision)),
    )
}

/// A whole commit is itself, whatever the repository has.
pub(super) fn is_commit(revision: &str) -> bool {
    matches!(revision.len(), 40 | 64) && revision.bytes().all(|byte| byte.is_ascii_hexdigit())
}

/// What a revision stands for, in git's order (gitrevisions(7)): a tag goes before a branch of the same
/// name, and an annotated tag stands for its commit, `^{}`.
pub(super) fn git_names(revision: Option<&str>) -> Vec<String> {
    let Some(it) = revision else { return vec!["HEAD".into()] };
    let places = ["", "refs/", "refs/tags/", "refs/heads/"];
    let names =
        places.iter().flat_map(|place| [format!("{place}{it}^{{}}"), format!("{place}{it}")]);
    names.filter(|name| name.starts_with("refs/") || name == "HEAD").collect()
}

/// The first of some names that `git ls-remote` has listed, and its commit.
pub(super) fn named_by(listed: &str, names: &[String]) -> Option<(String, String)> {
    let lines = || listed.lines().filter_map(|line| line.split_once('\t'));
    names.iter().find_map(|wanted| {
        let (commit, _) = lines().find(|(_, name)| name == wanted)?;
        Some((wanted.clone(), commit.to_owned()))
    })
}
