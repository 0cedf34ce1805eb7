//! The IAM policy that allows what commands call, and no more.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use super::all_consumers;
use crate::ec2::action::{Action, Effect};
use crate::model::consumer::Consumer;
use crate::model::naming::Pattern;
use crate::model::operation::Operation;
use crate::model::tags;
use crate::model::template::{Base, Namespace, Template};

/// What a policy is for.
#[derive(Debug, Clone, Copy)]
pub struct PolicyRequest<'a> {
    /// What is to be done.
    pub operations: &'a [Operation],
    /// For these templates.
    pub templates: &'a [Template],
    /// How their AMIs are named.
    pub pattern: &'a Pattern,
    /// Given: what changes or ends something is allowed for resources of this namespace only.
    pub only: Option<&'a Namespace>,
    /// In this region: ARNs and services are named differently in China and the GovCloud.
    pub region: &'a str,
}

/// The least policy, as IAM's JSON
/// (<https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_grammar.html>).
#[must_use]
pub fn policy(request: &PolicyRequest<'_>) -> Value {
    let actions: BTreeSet<Action> = request
        .operations
        .iter()
        .flat_map(|operation| operation.actions(request.templates, request.pattern))
        .collect();
    let mut groups: BTreeMap<Group, Vec<Action>> = BTreeMap::new();
    for action in actions {
        // What is adopted has no tag of amiable's yet. Who asks for all commands gets a policy
        // that protects others' resources, and with it adopts nothing.
        let adopts = request.operations == [Operation::Adopt];
        let by_tag = request.only.is_some() && !(adopts && action == Action::CreateTags);
        groups.entry(group(action, by_tag)).or_default().push(action);
    }
    let statements: Vec<Value> =
        groups.iter().flat_map(|(group, actions)| statements(*group, actions, request)).collect();
    in_partition(json!({ "Version": "2012-10-17", "Statement": statements }), request.region)
}

/// The policy as the region's partition has it
/// (<https://docs.aws.amazon.com/IAM/latest/UserGuide/reference-arns.html>,
/// <https://docs.amazonaws.cn/en_us/aws/latest/userguide/ARNs.html>).
fn in_partition(value: Value, region: &str) -> Value {
    let (partition, domain) = match region {
        it if it.starts_with("cn-") => ("aws-cn", "amazonaws.com.cn"),
        it if it.starts_with("us-gov-") => ("aws-us-gov", "amazonaws.com"),
        _ => return value,
    };
    let rename = |text: String| match text.strip_prefix("arn:aws:") {
        Some(rest) => format!("arn:{partition}:{rest}"),
        None => text.replace("amazonaws.com", domain),
    };
    match value {
        Value::String(text) => Value::String(rename(text)),
        Value::Array(all) => {
            Value::Array(all.into_iter().map(|it| in_partition(it, region)).collect())
        }
        Value::Object(all) => {
            all.into_iter().map(|(key, it)| (key, in_partition(it, region))).collect()
        }
        other => other,
    }
}

/// The statements of a policy.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Group {
    /// On anything.
    Any,
    /// On what has the namespace's tag.
    Own,
    /// What EC2 does with KMS keys.
    Keys,
    /// iam:PassRole.
    PassRole,
    /// ssm:StartSession, with machines that have the namespace's tag.
    Sessions,
    /// ssm:GetParameter, of bases and consumers.
    Parameters,
    /// ssm:PutParameter, of consumers.
    OwnParameters,
    /// What changes launch templates, of consumers.
    LaunchTemplates,
    /// What changes Auto Scaling groups, of consumers.
    AutoScalingGroups,
    /// CloudFormation stacks, of consumers.
    Stacks,
}

fn group(action: Action, by_tag: bool) -> Group {
    match action {
        Action::PassRole => Group::PassRole,
        Action::CreateGrant
        | Action::Decrypt
        | Action::DescribeKey
        | Action::GenerateDataKeyWithoutPlaintext
        | Action::ReEncryptFrom
        | Action::ReEncryptTo => Group::Keys,
        Action::PutParameter => Group::OwnParameters,
        Action::StartSession => Group::Sessions,
        Action::CreateLaunchTemplateVersion | Action::ModifyLaunchTemplate => {
            Group::LaunchTemplates
        }
        Action::RollbackInstanceRefresh
        | Action::StartInstanceRefresh
        | Action::UpdateAutoScalingGroup => Group::AutoScalingGroups,
        Action::DescribeStackEvents | Action::DescribeStacks | Action::UpdateStack => Group::Stacks,
        Action::GetParameter | Action::GetParameters => Group::Parameters,
        _ if by_tag && matches!(action.effect(), Effect::Changes | Effect::MakesWithin) => {
            Group::Own
        }
        _ => Group::Any,
    }
}

