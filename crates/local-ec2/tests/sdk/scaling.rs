//! Launch templates, Auto Scaling groups and parameters of a bench, in short.

use std::time::Duration;

use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_credential_types::Credentials;
use aws_credential_types::provider::SharedCredentialsProvider;
use aws_sdk_autoscaling::types::{
    AutoScalingGroup, InstanceRefresh, LaunchTemplateSpecification, RefreshPreferences,
};
use aws_sdk_ec2::types::{InstanceType, RequestLaunchTemplateData};
use local_ec2::Endpoint;

use crate::bench::{Bench, eventually};

/// What is started by a version of a launch template.
pub(crate) fn data(image: &str) -> RequestLaunchTemplateData {
    let data = RequestLaunchTemplateData::builder().image_id(image);
    data.instance_type(InstanceType::T3Micro).build()
}

impl Bench {
    pub(crate) fn autoscaling(&self) -> aws_sdk_autoscaling::Client {
        aws_sdk_autoscaling::Client::new(&self.config())
    }

    pub(crate) fn ssm(&self) -> aws_sdk_ssm::Client {
        aws_sdk_ssm::Client::new(&self.config())
    }

    fn config(&self) -> SdkConfig {
        let Endpoint { access_key_id, secret_access_key, .. } = &self.endpoint;
        let key = Credentials::new(access_key_id, secret_access_key, None, None, "test");
        SdkConfig::builder()
            .behavior_version(BehaviorVersion::v2026_01_12())
            .region(Region::new("us-east-1"))
            .credentials_provider(SharedCredentialsProvider::new(key))
            .endpoint_url(self.endpoint.url())
            .http_client(aws_smithy_http_client::Builder::new().build_http())
            .build()
    }

    /// A launch template of the base image, by its id.
    pub(crate) async fn launch_template(&self, name: &str) -> String {
        let image = self.base().await;
        let create = self.client.create_launch_template().launch_template_name(name);
        let answer = create.launch_template_data(data(&image)).send().await.unwrap();
        answer.launch_template.unwrap().launch_template_id.unwrap()
    }

    /// Adds a version that is like the first, and returns its number.
    pub(crate) async fn version(&self, template: &str) -> i64 {
        let create = self.client.create_launch_template_version().launch_template_id(template);
        let create = create.source_version("1").version_description("another");
        let create = create.launch_template_data(RequestLaunchTemplateData::builder().build());
        let answer = create.send().await.unwrap();
        answer.launch_template_version.unwrap().version_number.unwrap()
    }

    /// A group of the first version of a launch template, all of whose instances are in service.
    pub(crate) async fn group(&self, name: &str, template: &str, size: i32) {
        let create = self.autoscaling().create_auto_scaling_group().auto_scaling_group_name(name);
        let create = create.min_size(0).max_size(10).desired_capacity(size);
        let create = create.availability_zones("us-east-1a");
        create.launch_template(version_of(template, "1")).send().await.unwrap();
        self.wait_for_service(name, size).await;
    }

    pub(crate) async fn wait_for_service(&self, name: &str, size: i32) {
        eventually(async || {
            let group = self.described(name).await?;
            let instances = group.instances();
            let serve = |it: &&aws_sdk_autoscaling::types::Instance| {
                it.lifecycle_state().is_some_and(|state| state.as_str() == "InService")
            };
            let in_service = instances.iter().filter(serve).count();
            (in_service == instances.len() && in_service == size as usize).then_some(())
        })
        .await;
    }

    pub(crate) async fn described(&self, name: &str) -> Option<AutoScalingGroup> {
        let describe = self.autoscaling().describe_auto_scaling_groups();
        let answer = describe.auto_scaling_group_names(name).send().await.unwrap();
        answer.auto_scaling_groups.unwrap().into_iter().next()
    }

    /// The versions that a group's instances were started from.
    pub(crate) async fn versions(&self, name: &str) -> Vec<String> {
        let group = self.described(name).await.unwrap();
        let versions = group
            .instances()
            .iter()
            .filter_map(|it| Some(it.launch_template()?.version()?.to_owned()));
        let mut versions: Vec<String> = versions.collect();
        versions.sort();
        versions
    }

    /// Begins to replace a group's instances by those of a version.
    pub(crate) async fn refresh(
        &self,
        name: &str,
        (template, version): (&str, i64),
        preferences: RefreshPreferences,
    ) {
        let desired = aws_sdk_autoscaling::types::DesiredConfiguration::builder();
        let desired = desired.launch_template(version_of(template, &version.to_string())).build();
        let start = self.autoscaling().start_instance_refresh().auto_scaling_group_name(name);
        start.desired_configuration(desired).preferences(preferences).send().await.unwrap();
    }

    pub(crate) async fn last_refresh(&self, name: &str) -> InstanceRefresh {
        let describe = self.autoscaling().describe_instance_refreshes();
        let answer = describe.auto_scaling_group_name(name).send().await.unwrap();
        answer.instance_refreshes.unwrap().into_iter().next().unwrap()
    }

    /// Waits until the last refresh has a status.
    pub(crate) async fn wait_for_refresh(&self, name: &str, status: &str) -> InstanceRefresh {
        eventually(async || {
            let refresh = self.last_refresh(name).await;
            (refresh.status()?.as_str() == status).then_some(refresh)
        })
        .await
    }

    /// Puts a text into a parameter.
    pub(crate) async fn parameter(&self, name: &str, value: &str) {
        let put = self.ssm().put_parameter().name(name).value(value).overwrite(true);
        put.r#type("String".into()).send().await.unwrap();
    }

    /// Puts an image into a parameter, and waits for it.
    pub(crate) async fn image_parameter(&self, name: &str, image: &str) {
        let put = self.ssm().put_parameter().name(name).value(image).overwrite(true);
        put.r#type("String".into()).data_type("aws:ec2:image").send().await.unwrap();
        eventually(async || {
            let answer = self.ssm().get_parameter().name(name).send().await.ok()?;
            (answer.parameter?.value? == image).then_some(())
        })
        .await;
    }
}

pub(crate) fn version_of(template: &str, version: &str) -> LaunchTemplateSpecification {
    LaunchTemplateSpecification::builder().launch_template_id(template).version(version).build()
}

/// One instance at a time, none of which warms up.
pub(crate) fn at_once() -> RefreshPreferences {
    RefreshPreferences::builder().min_healthy_percentage(50).instance_warmup(0).build()
}

/// Looks whether nothing changes for a while.
pub(crate) async fn a_moment() {
    tokio::time::sleep(Duration::from_millis(500)).await;
}
