//! Files in git repositories as consumers.

use crate::farm::{Farm, JENKINS};
use crate::files::{roll_twenty_at_once, twenty_places};

const OLD: &str = "ami-0123456789abcdef0";

/// What a shell prints, in the farm's folder, with nothing of the tester's own git.
fn sh(farm: &Farm, script: &str) -> String {
    let identity = "export GIT_CONFIG_GLOBAL=/dev/null GIT_AUTHOR_NAME=a GIT_AUTHOR_EMAIL=a@b \
                    GIT_COMMITTER_NAME=a GIT_COMMITTER_EMAIL=a@b\n";
    let output = farm.command("sh", &["-ec", &format!("{identity}{script}")]).output().unwrap();
    assert!(output.status.success(), "{script}: {output:?}");
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

/// A farm with a bare repository `infra.git` that has a file, and consumers of these keys.
fn farm_of(file: &str, content: &str, consumers: &[&str]) -> Farm {
    let farm = Farm::with_example(&[]);
    farm.write(&format!("work/{file}"), content);
    sh(
        &farm,
        "git init -q --bare -b main infra.git; cd work; git init -q -b main; git add .; \
               git commit -qm first; git push -q ../infra.git main",
    );
    let mut config = std::fs::read_to_string(farm.path("amiable.toml")).unwrap();
    for keys in consumers {
        let keys = keys.replace("INFRA", farm.path("infra.git").to_str().unwrap());
        config += &format!("\n[[template.agent.consumer]]\n{keys}\n");
    }
    farm.write("amiable.toml", &config);
    farm
}

fn show(farm: &Farm, what: &str) -> String {
    sh(farm, &format!("git -C infra.git show {what}"))
}

fn commits(farm: &Farm, branch: &str) -> usize {
    sh(farm, &format!("git -C infra.git rev-list --count {branch}")).parse().unwrap()
}

const TFVARS: &str = "file = \"env/ami.tfvars\"\nat = \"agent_ami\"\ngit = { repository = \"INFRA\", author = \"CI <ci@example.org>\" }";

#[test]
fn a_roll_is_a_commit_that_says_what_it_is() {
    let content = "agent_ami = \"OLD\" # now\ntoken     = \"sesame\"\n".replace("OLD", OLD);
    let farm = farm_of("env/ami.tfvars", &content, &[TFVARS]);
    let mut told = vec![farm.amiable(&["create", "agent", "-q"])];
    let first = farm.current("agent");
    assert_eq!(show(&farm, "main:env/ami.tfvars"), content.replace(OLD, &first).trim());
    told.push(farm.amiable(&["update", "agent", "-q"]));
    let second = farm.current("agent");
    told.push(farm.amiable(&["roll", "agent", "--to", "1", "--diff"]));
    told.push(farm.amiable(&["roll", "agent", "--write"]));
    assert_eq!(commits(&farm, "main"), 3, "a repeat commits nothing");
    told.push(farm.amiable(&["rollback", "agent"]));
    told.push(farm.amiable(&["rollback", "agent", "--to", "2"]));
    assert_eq!(show(&farm, "main:env/ami.tfvars"), content.replace(OLD, &second).trim());
    assert_eq!(commits(&farm, "main"), 5);
    told.push(farm.amiable(&["info", &first]));
    let log = sh(&farm, "git -C infra.git log --format='%an <%ae>%n%B' main");
    let log = log.replace(&first, "[FIRST]").replace(&second, "[SECOND]");
    let log = log.lines().filter(|line| !line.starts_with("Name: ")).collect::<Vec<_>>();
    let log: Vec<String> = log
        .into_iter()
        .map(|line| match line.starts_with("Reason: baked by") {
            true => "Reason: baked by [OPERATOR]".into(),
            false => line.to_owned(),
        })
        .collect();
    let all = format!("{}\n$ git log\n{}", told.join("\n"), log.join("\n"));
    assert!(!all.contains("sesame"));
    insta::assert_snapshot!(
        all.replace(farm.path("").to_str().unwrap().trim_end_matches('/'), "[FARM]")
    );
}

#[test]
fn a_jenkins_file_may_be_in_a_repository() {
    let keys = "jenkins = { file = \"jenkins/config.xml\", agents = [\"linux\"] }\ngit = { repository = \"INFRA\", branch = \"main\" }";
    let farm = farm_of("jenkins/config.xml", JENKINS, &[keys]);
    farm.stdout(&["create", "agent", "-q"]);
    let ami = farm.current("agent");
    assert!(show(&farm, "main:jenkins/config.xml").contains(&format!("<ami>{ami}</ami>")));
    assert!(farm.stdout(&["roll", "agent", "--write"]).contains("up to date"));
}

/// What waits for review is not pushed again, and counts once it is merged.
#[test]
fn a_change_may_wait_for_review() {
    let keys = "file = \"a.yml\"\nat = \"ami\"\ngit = { repository = \"INFRA\", review = \"amiable/{template}-{generation}\" }";
    let content = format!("ami: {OLD}\n");
    let farm = farm_of("a.yml", &content, &[keys]);
    let told = farm.amiable(&["create", "agent"]);
    assert!(told.contains("branch amiable/agent-1 waits for review"), "{told}");
    let ami = farm.current("agent");
    assert_eq!(show(&farm, "main:a.yml"), content.trim(), "the branch in use is as it was");
    assert_eq!(show(&farm, "amiable/agent-1:a.yml"), format!("ami: {ami}"));
    assert!(farm.stdout(&["roll", "agent", "--write"]).contains("up to date"));
    assert_eq!(commits(&farm, "amiable/agent-1"), 2);
    let info = farm.stdout(&["info", "agent"]);
    assert!(!info.contains("ami names this AMI"), "it is not in use yet: {info}");
    sh(
        &farm,
        "cd work && git fetch -q ../infra.git amiable/agent-1 && git merge -q FETCH_HEAD && \
               git push -q ../infra.git main && git -C ../infra.git branch -D amiable/agent-1",
    );
    assert!(farm.stdout(&["roll", "agent", "--write"]).contains("up to date"));
    assert_eq!(sh(&farm, "git -C infra.git branch --list"), "* main");
    let info = farm.stdout(&["info", "agent"]);
    assert!(
        info.contains("ami names this AMI") && info.contains("used by       ami in a.yml of "),
        "{info}"
    );
}

/// There, merged, back, merged, and there again: what was merged once does not count as waiting.
#[test]
fn a_branch_that_was_merged_is_begun_anew() {
    let keys = "file = \"a.yml\"\nat = \"ami\"\ngit = { repository = \"INFRA\", review = \"amiable/{template}-{generation}\" }";
    let content = format!("ami: {OLD}\n");
    let farm = farm_of("a.yml", &content, &[keys]);
    let merge = |branch: &str| {
        sh(
            &farm,
            &format!(
                "cd work && git pull -q --no-rebase ../infra.git main && git pull -q --no-rebase ../infra.git {branch} && \
             git push -q ../infra.git HEAD:main"
            ),
        );
    };
    farm.stdout(&["create", "agent", "-q"]);
    merge("amiable/agent-1");
    farm.stdout(&["update", "agent", "-q"]);
    merge("amiable/agent-2");
    let second = farm.current("agent");
    farm.stdout(&["rollback", "agent", "-q"]);
    merge("amiable/agent-1");
    assert_eq!(show(&farm, "main:a.yml"), format!("ami: {}", farm.current("agent")));
    let told = farm.amiable(&["rollback", "agent", "--to", "2"]);
    assert!(told.contains("branch amiable/agent-2 waits for review"), "{told}");
    merge("amiable/agent-2");
    assert_eq!(show(&farm, "main:a.yml"), format!("ami: {second}"));
    // A branch that proposes another AMI than the one that is in use is told.
    sh(
        &farm,
        "cd work && git pull -q --no-rebase ../infra.git main && git checkout -q -b x && echo 'ami: ami-0aaaaaaaaaaaaaaaa' > a.yml && \
               git commit -qam x && git push -q ../infra.git x:amiable/agent-2",
    );
    let told = farm.amiable(&["roll", "agent", "--write"]);
    assert!(
        told.contains("warning: agent: ")
            && told.contains("branch amiable/agent-2 proposes another AMI"),
        "{told}"
    );
}

/// Whatever else is in the file, a link that leads elsewhere, and who commits.
#[test]
fn nothing_but_the_file_in_the_repository_is_read_or_written() {
    let keys = "file = \"link.yml\"\nat = \"ami\"\ngit = { repository = \"infra.git\", author = \"CI <ci@example.org>\" }";
    let content = format!("ami: {OLD}\n");
    let farm = farm_of("real.yml", &content, &[keys]);
    let first = farm.stdout(&["create", "agent", "--no-roll", "-q"]).trim().to_owned();
    sh(
        &farm,
        &format!(
            "cd work && ln -s real.yml link.yml && echo 'other: {first}' >> real.yml && git add . && \
         git commit -qm link && git push -q ../infra.git main"
        ),
    );
    let told = farm
        .command("amiable", &["update", "agent", "-q"])
        .env("GIT_AUTHOR_NAME", "evil")
        .output()
        .unwrap();
    assert!(told.status.success(), "{told:?}");
    let second = farm.current("agent");
    assert_eq!(show(&farm, "main:real.yml"), format!("ami: {second}\nother: {first}"));
    assert_eq!(
        sh(&farm, "git -C infra.git log -1 --format='%an <%ae>' main"),
        "CI <ci@example.org>"
    );
    let refused = farm.stdout(&["delete", &first, "--dry-run"]);
    assert!(refused.contains("link.yml of") && refused.contains("names it"), "{refused}");
    farm.write("outside.yml", &content);
    let outside = farm.path("outside.yml").display().to_string();
    sh(
        &farm,
        &format!(
            "cd work && git pull -q ../infra.git main && ln -sf {outside} link.yml && git commit -qam out && \
         git push -q ../infra.git main"
        ),
    );
    let told = farm.amiable(&["roll", "agent", "--to", "1", "--write"]);
    assert!(told.contains("a link leads out of the repository"), "{told}");
    assert_eq!(std::fs::read_to_string(farm.path("outside.yml")).unwrap(), content);
    farm.edit("amiable.toml", "author", "review = \"a b\", author");
    assert!(farm.amiable(&["validate"]).contains("`a b` cannot be the name of a branch"));
}

/// A server that never answers is left at once when that is asked for.
#[test]
fn ctrl_c_ends_a_clone_that_hangs() {
    let content = format!("ami: {OLD}\n");
    let keys = "file = \"a.yml\"\nat = \"ami\"\ngit = { repository = \"INFRA\" }";
    let farm = farm_of("a.yml", &content, &[keys]);
    farm.stdout(&["create", "agent", "-q"]);
    let server = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("git://{}/x", server.local_addr().unwrap());
    let path = farm.path("infra.git").display().to_string();
    farm.edit("amiable.toml", &path, &url);
    let mut roll = farm.spawn(&["roll", "agent", "--write"]);
    let (_held, _) = server.accept().unwrap();
    std::thread::sleep(std::time::Duration::from_millis(300));
    let pid = rustix::process::Pid::from_child(&roll);
    rustix::process::kill_process(pid, rustix::process::Signal::INT).unwrap();
    assert_eq!(roll.wait().unwrap().code(), Some(130));
}

/// Somebody else pushes while the commit is made: it is made again on top of that.
#[test]
fn who_is_slower_begins_again() {
    let content = format!("ami: {OLD}\n");
    let keys = "file = \"a.yml\"\nat = \"ami\"\ngit = { repository = \"INFRA\" }";
    let farm = farm_of("a.yml", &content, &[keys]);
    // A hook of the repository lets another commit in before the first push.
    farm.write_program("infra.git/hooks/pre-receive", "#!/bin/sh\n\
        [ -e done ] && exit 0\ntouch done\nunset GIT_QUARANTINE_PATH GIT_OBJECT_DIRECTORY GIT_ALTERNATE_OBJECT_DIRECTORIES\n\
        export GIT_AUTHOR_NAME=b GIT_AUTHOR_EMAIL=a@b GIT_COMMITTER_NAME=b GIT_COMMITTER_EMAIL=a@b\n\
        git update-ref refs/heads/main $(git commit-tree -p main -m other main^{tree})\n");
    farm.stdout(&["create", "agent", "-q"]);
    let ami = farm.current("agent");
    assert_eq!(show(&farm, "main:a.yml"), format!("ami: {ami}"));
    let log = sh(&farm, "git -C infra.git log --format=%s main");
    let subjects: Vec<&str> = log.lines().collect();
    assert_eq!(subjects[1..], ["other", "first"], "{log}");
}

#[test]
fn what_cannot_be_done_is_told() {
    let content = format!("ami: {OLD}\n");
    let keys = "file = \"a.yml\"\nat = \"ami\"\ngit = { repository = \"INFRA\" }";
    let farm = farm_of("a.yml", &content, &[keys]);
    farm.write_program(
        "infra.git/hooks/pre-receive",
        "#!/bin/sh\necho main is protected >&2\nexit 1\n",
    );
    let told = farm.amiable(&["create", "agent", "-q"]);
    assert!(told.contains("main is protected") && told.contains("status: 1"), "{told}");
    farm.edit("amiable.toml", "infra.git\"", "none.git\"");
    let told = farm.amiable(&["roll", "agent", "--write"]);
    assert!(told.contains("failed to clone") && told.contains("none.git"), "{told}");
    farm.edit("amiable.toml", "file = \"a.yml\"", "file = \"../a.yml\"");
    let told = farm.amiable(&["validate"]);
    assert!(told.contains("../a.yml is not a path in the repository"), "{told}");
    farm.edit("amiable.toml", "file = \"../a.yml\"\nat = \"ami\"", "ssm = \"/x\"");
    let told = farm.amiable(&["validate"]);
    assert!(told.contains("`git` belongs to a file or a Jenkins file"), "{told}");
}

#[test]
fn twenty_rolls_of_one_repository_lose_nothing() {
    let farm = farm_of("amis.yml", &twenty_places(), &[]);
    let ami = roll_twenty_at_once(&farm, "git = { repository = \"infra.git\" }");
    assert_eq!(show(&farm, "main:amis.yml"), twenty_places().replace(OLD, &ami).trim());
    assert_eq!(commits(&farm, "main"), 21);
}
