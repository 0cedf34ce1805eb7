//! What decides on what is in an AMI, as digests: which keys of a template have changed
//! since, and whether what a dead bake has left was made to the same recipe.

use std::collections::BTreeMap;

use crate::model::digest::{changed_of, digest, record_of};
use crate::model::launch_spec::LaunchSpec;
use crate::model::script::text_of;
use crate::model::template::{Repository, SealStep, Template};
use crate::model::variable::Variable;

/// The digest of it all. `content` is the revision of the checkout, or the digest of a
/// folder.
pub(crate) fn fingerprint(template: &Template, base: &str, content: &str) -> String {
    // What only a builder has is no matter of its AMI; but another builder has it not.
    let builders: String =
        template.launch.builders_devices().iter().map(|it| format!("\n{it}")).collect();
    digest(&format!("{base}\n{content}\n{}{builders}", record(template)))
}

/// The keys of a template that decide on the contents of its AMIs, each with a digest of its
/// value, as one text that fits into a tag: `script=1f0c9a3e seal=…`.
pub(crate) fn record(template: &Template) -> String {
    record_of(values(template))
}

/// The keys whose values differ from what was recorded.
pub(crate) fn changed(record: &str, template: &Template) -> Vec<String> {
    let values = values(template);
    // What came later has no value here once it is wanted no more.
    let recorded = record.split(' ').filter_map(|part| Some(part.split_once('=')?.0));
    let is_later = |key: &&str| {
        ["encrypt", "workdir", "env", "volume", "volumes", "imds_support"].contains(key)
    };
    let is_gone = |key: &&str| values.iter().all(|(other, _)| other != key);
    let gone: Vec<String> = recorded.filter(is_later).filter(is_gone).map(str::to_owned).collect();
    let mut keys = changed_of(record, values);
    keys.extend(gone);
    keys
}

/// Written out, so that no other version of amiable reads another change into them. Where
/// the checkout is from counts by its contents alone, if it is a folder. What came later is
/// left out while it is not wanted, so that it changes nothing for others.
fn values(template: &Template) -> Vec<(&'static str, String)> {
    // Field by field, so that a new one is decided on here.
    let Template {
        source,
        scripts,
        run_as,
        workdir,
        launch,
        user_data,
        seal,
        agent,
        metadata,
        env,
        description,
        system,
        os,
        boot_script,
        distribution,
        imds_v2,
        // The base counts by its id, and with it the architecture.
        base: _,
        arch: _,
        // What is in an AMI does not depend on these.
        name: _,
        ssh_user: _,
        ssh_port: _,
        ssh_from: _,
        reach: _,
        may_reboot: _,
        timeouts: _,
        key_pair: _,
        host_key: _,
        verify: _,
        smoke: _,
        consumers: _,
        keep: _,
        max_age: _,
    } = template;
    let LaunchSpec {
        volume,
        volumes: _,
        spot: _,
        instance_types: _,
        security_groups: _,
        security_group_tags: _,
        subnets: _,
        subnet_tags: _,
        public_ip: _,
        instance_profile: _,
        hop_limit: _,
        run_tags: _,
    } = launch;
    let place = match &source.repository {
        Repository::Vcs { .. } => source.url(),
        Repository::Path(_) => String::new(),
    };
    let pairs = metadata.iter().map(|(key, value)| format!("{key:?}={value:?}"));
    let kept: Vec<&str> = seal.keep.iter().copied().map(SealStep::as_str).collect();
    let also = if seal.free_space { " free-space" } else { "" };
    let agent = agent
        .as_ref()
        .map(|it| format!("jenkins {:?} {:?} {}", it.java, it.remote_root, it.init_has_run));
    let first = distribution.first.as_deref();
    let encrypt = distribution.encrypt.as_ref().map(|it| ("encrypt", it.text(first)));
    let all = [
        ("source", format!("{} {place}", source.kind())),
        ("script", text_of(scripts)),
        ("run_as", run_as.clone().unwrap_or_default()),
        ("volume_size", volume.size.map(|size| size.to_string()).unwrap_or_default()),
        ("user_data", user_data.clone().unwrap_or_default()),
        ("seal", format!("{} {:?}{also}", kept.join(","), seal.script)),
        ("agent", agent.unwrap_or_default()),
        ("metadata", pairs.collect::<Vec<String>>().join(" ")),
        ("description", description.clone().unwrap_or_default()),
        ("system", system.clone()),
        ("os", os.clone()),
        ("boot_script", boot_script.as_ref().map(|it| it.digest()).unwrap_or_default()),
    ];
    let workdir = workdir.clone().map(|it| ("workdir", it));
    let env = (!env.is_empty()).then(|| ("env", env_text(env)));
    let volume = volume.recorded().map(|it| ("volume", it));
    let volumes = launch.recorded_volumes().map(|it| ("volumes", it));
    let imds = imds_v2.then(|| ("imds_support", "v2.0".into()));
    let later = [encrypt, workdir, env, volume, volumes, imds].into_iter().flatten();
    all.into_iter().chain(later).collect()
}