/// Actions that make something, with the tags that it has from the beginning.
fn makers() -> Vec<&'static str> {
    let makes = |action: &&Action| matches!(action.effect(), Effect::Makes | Effect::MakesWithin);
    let all = Action::ALL.iter().filter(makes).filter(|it| it.right().starts_with("ec2:"));
    all.map(|action| action.name()).collect()
}

fn statements(group: Group, actions: &[Action], request: &PolicyRequest<'_>) -> Vec<Value> {
    let has = |action| actions.contains(&action);
    let actions: Vec<&str> = actions.iter().map(|action| action.right()).collect();
    match (group, request.only) {
        (Group::Any, _) | (Group::Own, None) => vec![json!({
            "Sid": "Amiable",
            "Effect": "Allow",
            "Action": actions,
            "Resource": "*",
        })],
        (Group::Own, Some(namespace)) => {
            let mut key = String::from("aws:ResourceTag/");
            key += tags::NAMESPACE;
            let own = json!({
                "Sid": "AmiableOwn",
                "Effect": "Allow",
                "Action": actions,
                "Resource": "*",
                "Condition": { "StringEquals": { key: namespace.0 } },
            });
            let new = has(Action::CreateTags).then(|| {
                json!({
                    "Sid": "AmiableNew",
                    "Effect": "Allow",
                    "Action": ["ec2:CreateTags"],
                    "Resource": "*",
                    "Condition": { "StringEquals": { "ec2:CreateAction": makers() } },
                })
            });
            // A new rule has no tags yet; its group must have the namespace's all the same.
            let rules = has(Action::AuthorizeSecurityGroupIngress).then(|| {
                json!({
                    "Sid": "AmiableNewRules",
                    "Effect": "Allow",
                    "Action": ["ec2:AuthorizeSecurityGroupIngress"],
                    "Resource": "arn:aws:ec2:*:*:security-group-rule/*",
                })
            });
            [own].into_iter().chain(new).chain(rules).collect()
        }
        (Group::Keys, _) => vec![json!({
            "Sid": "AmiableKeys",
            "Effect": "Allow",
            "Action": actions,
            "Resource": "*",
            "Condition": { "StringLike": { "kms:ViaService": "ec2.*.amazonaws.com" } },
        })],
        (Group::PassRole, _) => vec![json!({
            "Sid": "AmiableInstanceProfile",
            "Effect": "Allow",
            "Action": actions,
            "Resource": "*",
            "Condition": { "StringEquals": { "iam:PassedToService": "ec2.amazonaws.com" } },
        })],
        (Group::Sessions, only) => sessions(only),
        (Group::Parameters, _) => vec![json!({
            "Sid": "AmiableParameters",
            "Effect": "Allow",
            "Action": actions,
            "Resource": &bases(request.templates) | &consumers(request.templates),
        })],
        (Group::LaunchTemplates, _) => vec![json!({
            "Sid": "AmiableLaunchTemplates",
            "Effect": "Allow",
            "Action": actions,
            "Resource": launch_templates(request.templates),
        })],
        (Group::AutoScalingGroups, _) => vec![json!({
            "Sid": "AmiableAutoScalingGroups",
            "Effect": "Allow",
            "Action": actions,
            "Resource": auto_scaling_groups(request.templates),
        })],
        (Group::Stacks, _) => vec![json!({
            "Sid": "AmiableStacks",
            "Effect": "Allow",
            "Action": actions,
            "Resource": stacks(request.templates),
        })],
        (Group::OwnParameters, _) => vec![json!({
            "Sid": "AmiableConsumers",
            "Effect": "Allow",
            "Action": actions,
            "Resource": consumers(request.templates),
        })],
    }
}

