//! Machines, and what comes with them: started, looked at and ended; volumes and key pairs.

use std::sync::Arc;

use aws_sdk_ec2::operation::run_instances::builders::RunInstancesFluentBuilder;
use aws_sdk_ec2::types::{
    Filter, HttpTokensState, IamInstanceProfileSpecification, InstanceInterruptionBehavior,
    InstanceMarketOptionsRequest, InstanceMetadataOptionsRequest,
    InstanceNetworkInterfaceSpecification, MarketType, ResourceType, ShutdownBehavior,
    SpotInstanceType, SpotMarketOptions,
};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use crate::ec2::action::Action;
use crate::ec2::block_devices::Devices;
use crate::ec2::client::{
    Cloud, MOST_VALUES, any_of, filter, is_of, of_bake, of_namespace, tag_specification, was_known,
};
use crate::ec2::convert::{instance_facts, read_tags};
use crate::ec2::error::{CloudError, CloudErrorKind};
use crate::ec2::poll::Poller;
use crate::model::facts::InstanceFacts;
use crate::model::id::InstanceId;
use crate::model::launch_spec::{LaunchSpec, Place, Spot};
use crate::model::leftover::Tagged;
use crate::model::tags::{self, Tags};
use crate::model::template::Namespace;

/// What a machine is started from.
#[derive(Debug, Clone)]
pub(crate) struct BootImage<'a> {
    /// The image's id.
    pub(crate) id: &'a str,
    /// Its root device, where the volume's size is given.
    pub(crate) root_device: &'a str,
    /// The devices that are encrypted, whatever the image's are.
    pub(crate) encrypts: Vec<String>,
    /// The devices whose volumes are to go with the instance, though the image says otherwise.
    pub(crate) lasting: &'a [String],
}

/// What amiable asks of RunInstances.
#[derive(Debug, Clone)]
pub(crate) struct Launch<'a> {
    pub(crate) image: &'a BootImage<'a>,
    /// What the template says.
    pub(crate) spec: &'a LaunchSpec,
    /// Which of its instance types and subnets.
    pub(crate) place: Place<'a>,
    /// The groups in place of the template's: its own, or amiable's. With `public_ip` by id only.
    pub(crate) security_groups: &'a [String],
    /// The key of encrypted devices; the account's default without one.
    pub(crate) kms_key: Option<&'a str>,
    pub(crate) user_data: &'a str,
    /// The name of an EC2 key pair.
    pub(crate) key_pair: Option<&'a str>,
    pub(crate) client_token: &'a str,
    /// Whether its metadata service wants a token is as the image has it; otherwise it does.
    pub(crate) imds_of_image: bool,
    pub(crate) tags: &'a Tags,
}

/// The states of an instance that costs something, or may again.
const LIVE_STATES: [&str; 4] = ["pending", "running", "stopping", "stopped"];