/// Of a secret only that there is one: another value of it makes no other AMI.
fn env_text(env: &BTreeMap<String, Variable>) -> String {
    let text = |(name, variable): (&String, &Variable)| match variable {
        Variable::Plain(value) => format!("{name}={value:?}"),
        Variable::FromEnv(_) | Variable::Command(_) => name.clone(),
    };
    env.iter().map(text).collect::<Vec<String>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::script::Script;
    use crate::model::tags;
    use crate::model::template::tests::template;

    #[test]
    fn what_decides_on_the_contents_changes_the_recipe_and_nothing_else_does() {
        let first = fingerprint(&template(), "ami-1", "r1");
        assert_eq!(first.len(), 16);
        assert_ne!(first, fingerprint(&template(), "ami-2", "r1"));
        assert_ne!(first, fingerprint(&template(), "ami-1", "r2"));
        let script = Template { scripts: vec![Script::plain("other")], ..template() };
        assert_ne!(first, fingerprint(&script, "ami-1", "r1"));
        let mut elsewhere = template();
        elsewhere.launch.instance_types = vec!["m5.large".into()];
        assert_eq!(first, fingerprint(&elsewhere, "ami-1", "r1"));
    }

    #[test]
    fn the_record_tells_which_keys_have_changed() {
        let record = record(&template());
        assert!(record.len() <= tags::LONGEST_VALUE, "{}", record.len());
        assert!(changed(&record, &template()).is_empty());
        let metadata = [("a".to_owned(), "b".to_owned())].into();
        let scripts = vec![Script::plain("other")];
        let other = Template { scripts, metadata, ..template() };
        assert_eq!(changed(&record, &other), ["script", "metadata"]);
        let has_value = values(&template()).into_iter().filter(|(_, value)| !value.is_empty());
        assert_eq!(changed("", &template()).len(), has_value.count());
        let distribution = crate::model::distribution::Distribution {
            encrypt: Some(crate::model::distribution::Encryption::AccountKey),
            ..Default::default()
        };
        let encrypted = Template { distribution, ..template() };
        assert_eq!(changed(&record, &encrypted), ["encrypt"]);
        assert_eq!(changed(&super::record(&encrypted), &template()), ["encrypt"]);
        assert!(super::record(&encrypted).len() <= tags::LONGEST_VALUE);
    }

    #[test]
    fn a_variable_counts_by_its_value_and_a_secret_by_its_name() {
        let with = |variable| Template { env: [("X".to_owned(), variable)].into(), ..template() };
        let plain = |value: &str| with(Variable::Plain(value.into()));
        let recorded = record(&plain("a"));
        assert!(recorded.len() <= tags::LONGEST_VALUE);
        assert!(changed(&recorded, &plain("a")).is_empty());
        for other in [plain("b"), with(Variable::FromEnv("Y".into())), template()] {
            assert_eq!(changed(&recorded, &other), ["env"]);
        }
        assert_eq!(changed(&record(&template()), &plain("a")), ["env"]);
        let secret = record(&with(Variable::FromEnv("Y".into())));
        assert!(changed(&secret, &with(Variable::Command(vec!["pass".into()]))).is_empty());
    }
}
