//! `docs/local-ec2.md` says what is served, and what it says is so.

use std::fmt::Write as _;
use std::path::Path;

use aws_sdk_ec2::types::{
    ImageUsageResourceTypeRequest, InstanceMarketOptionsRequest, InstanceType, MarketType,
};
use local_ec2::{ActionReference, ImageUse, Request, reference};

use crate::actions::create_security_group::create;
use crate::actions::import_key_pair::import;
use crate::bench::{Bench, tag};
use crate::raw::call;

const BEGIN: &str = "<!-- Written by the tests: AMIABLE_UPDATE_DOCS=1 cargo test --workspace -->\n";
const END: &str = "<!-- end -->\n";

fn names(names: &[&str]) -> String {
    let names: Vec<String> = names.iter().map(|name| format!("`{name}`")).collect();
    names.join(", ")
}

fn defaults(defaults: &[(&str, &str)]) -> String {
    let all = defaults.iter().map(|(name, value)| format!("`{name}={value}`"));
    all.collect::<Vec<String>>().join(", ")
}

fn chapter(action: &ActionReference) -> String {
    let of = match action.service {
        "ec2" => "",
        "autoscaling" => " (Auto Scaling)",
        "ssm" => " (Systems Manager)",
        _ => " (STS)",
    };
    let mut text = format!("### {}{of}\n\n", action.name);
    let lines = [
        ("honours", names(action.honours)),
        ("ignores", names(action.ignores)),
        ("takes only", defaults(action.defaults)),
        ("filters", names(action.filters)),
        ("notes", action.notes.to_owned()),
    ];
    let said = lines.iter().filter(|(_, value)| !value.is_empty());
    text += "| | |\n|---|---|\n";
    let mut empty = true;
    for (name, value) in said {
        empty = false;
        writeln!(text, "| {name} | {value} |").unwrap();
    }
    if empty {
        text += "| honours | nothing but the common parameters |\n";
    }
    text + "\n"
}

#[test]
fn the_document_is_what_the_code_says() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/local-ec2.md");
    let text = std::fs::read_to_string(&path).unwrap();
    let (before, rest) = text.split_once(BEGIN).expect("the mark where the table begins");
    let (written, after) = rest.split_once(END).expect("the mark where it ends");
    let table: String = reference().iter().map(chapter).collect();
    if std::env::var_os("AMIABLE_UPDATE_DOCS").is_some() {
        std::fs::write(&path, format!("{before}{BEGIN}\n{table}{END}{after}")).unwrap();
        return;
    }
    assert_eq!(written.trim(), table.trim(), "docs/local-ec2.md is to be written anew");
}

#[test]
fn every_action_has_a_module_of_tests() {
    for action in reference() {
        let mut name = String::new();
        for character in action.name.chars() {
            if character.is_uppercase() && !name.is_empty() {
                name.push('_');
            }
            name.push(character.to_ascii_lowercase());
        }
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/sdk/actions");
        assert!(path.join(format!("{name}.rs")).exists(), "{} has no tests", action.name);
    }
}

/// What an action cannot do without.
fn needs(action: &str) -> &'static str {
    match action {
        "DescribeLaunchTemplateVersions" => "&LaunchTemplateVersion.1=$Latest",
        _ => "",
    }
}

/// With something of every kind, each filter is asked for.
#[tokio::test]
async fn every_filter_that_is_told_is_known_and_no_other() {
    let bench = Bench::new().await;
    let instance = bench.running_instance().await;
    bench.client.create_tags().resources(instance).tags(tag("a", "b")).send().await.unwrap();
    import(&bench, "ci").await;
    bench.launch_template("agents").await;
    for action in reference().iter().filter(|action| !action.filters.is_empty()) {
        for filter in action.filters {
            let filter = filter.replace("KEY", "a");
            let body = format!(
                "Action={}&Filter.1.Name={filter}&Filter.1.Value.1=*{}",
                action.name,
                needs(action.name)
            );
            let answer = call(&bench.endpoint, &body).await;
            assert!(answer.starts_with("HTTP/1.1 200 "), "{body}: {answer}");
        }
        let (name, needs) = (action.name, needs(action.name));
        let body = format!("Action={name}&Filter.1.Name=colour&Filter.1.Value.1=*{needs}");
        let answer = call(&bench.endpoint, &body).await;
        assert!(answer.contains("<Code>InvalidParameterValue</Code>"), "{body}: {answer}");
    }
}