impl Cloud {
    /// Starts one instance, in a turn that was waited for, and returns its id. A repeat with the same client token
    /// starts no other.
    pub(crate) async fn launch(&self, launch: &Launch<'_>) -> Result<InstanceId, CloudError> {
        let LaunchSpec {
            // Taken from `launch`, which has one of each.
            instance_types: _,
            subnets: _,
            subnet_tags: _,
            // As amiable may bring one.
            security_groups: _,
            security_group_tags: _,
            public_ip,
            instance_profile,
            spot,
            volume,
            volumes,
            hop_limit,
            run_tags,
        } = launch.spec;
        let BootImage { id, root_device, encrypts, lasting } = launch.image;
        let devices = Devices {
            root_device,
            root: volume.clone(),
            further: volumes,
            encrypts,
            kms_key: launch.kms_key,
            lasting,
        };
        // Somebody may give the builder another name.
        let tags: Tags = launch.tags.clone().into_iter().chain(run_tags.clone()).collect();
        let options = InstanceMetadataOptionsRequest::builder()
            .set_http_tokens((!launch.imds_of_image).then_some(HttpTokensState::Required))
            .set_http_put_response_hop_limit(hop_limit.map(i32::from));
        let profile = instance_profile
            .as_ref()
            .map(|name| IamInstanceProfileSpecification::builder().name(name).build());
        let request = self
            .ec2
            .run_instances()
            .image_id(*id)
            .instance_type(launch.place.kind.into())
            .min_count(1)
            .max_count(1)
            .client_token(launch.client_token)
            .set_key_name(launch.key_pair.map(String::from))
            .set_iam_instance_profile(profile)
            .set_block_device_mappings(devices.mappings())
            .user_data(STANDARD.encode(launch.user_data))
            .metadata_options(options.build())
            // A builder that is shut down from inside ends altogether.
            .instance_initiated_shutdown_behavior(ShutdownBehavior::Terminate)
            .tag_specifications(tag_specification(ResourceType::Instance, &tags))
            .tag_specifications(tag_specification(ResourceType::Volume, &tags));
        let request = match run_tags.is_empty() {
            true => request,
            false => {
                request.tag_specifications(tag_specification(ResourceType::NetworkInterface, &tags))
            }
        };
        let request = match spot {
            None => request,
            Some(spot) => request
                .instance_market_options(market(spot))
                .tag_specifications(tag_specification(ResourceType::SpotInstancesRequest, &tags)),
        };
        let subnet = launch.place.subnet.map(String::from);
        let request = placed(request, (subnet, *public_ip), launch.security_groups);
        tracing::debug!("RunInstances {id}");
        let send = async || request.clone().send().await;
        let answer = self.until_seen(Action::RunInstances, send).await?;
        let id = answer
            .instances
            .unwrap_or_default()
            .into_iter()
            .find_map(|instance| instance.instance_id);
        id.map(InstanceId::answered)
            .ok_or_else(|| CloudError::answer(Action::RunInstances, "the answer has no instance"))
    }

    /// The machines of a template that have not ended.
    pub(crate) async fn machines(
        &self,
        namespace: &Namespace,
        template: &str,
    ) -> Result<Vec<InstanceFacts>, CloudError> {
        let read = async || self.live_instances_of(namespace).await.map(Arc::new);
        let all = self.reads.machines.get(&namespace.0, read).await?;
        let is_its =
            |it: &&InstanceFacts| it.tags.get(tags::TEMPLATE).map(String::as_str) == Some(template);
        Ok(all.iter().filter(is_its).cloned().collect())
    }

    /// All who wait for machines.
    pub(crate) fn machines_awaited(&self) -> &Poller<InstanceFacts> {
        &self.reads.machines_awaited
    }

    /// A namespace's machines that have not ended, and of `ids` those that have, too.
    pub(crate) async fn machines_with(
        &self,
        namespace: &Namespace,
        ids: Vec<String>,
    ) -> Result<Vec<InstanceFacts>, CloudError> {
        let mut found = self.live_instances_of(namespace).await?;
        let ended: Vec<String> =
            ids.into_iter().filter(|id| !found.iter().any(|it| it.id == *id)).collect();
        for ids in ended.chunks(MOST_VALUES) {
            found.extend(self.instances(vec![any_of("instance-id", ids)]).await?);
        }
        Ok(found)
    }

    async fn live_instances_of(
        &self,
        namespace: &Namespace,
    ) -> Result<Vec<InstanceFacts>, CloudError> {
        let mut found = self.live_instances(vec![of_namespace(namespace)]).await?;
        found.retain(|it| is_of(namespace, &it.tags));
        Ok(found)
    }

    /// The instances that pass the filters and have not ended, from all pages.
    pub(crate) async fn live_instances(
        &self,
        mut filters: Vec<Filter>,
    ) -> Result<Vec<InstanceFacts>, CloudError> {
        filters.push(any_of("instance-state-name", LIVE_STATES));
        self.instances(filters).await
    }