/// A session is with a machine, by a document
/// (<https://docs.aws.amazon.com/systems-manager/latest/userguide/getting-started-restrict-access-quickstart.html>).
fn sessions(only: Option<&Namespace>) -> Vec<Value> {
    let mut machines = json!({
        "Sid": "AmiableSessions",
        "Effect": "Allow",
        "Action": ["ssm:StartSession"],
        "Resource": "arn:aws:ec2:*:*:instance/*",
    });
    if let Some(namespace) = only {
        let key = format!("ssm:resourceTag/{}", tags::NAMESPACE);
        machines["Condition"] = json!({ "StringEquals": { key: namespace.0 } });
    }
    let document = json!({
        "Sid": "AmiableSessionDocument",
        "Effect": "Allow",
        "Action": ["ssm:StartSession"],
        "Resource": "arn:aws:ssm:*:*:document/AWS-StartSSHSession",
    });
    // The plugin's own calls, and that of `aws` where it finds no plugin.
    let own = json!({
        "Sid": "AmiableOwnSessions",
        "Effect": "Allow",
        "Action": ["ssm:TerminateSession", "ssmmessages:OpenDataChannel"],
        "Resource": "arn:aws:ssm:*:*:session/${aws:userid}-*",
    });
    vec![machines, document, own]
}

/// The ARNs of the parameters that name bases. AWS' own public ones belong to no account.
fn bases(templates: &[Template]) -> BTreeSet<String> {
    let arn = |template: &Template| {
        let Base::Ssm(name) = &template.base else { return None };
        Some(parameter(name, if name.starts_with("/aws/service/") { "" } else { "*" }))
    };
    templates.iter().filter_map(arn).collect()
}

/// The ARNs of the parameters that are consumers.
fn consumers(templates: &[Template]) -> BTreeSet<String> {
    let arn = |consumer: &Consumer| match consumer {
        Consumer::Ssm(it) => Some(parameter(&it.name, "*")),
        _ => None,
    };
    all_consumers(templates).filter_map(arn).collect()
}

/// The ARNs of the groups that are consumers
/// (<https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazonec2autoscaling.html>).
fn auto_scaling_groups(templates: &[Template]) -> BTreeSet<String> {
    let arn = |consumer: &Consumer| match consumer {
        Consumer::AutoScalingGroup(it) => Some(format!(
            "arn:aws:autoscaling:*:*:autoScalingGroup:*:autoScalingGroupName/{}",
            it.name
        )),
        _ => None,
    };
    all_consumers(templates).filter_map(arn).collect()
}

/// The ARNs of the stacks that are consumers
/// (<https://docs.aws.amazon.com/service-authorization/latest/reference/list_awscloudformation.html>).
fn stacks(templates: &[Template]) -> BTreeSet<String> {
    let arn = |consumer: &Consumer| match consumer {
        Consumer::Stack(it) => Some(format!("arn:aws:cloudformation:*:*:stack/{}/*", it.stack)),
        _ => None,
    };
    all_consumers(templates).filter_map(arn).collect()
}

/// The ARNs of the launch templates that are consumers: they have their ids, so that one
/// which is named by its name, or by its group, stands for all.
fn launch_templates(templates: &[Template]) -> BTreeSet<String> {
    let arn = |consumer: &Consumer| match consumer {
        Consumer::LaunchTemplate(it) if it.key.starts_with("lt-") => {
            Some(format!("arn:aws:ec2:*:*:launch-template/{}", it.key))
        }
        Consumer::LaunchTemplate(_) | Consumer::AutoScalingGroup(_) => {
            Some("arn:aws:ec2:*:*:launch-template/*".into())
        }
        _ => None,
    };
    all_consumers(templates).filter_map(arn).collect()
}