#[tokio::test]
async fn a_parameter_that_is_not_told_is_refused_by_name() {
    let bench = Bench::new().await;
    // All but those that want an id or an attribute before they look further.
    let wants_id = |name: &str| name.ends_with("Attribute") || name == "DescribeImageReferences";
    let describe = |it: &&ActionReference| {
        it.service == "ec2" && it.name.starts_with("Describe") && !wants_id(it.name)
    };
    for action in reference().iter().filter(describe) {
        let body = format!("Action={}&Colour=red{}", action.name, needs(action.name));
        let answer = call(&bench.endpoint, &body).await;
        assert!(answer.contains("<Code>UnknownParameter</Code>"), "{}: {answer}", action.name);
        assert!(answer.contains("The parameter Colour"), "{}: {answer}", action.name);
    }
}

/// Usage reports of an image that another account has instances of.
async fn share_and_use(bench: &Bench, image: &str) {
    let account = "123456789012";
    let share = bench.client.modify_image_attribute().image_id(image).user_ids(account);
    share.attribute("launchPermission").operation_type("add".into()).send().await.unwrap();
    let used = ImageUse {
        image: image.into(),
        account: account.into(),
        instances: 1,
        launch_templates: 0,
    };
    bench.control(Request::Use(used)).await;
    for _ in 0..6 {
        let kind = ImageUsageResourceTypeRequest::builder().resource_type("ec2:Instance").build();
        let report = bench.client.create_image_usage_report().image_id(image);
        report.resource_types(kind).send().await.unwrap();
    }
}

#[tokio::test]
async fn every_describe_that_pages_cuts_after_as_many_as_it_is_told() {
    let bench = Bench::new().await;
    for number in 0..6 {
        let image = bench.image_of(&bench.running_instance().await, &format!("i-{number}")).await;
        bench.client.create_tags().resources(image).tags(tag("a", "b")).send().await.unwrap();
        create(&bench, &format!("group-{number}")).await;
        bench.launch_template(&format!("template-{number}")).await;
    }
    let instance = bench.running_instance().await;
    for number in 0..6 {
        let image = bench.image_of(&instance, &format!("binned-{number}")).await;
        let deregister = bench.client.deregister_image().image_id(image);
        deregister.delete_associated_snapshots(true).send().await.unwrap();
    }
    let shared = bench.image_of(&instance, "shared").await;
    share_and_use(&bench, &shared).await;
    let subnet = bench.private_subnet().await;
    for number in 0..6 {
        bench.subnet(&format!("127.97.{number}.0/24")).await;
        let create = bench.client.create_instance_connect_endpoint().subnet_id(&subnet);
        create.send().await.unwrap();
    }
    let market = InstanceMarketOptionsRequest::builder().market_type(MarketType::Spot).build();
    let run = bench.client.run_instances().image_id(bench.base().await).min_count(6).max_count(6);
    let run = run.instance_type(InstanceType::T3Micro).instance_market_options(market);
    run.send().await.unwrap();
    // There is one VPC, so there is never more of these; and references are those of an image.
    let single = ["DescribeVpcs", "DescribeImageReferences"];
    let paged = |it: &ActionReference| {
        let is_paged = it.service == "ec2" && it.honours.contains(&"NextToken");
        is_paged && !single.contains(&it.name)
    };
    for action in reference().iter().filter(|action| paged(action)) {
        let body = format!("Action={}&MaxResults=5{}", action.name, needs(action.name));
        let answer = call(&bench.endpoint, &body).await;
        assert!(answer.contains("<nextToken>"), "{body}: {answer}");
    }
}