    /// The instances that pass the filters, from all pages.
    async fn instances(&self, filters: Vec<Filter>) -> Result<Vec<InstanceFacts>, CloudError> {
        let request = self.ec2.describe_instances().set_filters(Some(filters.clone()));
        let pages = request.into_paginator().items().send();
        let found = self.pages(Action::DescribeInstances, filters, pages).await?;
        let instances = found.into_iter().flat_map(|it| it.instances.unwrap_or_default());
        Ok(instances.map(instance_facts).collect())
    }

    /// What an instance has written to its console, as far as EC2 knows yet.
    pub(crate) async fn console(&self, id: &str) -> Result<String, CloudError> {
        let action = Action::GetConsoleOutput;
        let request = self.ec2.get_console_output().instance_id(id);
        // `latest` is known for instances on Nitro only; the others answer what they have.
        let latest = request.clone().latest(true);
        let answer =
            match self.call_until_seen(action, id, async || latest.clone().send().await).await {
                Err(error) if error.code.as_deref() == Some("UnsupportedOperation") => {
                    self.call(action, id, request.send()).await?
                }
                other => other?,
            };
        // EC2 breaks the lines of it.
        let text: String = answer.output.unwrap_or_default().split_whitespace().collect();
        let bytes = STANDARD.decode(text).map_err(|error| {
            CloudError::answer(action, format!("the answer is not Base64: {error}"))
        })?;
        Ok(String::from_utf8_lossy(&bytes).into_owned())
    }

    /// Gives EC2 a public key. One that is there already is no error: the name is a bake's.
    pub(crate) async fn import_key_pair(
        &self,
        name: &str,
        public_key: &str,
        tags: &Tags,
    ) -> Result<(), CloudError> {
        let request = self
            .ec2
            .import_key_pair()
            .key_name(name)
            .public_key_material(aws_sdk_ec2::primitives::Blob::new(public_key))
            .tag_specifications(tag_specification(ResourceType::KeyPair, tags));
        match self.call(Action::ImportKeyPair, &name, request.send()).await {
            Err(error) if error.code.as_deref() == Some("InvalidKeyPair.Duplicate") => Ok(()),
            other => other.map(drop),
        }
    }

    /// Deletes a key pair. EC2 does not mind one that is gone.
    pub(crate) async fn delete_key_pair(&self, name: &str) -> Result<(), CloudError> {
        match self
            .call(Action::DeleteKeyPair, &name, self.ec2.delete_key_pair().key_name(name).send())
            .await
        {
            Err(error) if error.kind == CloudErrorKind::NotFound => Ok(()),
            other => other.map(drop),
        }
    }

    /// The tags of a key pair; `None` when there is none of this name.
    pub(crate) async fn key_pair_tags(&self, name: &str) -> Result<Option<Tags>, CloudError> {
        let answer = self
            .call(
                Action::DescribeKeyPairs,
                &name,
                self.ec2.describe_key_pairs().filters(filter("key-name", name)).send(),
            )
            .await?;
        let pair = answer.key_pairs.unwrap_or_default().into_iter().next();
        Ok(pair.map(|pair| read_tags(pair.tags)))
    }

    /// All key pairs of a namespace, by name.
    pub(crate) async fn key_pairs_of_namespace(
        &self,
        namespace: &Namespace,
    ) -> Result<Vec<Tagged>, CloudError> {
        let answer = self
            .call(
                Action::DescribeKeyPairs,
                &namespace,
                self.ec2.describe_key_pairs().filters(of_namespace(namespace)).send(),
            )
            .await?;
        let pairs = answer.key_pairs.unwrap_or_default().into_iter().map(|pair| Tagged {
            id: pair.key_name.unwrap_or_default(),
            state: "available".into(),
            tags: read_tags(pair.tags),
        });
        Ok(pairs.filter(|it| is_of(namespace, &it.tags)).collect())
    }

