//! The files of docs/examples: the steps of each job, run as its CI system runs them.

use std::path::Path;
use std::process::Command;

use serde_yaml_ng::Value;

use crate::farm::Farm;

/// What a CI system would do with one of the files.
struct Job {
    name: &'static str,
    /// What runs each step.
    shell: &'static [&'static str],
    steps: Vec<String>,
    env: Vec<(String, String)>,
    /// Patterns of the files that are kept.
    kept: Vec<String>,
}

fn read(name: &str) -> String {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/examples");
    std::fs::read_to_string(folder.join(name)).unwrap()
}

/// What stands in quotes behind each `before`.
fn quoted<'a>(text: &'a str, before: &str, quote: char) -> Vec<&'a str> {
    let parts = text.split(before).skip(1);
    parts.filter_map(|it| it.strip_prefix(quote)?.split_once(quote)).map(|(it, _)| it).collect()
}

/// Jenkins' `sh` is `sh -xe`.
fn jenkins(farm: &Farm) -> Job {
    let text = read("Jenkinsfile");
    let workspace = farm.path("").display().to_string();
    let home = quoted(&text, "XDG_STATE_HOME = ", '"')[0].replace("${env.WORKSPACE}", &workspace);
    let steps = [quoted(&text, "sh ", '\''), quoted(&text, "script: ", '\'')].concat();
    let kept = quoted(&text, "artifacts: ", '\'')[0].split(',').map(|it| it.trim().to_owned());
    Job {
        name: "Jenkinsfile",
        shell: &["sh", "-xe", "-c"],
        steps: steps.into_iter().map(str::to_owned).collect(),
        env: vec![("XDG_STATE_HOME".into(), home)],
        kept: kept.collect(),
    }
}

fn texts(value: &Value) -> Vec<String> {
    let texts = value.as_sequence().unwrap().iter();
    texts.map(|it| it.as_str().unwrap().to_owned()).collect()
}

/// A `run` of GitHub Actions is `bash -e` if the workflow does not name a shell.
fn github(farm: &Farm) -> Job {
    let workflow: Value = serde_yaml_ng::from_str(&read("github-workflow.yml")).unwrap();
    let job = &workflow["jobs"]["bake"];
    let steps = job["steps"].as_sequence().unwrap();
    let home = job["env"]["XDG_STATE_HOME"].as_str().unwrap();
    let home = home.replace("${{ github.workspace }}", &farm.path("").display().to_string());
    let kept = steps.iter().find_map(|it| it["with"]["path"].as_str()).unwrap();
    Job {
        name: "github-workflow.yml",
        shell: &["bash", "-e", "-c"],
        steps: steps.iter().filter_map(|it| it["run"].as_str()).map(str::to_owned).collect(),
        env: vec![("XDG_STATE_HOME".into(), home)],
        kept: kept.lines().map(str::to_owned).collect(),
    }
}

/// GitLab runs all lines of `script` in one shell.
fn gitlab(farm: &Farm) -> Job {
    let file: Value = serde_yaml_ng::from_str(&read("gitlab-ci.yml")).unwrap();
    let job = &file["amis"];
    let home = job["variables"]["XDG_STATE_HOME"].as_str().unwrap();
    let home = home.replace("$CI_PROJECT_DIR", &farm.path("").display().to_string());
    let token = farm.path("token").display().to_string();
    Job {
        name: "gitlab-ci.yml",
        shell: &["bash", "-eo", "pipefail", "-c"],
        steps: vec![texts(&job["script"]).join("\n")],
        env: vec![
            ("XDG_STATE_HOME".into(), home),
            ("AWS_TOKEN".into(), "a token".into()),
            ("AWS_WEB_IDENTITY_TOKEN_FILE".into(), token),
        ],
        kept: texts(&job["artifacts"]["paths"]),
    }
}

/// The values of a key of a unit.
fn unit<'a>(text: &'a str, key: &str) -> Vec<&'a str> {
    text.lines().filter_map(|it| it.strip_prefix(key)?.strip_prefix('=')).collect()
}

fn systemd(farm: &Farm) -> Job {
    let text = read("amiable.service");
    let state = farm.path("state").display().to_string();
    std::fs::create_dir(&state).unwrap();
    let env = unit(&text, "Environment").into_iter().map(|it| {
        let (key, value) = it.split_once('=').unwrap();
        (key.to_owned(), value.replace("/var/lib/amiable", &state))
    });
    Job {
        name: "amiable.service",
        shell: &["sh", "-c"],
        steps: unit(&text, "ExecStart").into_iter().map(str::to_owned).collect(),
        env: env.collect(),
        kept: vec!["state/summary.json".into(), "state/amiable/log/*.log".into()],
    }
}

const JOBS: [fn(&Farm) -> Job; 4] = [jenkins, github, gitlab, systemd];

impl Job {
    fn command(&self, farm: &Farm, script: &str) -> Command {
        let bin = Path::new(env!("CARGO_BIN_EXE_amiable")).parent().unwrap().display().to_string();
        let mut command = farm.command(self.shell[0], &[&self.shell[1..], &[script]].concat());
        command.env("PATH", format!("{bin}:{}", std::env::var("PATH").unwrap()));
        command.envs(self.env.clone());
        command
    }

    /// The status of each step, up to the first that fails.
    fn run(&self, farm: &Farm) -> Vec<i32> {
        let mut statuses = Vec::new();
        for step in &self.steps {
            let status = self.command(farm, step).output().unwrap().status.code().unwrap();
            statuses.push(status);
            if status != 0 {
                break;
            }
        }
        statuses
    }

    /// The result of the only template, from the summary that is kept; the log is kept, too.
    fn result(&self, farm: &Farm) -> String {
        assert!(self.kept.iter().any(|it| it.ends_with("summary.json")), "{:?}", self.kept);
        for pattern in &self.kept {
            let found = self.command(farm, &format!("ls -d {pattern}")).output().unwrap();
            assert!(found.status.success(), "{}: {pattern}: {found:?}", self.name);
        }
        let summary = self.kept.iter().find(|it| it.ends_with("summary.json")).unwrap();
        let summary = std::fs::read_to_string(farm.path(summary)).unwrap();
        let summary: serde_json::Value = serde_json::from_str(&summary).unwrap();
        summary[0]["result"].as_str().unwrap().to_owned()
    }
}

#[test]
fn the_steps_of_each_example_bake_and_leave_what_it_keeps() {
    for job in JOBS {
        let farm = Farm::with_example(&[]);
        let job = job(&farm);
        assert!(!job.steps.is_empty());
        let statuses = job.run(&farm);
        assert_eq!(statuses, vec![0; job.steps.len()], "{}: {:?}", job.name, job.steps);
        assert_eq!(job.result(&farm), "baked", "{}", job.name);
    }
}

#[test]
fn a_script_that_fails_fails_the_job_which_keeps_its_log() {
    for job in JOBS {
        let farm = Farm::with_example(&["--answer", "file=./setup-agent=7"]);
        let job = job(&farm);
        let statuses = job.run(&farm);
        assert_eq!(statuses.last(), Some(&1), "{}: {statuses:?}", job.name);
        assert_eq!(job.result(&farm), "failed", "{}", job.name);
        let log = job.kept.iter().find(|it| it.ends_with(".log")).unwrap();
        let log = job.command(&farm, &format!("cat {log}")).output().unwrap();
        let log = String::from_utf8(log.stdout).unwrap();
        assert!(log.contains("exit status 7"), "{}: {log}", job.name);
    }
}
