//! `amiable validate`.

use std::collections::BTreeMap;

use ami_lifecycle::{
    BakeError, CheckoutOn, Consumer, Distribution, Encryption, LaunchSpec, Mode, Repository,
    Script, Template, Variable,
};
use clap::Args;
use clap_complete::engine::ArgValueCompleter;

use crate::args::{Global, Output};
use crate::commands::support::{load_config, no_template};
use crate::complete;
use crate::config::settings::Config;
use crate::connect;
use crate::console::Console;
use crate::failure::{Failure, Outcome, chain};
use crate::render::json::json;

/// Check the configuration and print what each template resolves to
///
/// Without --resolve, only the file is checked, and no call is made.
#[derive(Debug, Args)]
pub(crate) struct ValidateArgs {
    /// Only these templates
    #[arg(value_name = "TEMPLATE", add = ArgValueCompleter::new(complete::templates))]
    templates: Vec<String>,
    /// Also look up the base AMI, the source's revision and the next generation
    #[arg(long)]
    resolve: bool,
    /// Output format
    #[arg(long, value_enum, default_value = "text")]
    output: Output,
}

/// What a template says, and what it comes to.
type Facts = Vec<(&'static str, String)>;

pub(crate) async fn validate(args: ValidateArgs, global: &Global, console: &Console) -> Outcome {
    let config = load_config(global)?;
    let mut templates: Vec<&Template> = Vec::new();
    for name in &args.templates {
        templates.push(config.template(name).map_err(|meant| no_template(&config, name, meant))?);
    }
    if templates.is_empty() {
        templates.extend(&config.templates);
    }
    for template in &templates {
        check_scripts(template, console)?;
    }
    let mut all: Vec<(&str, Facts)> = templates
        .iter()
        .map(|template| (template.name.as_str(), facts(&config, template)))
        .collect();
    if args.resolve {
        resolve(&config, &templates, &mut all, console).await?;
    }
    match args.output {
        Output::Json => {
            let value: serde_json::Map<String, serde_json::Value> =
                all.into_iter().map(|(name, facts)| (name.to_owned(), as_json(facts))).collect();
            console.result(&json(&value));
        }
        Output::Text => {
            for (name, facts) in all {
                console.result(&as_text(name, &facts));
            }
            console.message(&format!("{} is valid", config.path.display()));
        }
    }
    Ok(())
}

/// The scripts of a folder on this machine; those of a repository are looked at in its checkout.
fn check_scripts(template: &Template, console: &Console) -> Outcome {
    let scripts: Vec<&String> = template.script_paths().collect();
    let notes = ami_lifecycle::check_scripts(&template.source, &scripts);
    let notes =
        notes.map_err(|error| Failure::failed(format!("{}: {}", template.name, chain(&error))))?;
    for note in notes {
        console.message(&format!("{}: {note}", template.name));
    }
    Ok(())
}

/// What is said several times, such as metadata, is an array.
fn as_json(facts: Facts) -> serde_json::Value {
    let mut object = serde_json::Map::new();
    for (key, value) in facts {
        let value = if key == "metadata" {
            let mut all = object.remove(key).unwrap_or_else(|| serde_json::json!([]));
            all.as_array_mut().expect("it is one").push(value.into());
            all
        } else {
            value.into()
        };
        object.insert(key.to_owned(), value);
    }
    object.into()
}

fn as_text(name: &str, facts: &Facts) -> String {
    let lines = facts.iter().map(|(key, value)| format!("  {key:<17}{value}"));
    std::iter::once(format!("{name}:")).chain(lines).collect::<Vec<String>>().join("\n")
}

fn named_or_tagged(names: &[String], tags: &BTreeMap<String, String>) -> String {
    let tags = tags.iter().map(|(key, value)| format!("{key}={value}"));
    names.iter().cloned().chain(tags).collect::<Vec<String>>().join(", ")
}

fn scripts(template: &Template) -> String {
    let texts: Vec<String> = template.scripts.iter().map(Script::to_string).collect();
    texts.join(", ")
}

fn facts(config: &Config, template: &Template) -> Facts {
    let revision = match &template.source.repository {
        Repository::Vcs { revision, .. } => {
            format!(" at {}", revision.as_deref().unwrap_or("its tip"))
        }
        Repository::Path(_) => String::new(),
    };
    let on = match template.source.on {
        CheckoutOn::Operator => "on this machine",
        CheckoutOn::Instance => "on the instance",
    };
    let mut facts = vec![
        ("namespace", config.namespace.to_string()),
        ("name", config.pattern.to_string()),
        ("system", template.system.clone()),
        ("os", template.os.clone()),
        ("arch", template.arch.to_string()),
        ("base", template.base.to_string()),
        ("source", format!("{} {}{revision}", template.source.kind(), template.source.url())),
        ("checked out", on.to_owned()),
        ("script", scripts(template)),
        ("run as", template.run_as.clone().unwrap_or_else(|| "root".into())),
        ("instance type", template.launch.instance_types.join(", ")),
        ("login", format!("{} at port {}", template.ssh_user, template.ssh_port)),
    ];
    if let Some(workdir) = &template.workdir {
        facts.push(("workdir", workdir.clone()));
    }
    if let Some(profile) = &template.launch.instance_profile {
        facts.push(("instance profile", profile.clone()));
    }
    if !template.launch.has_own_group() {
        let LaunchSpec { security_groups, security_group_tags, .. } = &template.launch;
        facts.push(("security groups", named_or_tagged(security_groups, security_group_tags)));
    }
    if template.launch.names_subnets() {
        let LaunchSpec { subnets, subnet_tags, .. } = &template.launch;
        facts.push(("subnet", named_or_tagged(subnets, subnet_tags)));
    }
    facts.extend(distribution(template));
    let label = |(region, consumer): (Option<&str>, &Consumer)| match region {
        Some(region) => format!("{} in {region}", consumer.label()),
        None => consumer.label(),
    };
    let labels: Vec<String> = template.all_consumers().map(label).collect();
    if !labels.is_empty() {
        facts.push(("consumers", labels.join(", ")));
    }
    if let Some(boot) = &template.boot_script {
        let text = format!("{}, else {}", boot.small.shown, boot.whole.shown);
        facts.push(("boot script", text));
    }
    if !template.env.is_empty() {
        let name = |(name, variable): (&String, &Variable)| match variable.is_secret() {
            true => format!("{name} (secret)"),
            false => name.clone(),
        };
        facts.push(("env", template.env.iter().map(name).collect::<Vec<String>>().join(", ")));
    }
    for (key, value) in &template.metadata {
        facts.push(("metadata", format!("{key} = {value}")));
    }
    facts
}

/// Where the AMIs are, and on what terms.
fn distribution(template: &Template) -> Facts {
    let Distribution {
        first,
        destinations,
        share_with,
        snapshot_users,
        encrypt,
        deprecate_after,
        protect,
    } = &template.distribution;
    let mut facts = Facts::new();
    let regions = first.iter().chain(destinations.iter().map(|it| &it.region));
    let regions: Vec<&str> = regions.map(String::as_str).collect();
    if !regions.is_empty() {
        facts.push(("regions", regions.join(", ")));
    }
    if !snapshot_users.is_empty() {
        let users: Vec<String> = snapshot_users.iter().cloned().collect();
        facts.push(("snapshot users", users.join(", ")));
    }
    if !share_with.is_empty() {
        let shared: Vec<String> = share_with.iter().map(ToString::to_string).collect();
        facts.push(("shared with", shared.join(", ")));
    }
    match encrypt {
        None => {}
        Some(Encryption::AccountKey) => facts.push(("encrypted", "with the account's key".into())),
        Some(Encryption::Key(key)) => facts.push(("encrypted", format!("with {key}"))),
        Some(Encryption::Keys(keys)) => {
            let keys = keys.iter().map(|(region, key)| format!("in {region} with {key}"));
            facts.push(("encrypted", keys.collect::<Vec<String>>().join(", ")));
        }
    }
    if let Some(age) = deprecate_after {
        let hours = age.as_secs() / 3600;
        facts.push((
            "deprecated",
            match hours % 24 {
                0 => format!("after {} days", hours / 24),
                _ => format!("after {hours} hours"),
            },
        ));
    }
    if *protect {
        facts.push(("protected", "from deregistration".into()));
    }
    facts
}

async fn resolve(
    config: &Config,
    templates: &[&Template],
    all: &mut [(&str, Facts)],
    console: &Console,
) -> Outcome {
    let cloud = connect::cloud(config, console).await?;
    let Config { namespace, pattern, .. } = config;
    let fleet = cloud.fleet(namespace).await?;
    for (template, (_, facts)) in templates.iter().zip(all) {
        let base = ami_lifecycle::resolve_base(&cloud, &fleet, template)
            .await
            .map_err(|error| failed(template, &error))?;
        facts.push(("base AMI", format!("{} ({})", base.id, base.name)));
        if let Repository::Vcs { kind, url, revision } = &template.source.repository
            && let Some(exact) = ami_lifecycle::exact_revision(*kind, url, revision.as_deref())
                .await
                .map_err(|error| Failure::failed(format!("{}: {}", template.name, chain(&error))))?
        {
            facts.push(("revision", exact));
        }
        let next = fleet
            .decide(&template.name, Mode::Update)
            .map_err(|refusal| failed(template, &refusal.into()))?;
        let current = fleet.current(&template.name).map_or("none", |current| current.ami.as_str());
        facts.push(("current AMI", current.to_owned()));
        facts.push(("next generation", next.to_string()));
        let name = ami_lifecycle::next_name(&fleet, namespace, pattern, template)
            .map_err(|error| failed(template, &error))?;
        ami_lifecycle::check_name(&cloud, namespace, pattern, template, &name)
            .await
            .map_err(|error| failed(template, &error))?;
        facts.push(("next name", name));
    }
    Ok(())
}

/// What keeps a template from being baked.
fn failed(template: &Template, error: &BakeError) -> Failure {
    let failure = Failure::failed(format!("{}: {}", template.name, chain(error)));
    Failure { hint: error.hint(), ..failure }
}
