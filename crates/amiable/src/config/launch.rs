//! What a template says of how its machines are launched.

use ami_lifecycle::{LaunchSpec, tags};

use super::template::TemplateReader;

const DEFAULT_INSTANCE_TYPE: &str = "m5.large";
/// The most hops that EC2 takes
/// (<https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_InstanceMetadataOptionsRequest.html>).
const MOST_HOPS: u64 = 64;

impl TemplateReader<'_, '_> {
    /// How its machines are launched.
    pub(super) fn launch(&self) -> LaunchSpec {
        let text = |key| self.text(key).map(|text| text.value.to_owned());
        LaunchSpec {
            instance_type: text("instance_type").unwrap_or_else(|| DEFAULT_INSTANCE_TYPE.into()),
            security_groups: self.security_groups(),
            subnet: text("subnet"),
            public_ip: self.of("public_ip").boolean("public_ip"),
            instance_profile: text("instance_profile"),
            volume: self.volume(),
            volumes: self.volumes(),
            run_tags: self.tags("run_tags", tags::check_tag),
            hop_limit: self.of("hop_limit").number("hop_limit", MOST_HOPS).map(|it| it.value as u8),
        }
    }

    fn security_groups(&self) -> Vec<String> {
        let groups = self.of("security_groups").strings("security_groups").unwrap_or_default();
        if let Some(subnet) = self.text("subnet")
            && let Some(group) = groups.iter().find(|group| !group.value.starts_with("sg-"))
        {
            let message = format!(
                "the security group `{}` is given by name together with a subnet",
                group.value
            );
            let hint = format!(
                "with a subnet ({}), EC2 accepts groups only by their sg-… id",
                subnet.value
            );
            self.mistakes.add(group.span.clone(), message, Some(hint));
        }
        groups.into_iter().map(|group| group.value.to_owned()).collect()
    }
}
