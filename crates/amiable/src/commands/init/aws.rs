//! A first configuration for an AWS account.

use ami_lifecycle::{FirstLook, FoundNetwork, first_look};
use clap::ValueEnum;

use crate::config::settings::{CloudEndpoint, CloudSettings};
use crate::connect;
use crate::console::Console;
use crate::failure::Failure;

/// The operating system of a base, as its vendor publishes it on AWS.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum Os {
    /// Debian 12
    #[value(name = "debian-12")]
    Debian12,
    /// Debian 13
    #[value(name = "debian-13")]
    Debian13,
    /// Ubuntu 24.04
    #[value(name = "ubuntu-24.04")]
    Ubuntu2404,
    /// Amazon Linux 2023
    #[value(name = "amazon-linux-2023")]
    AmazonLinux2023,
}

impl Os {
    /// Owner, name and login user, as the vendors document them:
    /// <https://wiki.debian.org/Cloud/AmazonEC2Image>, <https://documentation.ubuntu.com/aws/>,
    /// <https://docs.aws.amazon.com/linux/al2023/ug/ec2.html>.
    fn base(self) -> (&'static str, &'static str, &'static str) {
        match self {
            Os::Debian12 => ("136693071363", "debian-12-amd64-*", "admin"),
            Os::Debian13 => ("136693071363", "debian-13-amd64-*", "admin"),
            Os::Ubuntu2404 => (
                "099720109477",
                "ubuntu/images/hvm-ssd-gp3/ubuntu-noble-24.04-amd64-server-*",
                "ubuntu",
            ),
            Os::AmazonLinux2023 => ("amazon", "al2023-ami-2023.*-x86_64", "ec2-user"),
        }
    }
}

/// What was asked for.
pub(super) struct Wanted<'a> {
    pub(super) os: Os,
    pub(super) profile: Option<&'a str>,
    pub(super) region: Option<&'a str>,
}

/// Looks at the account, and says what the configuration is.
pub(super) async fn look(wanted: &Wanted<'_>, console: &Console) -> Result<String, Failure> {
    let settings = CloudSettings {
        endpoint: CloudEndpoint::Aws,
        region: wanted.region.map(str::to_owned),
        profile: wanted.profile.map(str::to_owned),
        accounts: Vec::new(),
        limits: CloudEndpoint::Aws.limits(),
    };
    let cloud =
        connect::cloud_of(&settings, console).await.map_err(|failure| match failure.hint {
            Some(hint) if hint.contains("[cloud]") => Failure {
                hint: Some(
                    "give --region, or set AWS_REGION, or a region in the AWS profile".into(),
                ),
                ..failure
            },
            hint => Failure { hint, ..failure },
        })?;
    let (owner, name, _) = wanted.os.base();
    let found = first_look(&cloud, owner, name).await?;
    if found.base.is_none() {
        let text =
            format!("owner {owner} has no AMI whose name matches {name} in {}", cloud.region());
        return Err(Failure::failed(text).hint("choose another --os, or write `base` by hand"));
    }
    Ok(text(wanted, &found, cloud.region()))
}

fn text(wanted: &Wanted<'_>, found: &FirstLook, region: &str) -> String {
    let (owner, name, user) = wanted.os.base();
    let os = wanted.os.to_possible_value().map(|it| it.get_name().to_owned()).unwrap_or_default();
    let profile = wanted.profile.map(|it| format!("profile = {}\n", toml::Value::from(it)));
    let profile = profile.unwrap_or_default();
    let base = found.base.as_ref().map(|it| it.id.to_string()).unwrap_or_default();
    let network = match &found.network {
        FoundNetwork::DefaultVpc => String::new(),
        FoundNetwork::Subnet { id, is_public: true } => format!("subnet = \"{id}\"\n"),
        FoundNetwork::Subnet { id, is_public: false } => format!(
            "# It gives no public address. If this machine cannot reach its private ones, see `connect`.\n\
             subnet = \"{id}\"\n"
        ),
        FoundNetwork::None => {
            "# subnet = \"subnet-…\"     # the account has no subnet in this region\n".into()
        }
    };
    format!(
        "# amiable's configuration, for the AWS account that `amiable init --aws` has found.\n\
         # `amiable validate` checks it. `amiable schema` has all keys.\n\
         \n\
         [cloud]\n\
         region = \"{region}\"\n\
         {profile}\
         account = \"{account}\"    # amiable does nothing in another account\n\
         \n\
         [naming]\n\
         # The tag that tells these AMIs apart from all others in the account.\n\
         namespace = \"ci\"\n\
         \n\
         [defaults]\n\
         instance_type = \"t3.small\"\n\
         ssh_user = \"{user}\"\n\
         {network}\
         \n\
         [template.agent]\n\
         system = \"jenkins\"        # the build system it serves\n\
         os = \"{os}\"\n\
         # The newest wins: today {base}.\n\
         base = {{ owner = \"{owner}\", name = \"{name}\" }}\n\
         source = {{ path = \"init\" }}\n\
         script = \"setup-agent\"\n",
        account = found.account,
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::check;

    #[test]
    fn the_configuration_is_valid_whatever_network_there_is() {
        let subnet = |is_public| FoundNetwork::Subnet { id: "subnet-0a".into(), is_public };
        for (network, line) in [
            (FoundNetwork::DefaultVpc, ""),
            (subnet(true), "\nsubnet = \"subnet-0a\"\n"),
            (subnet(false), "no public address"),
            (FoundNetwork::None, "\n# subnet = "),
        ] {
            let found = FirstLook { account: "123456789012".into(), base: None, network };
            let wanted = Wanted { os: Os::Ubuntu2404, profile: Some("ci"), region: None };
            let text = text(&wanted, &found, "eu-west-1");
            assert!(text.contains(line) && text.contains("profile = \"ci\"\n"), "{text}");
            let mistakes = check(std::path::Path::new("/nowhere/amiable.toml"), &text);
            assert!(mistakes.iter().all(|it| it.only_bakes), "{text}: {mistakes:?}");
        }
    }
}