    pub(crate) async fn stop(&self, id: &str) -> Result<(), CloudError> {
        self.call_until_seen(Action::StopInstances, &id, async || {
            self.ec2.stop_instances().instance_ids(id).send().await
        })
        .await
        .map(drop)
    }

    /// Ends an instance; `false` when EC2 does not know it, or not any more.
    pub(crate) async fn terminate(&self, id: &str) -> Result<bool, CloudError> {
        was_known(
            self.call_until_seen(Action::TerminateInstances, &id, async || {
                self.ec2.terminate_instances().instance_ids(id).send().await
            })
            .await
            .map(drop),
        )
    }

    /// The instances that a bake started and that have not ended.
    pub(crate) async fn instances_of_bake(
        &self,
        bake: &str,
    ) -> Result<Vec<InstanceId>, CloudError> {
        let instances = self.live_instances(vec![of_bake(bake)]).await?;
        Ok(instances.into_iter().map(|instance| instance.id).collect())
    }

    /// All instances of a namespace that have not ended.
    pub(crate) async fn instances_of_namespace(
        &self,
        namespace: &Namespace,
    ) -> Result<Vec<Tagged>, CloudError> {
        let instances = self.live_instances_of(namespace).await?;
        Ok(instances
            .into_iter()
            .map(|it| Tagged { id: it.id.into(), state: it.state, tags: it.tags })
            .collect())
    }

    /// All volumes of a namespace.
    pub(crate) async fn volumes_of_namespace(
        &self,
        namespace: &Namespace,
    ) -> Result<Vec<Tagged>, CloudError> {
        let request = self.ec2.describe_volumes().filters(of_namespace(namespace));
        let pages = request.into_paginator().items().send();
        let found = self.pages(Action::DescribeVolumes, namespace, pages).await?;
        let tagged = found.into_iter().map(|it| Tagged {
            id: it.volume_id.unwrap_or_default(),
            state: it.state.map(|state| state.as_str().to_owned()).unwrap_or_default(),
            tags: read_tags(it.tags),
        });
        Ok(tagged.filter(|it| is_of(namespace, &it.tags)).collect())
    }

    /// Deletes a volume; `false` when EC2 does not know it, or not any more.
    pub(crate) async fn delete_volume(&self, id: &str) -> Result<bool, CloudError> {
        was_known(
            self.call(Action::DeleteVolume, id, self.ec2.delete_volume().volume_id(id).send())
                .await
                .map(drop),
        )
    }
}

/// A one-time request, which ends with its instance: nothing of it is left to start another.
fn market(spot: &Spot) -> InstanceMarketOptionsRequest {
    let options = SpotMarketOptions::builder()
        .spot_instance_type(SpotInstanceType::OneTime)
        .instance_interruption_behavior(InstanceInterruptionBehavior::Terminate)
        .set_max_price(spot.max_price.clone());
    InstanceMarketOptionsRequest::builder()
        .market_type(MarketType::Spot)
        .spot_options(options.build())
        .build()
}

/// Subnet and groups are said of the launch, or of its network interface where a public address is
/// asked for: EC2 takes them in one place only.
fn placed(
    request: RunInstancesFluentBuilder,
    (subnet, public_ip): (Option<String>, Option<bool>),
    security_groups: &[String],
) -> RunInstancesFluentBuilder {
    let (ids, names): (Vec<_>, Vec<_>) =
        security_groups.iter().cloned().partition(|group| group.starts_with("sg-"));
    let Some(public_ip) = public_ip else {
        let request = request.set_security_group_ids(Some(ids)).set_security_groups(Some(names));
        return request.set_subnet_id(subnet);
    };
    let card = InstanceNetworkInterfaceSpecification::builder()
        .device_index(0)
        .associate_public_ip_address(public_ip)
        .set_subnet_id(subnet)
        .set_groups(Some(ids));
    request.network_interfaces(card.build())
}