fn parameter(name: &str, account: &str) -> String {
    format!("arn:aws:ssm:*:{account}:parameter/{}", name.trim_start_matches('/'))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::consumer::{AutoScalingGroup, ChannelTag, LaunchTemplate, SsmParameter};
    use crate::model::launch_spec::LaunchSpec;
    use crate::model::reach::{Connect, Reach};
    use crate::model::template::tests::template;
    use crate::model::template::{HostKey, KeyPair};

    fn pattern(text: &str) -> Pattern {
        Pattern::parse(text).unwrap()
    }

    fn statement<'p>(policy: &'p Value, sid: &str) -> Option<&'p Value> {
        policy["Statement"].as_array().unwrap().iter().find(|it| it["Sid"] == sid)
    }

    #[test]
    fn templates_decide_on_what_more_is_needed() {
        let plain = template();
        let rich = Template {
            key_pair: KeyPair::Temporary,
            host_key: HostKey::Console,
            launch: LaunchSpec { instance_profile: Some("p".into()), ..template().launch },
            base: Base::Ssm("/aws/service/debian/x".into()),
            ..template()
        };
        let of = |template: &Template, text: &str| {
            Operation::Bake.actions(std::slice::from_ref(template), &pattern(text))
        };
        let (least, most) = (of(&plain, "a-{generation}"), of(&rich, "a-{template}"));
        let more: Vec<&Action> = most.difference(&least).collect();
        assert_eq!(
            more,
            [
                &Action::CopyImage,
                &Action::DeleteKeyPair,
                &Action::EnableImage,
                &Action::ImportKeyPair,
                &Action::ListImagesInRecycleBin,
                &Action::PassRole,
                &Action::GetParameter,
                &Action::GetParameters
            ]
        );
        let request = PolicyRequest {
            region: "us-east-1",
            operations: &[Operation::Bake],
            templates: &[rich],
            pattern: &pattern("a-{generation}"),
            only: None,
        };
        let policy = policy(&request);
        let arns = &statement(&policy, "AmiableParameters").unwrap()["Resource"];
        assert_eq!(arns[0], "arn:aws:ssm:*::parameter/aws/service/debian/x");
        assert!(statement(&policy, "AmiableInstanceProfile").is_some());
    }

    #[test]
    fn consumers_add_rights_on_what_they_are_and_on_nothing_else() {
        let consumers = vec![
            Consumer::Ssm(SsmParameter { name: "/ci/x".into() }),
            Consumer::LaunchTemplate(LaunchTemplate { key: "lt-1".into() }),
            Consumer::Tag(ChannelTag { key: "a".into(), value: "b".into() }),
            Consumer::AutoScalingGroup(AutoScalingGroup { name: "farm".into(), refresh: None }),
        ];
        let request = PolicyRequest {
            region: "us-east-1",
            operations: &[Operation::Roll],
            templates: &[Template { consumers, ..template() }],
            pattern: &pattern("a-{generation}"),
            only: None,
        };
        let policy = policy(&request);
        let of = |sid: &str| statement(&policy, sid).unwrap().clone();
        assert_eq!(
            of("Amiable")["Action"],
            json!([
                "autoscaling:DescribeAutoScalingGroups",
                "autoscaling:DescribeInstanceRefreshes",
                "ec2:CreateTags",
                "ec2:DeleteTags",
                "ec2:DescribeImages",
                "ec2:DescribeInstances",
                "ec2:DescribeLaunchTemplateVersions",
                "ec2:RunInstances"
            ])
        );
        let parameter = json!(["arn:aws:ssm:*:*:parameter/ci/x"]);
        assert_eq!(of("AmiableConsumers")["Action"], json!(["ssm:PutParameter"]));
        assert_eq!(of("AmiableConsumers")["Resource"], parameter);
        assert_eq!(of("AmiableParameters")["Resource"], parameter);
        let group = "arn:aws:autoscaling:*:*:autoScalingGroup:*:autoScalingGroupName/farm";
        assert_eq!(of("AmiableAutoScalingGroups")["Resource"], json!([group]));
        let template =
            json!(["arn:aws:ec2:*:*:launch-template/*", "arn:aws:ec2:*:*:launch-template/lt-1"]);
        assert_eq!(of("AmiableLaunchTemplates")["Resource"], template);
        let looking = Operation::Look.actions(request.templates, request.pattern);
        assert!(
            looking.contains(&Action::GetParameter) && !looking.contains(&Action::PutParameter)
        );
    }

    #[test]
    fn by_tag_nothing_of_others_can_be_changed() {
        let namespace = Namespace("ci".into());
        let request = PolicyRequest {
            region: "us-east-1",
            operations: &Operation::ALL,
            templates: &[template()],
            pattern: &pattern("a-{generation}"),
            only: Some(&namespace),
        };
        let policy = policy(&request);
        let any = statement(&policy, "Amiable").unwrap()["Action"].as_array().unwrap();
        let free: Vec<&str> = any
            .iter()
            .map(|action| action.as_str().unwrap().split_once(':').unwrap().1)
            .filter(|name| !["Describe", "Get", "List"].iter().any(|it| name.starts_with(it)))
            .collect();
        let makers =
            ["CreateImage", "CreateImageUsageReport", "CreateSecurityGroup", "RunInstances"];
        assert_eq!(free, makers);
        let own = statement(&policy, "AmiableOwn").unwrap();
        assert_eq!(own["Condition"]["StringEquals"]["aws:ResourceTag/amiable:namespace"], "ci");
        assert!(statement(&policy, "AmiableNew").is_some());
        assert!(statement(&policy, "AmiableNewRules").is_some());
        // What is adopted is not the namespace's yet.
        let adopt = self::policy(&PolicyRequest { operations: &[Operation::Adopt], ..request });
        let free = statement(&adopt, "Amiable").unwrap()["Action"].as_array().unwrap();
        assert!(free.contains(&"ec2:CreateTags".into()), "{free:?}");
    }

    #[test]
    fn ways_in_need_rights_of_their_own() {
        let by = |connect| {
            let reach = Reach { connect: Some(connect), ..Reach::default() };
            Template { reach, ..template() }
        };
        let of = |template: Template, operation: Operation| {
            let plain = operation.actions(&[self::template()], &pattern("a-{generation}"));
            let all = operation.actions(&[template], &pattern("a-{generation}"));
            all.difference(&plain).map(|action| action.right()).collect::<Vec<&str>>()
        };
        assert_eq!(
            of(by(Connect::InstanceConnect), Operation::Bake),
            [
                "ec2-instance-connect:OpenTunnel",
                "ec2:DescribeInstanceConnectEndpoints",
                "ec2:DescribeVpcs"
            ]
        );
        let doctor = of(by(Connect::InstanceConnect), Operation::Doctor);
        assert_eq!(doctor, ["ec2:DescribeInstanceConnectEndpoints"]);
        let mut in_subnet = by(Connect::InstanceConnect);
        in_subnet.launch.subnets = vec!["subnet-1".into()];
        let doctor = of(in_subnet, Operation::Doctor);
        assert_eq!(doctor, ["ec2:DescribeInstanceConnectEndpoints", "ec2:DescribeSubnets"]);
        let mut by_name = template();
        by_name.launch.security_groups = vec!["ssh".into()];
        by_name.launch.public_ip = Some(true);
        let bake = Operation::Bake.actions(&[by_name], &pattern("a-{generation}"));
        assert!(
            bake.contains(&Action::DescribeSecurityGroups) && bake.contains(&Action::DescribeVpcs)
        );
        let session = by(Connect::SessionManager);
        assert_eq!(of(session.clone(), Operation::Verify), ["ssm:StartSession"]);
        let request = PolicyRequest {
            region: "us-east-1",
            operations: &[Operation::Bake],
            templates: &[session],
            pattern: &pattern("a-{generation}"),
            only: Some(&Namespace("ci".into())),
        };
        let policy = policy(&request);
        let sessions = statement(&policy, "AmiableSessions").unwrap();
        assert_eq!(
            sessions["Condition"]["StringEquals"]["ssm:resourceTag/amiable:namespace"],
            "ci"
        );
        assert!(statement(&policy, "AmiableSessionDocument").is_some());
    }

    #[test]
    fn names_are_those_of_the_regions_partition() {
        let value =
            || json!(["arn:aws:ssm:*:*:x", { "k": "ec2.*.amazonaws.com" }, "ec2:RunInstances"]);
        let china =
            json!(["arn:aws-cn:ssm:*:*:x", { "k": "ec2.*.amazonaws.com.cn" }, "ec2:RunInstances"]);
        assert_eq!(in_partition(value(), "cn-north-1"), china);
        let gov =
            json!(["arn:aws-us-gov:ssm:*:*:x", { "k": "ec2.*.amazonaws.com" }, "ec2:RunInstances"]);
        assert_eq!(in_partition(value(), "us-gov-west-1"), gov);
        assert_eq!(in_partition(value(), "eu-north-1"), value());
    }
}
