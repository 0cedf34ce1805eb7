//! The calls of the EC2 API that amiable makes, typed by what it needs of them. What EC2
//! answers is read in [`facts`].

mod facts;
mod images;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use aws_sdk_ec2::Client;
use aws_sdk_ec2::types::{
    BlockDeviceMapping, EbsBlockDevice, Filter, HttpTokensState, IamInstanceProfileSpecification,
    InstanceMetadataOptionsRequest, ResourceType, ShutdownBehavior, Tag, TagSpecification,
};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use rand::RngExt;

pub use self::facts::ImageFacts;
pub(crate) use self::facts::InstanceFacts;
use self::facts::{image_facts, instance_facts, read_tags};
use crate::ami::Ami;
use crate::error::{CloudError, CloudErrorKind};
use crate::fleet::Fleet;
use crate::pace::{Feedback, Limits, Paces};
use crate::shared::Shared;
use crate::sweep::Tagged;
use crate::tags::{self, Tags};
use crate::template::Namespace;
use crate::watch::Watch;

/// Images a page: DescribeImages may time out for large unpaged answers, and
/// <https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DescribeImages.html>
/// recommends pages.
const PAGE: i32 = 500;

/// As many values as a filter may have
/// (<https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/Using_Filtering.html>).
pub(crate) const MOST_VALUES: usize = 200;

/// Parameters that one GetParameters takes
/// (<https://docs.aws.amazon.com/systems-manager/latest/APIReference/API_GetParameters.html>).
pub(crate) const PARAMETERS: usize = 10;

/// A call that names something is made again while EC2 does not know it: what was made a
/// moment ago may not be known everywhere
/// (<https://docs.aws.amazon.com/ec2/latest/devguide/eventual-consistency.html>). The
/// pauses double, and are drawn at random; with these all of them take about 8 s.
const UNSEEN_TRIES: u32 = 6;
const UNSEEN_PAUSE: Duration = Duration::from_millis(250);

/// How often a call gets another turn after the SDK has given it up as throttled: with the
/// SDK's own attempts that lasts for minutes.
const THROTTLED_TRIES: u32 = 10;

/// An account in a region, or an endpoint that is like one.
#[derive(Debug, Clone)]
pub struct Cloud {
    ec2: Client,
    autoscaling: aws_sdk_autoscaling::Client,
    quotas: aws_sdk_servicequotas::Client,
    ssm: aws_sdk_ssm::Client,
    sts: aws_sdk_sts::Client,
    region: String,
    reads: Arc<Reads>,
    paces: Arc<Paces>,
}

/// What several bakes ask at the same time.
#[derive(Debug, Default)]
struct Reads {
    fleets: Shared<Arc<Fleet>>,
    machines: Shared<Arc<Vec<InstanceFacts>>>,
    images: Shared<Option<ImageFacts>>,
    newest: Shared<Option<ImageFacts>>,
    machines_awaited: Watch<InstanceFacts>,
    images_awaited: Watch<ImageFacts>,
}

/// What amiable asks of RunInstances.
#[derive(Debug, Clone)]
pub(crate) struct Launch<'a> {
    /// The image's id.
    pub(crate) image: &'a str,
    /// Its root device, where the volume's size is given.
    pub(crate) root_device: &'a str,
    pub(crate) instance_type: &'a str,
    pub(crate) security_groups: &'a [String],
    pub(crate) subnet: Option<&'a str>,
    pub(crate) instance_profile: Option<&'a str>,
    pub(crate) volume_size: Option<u64>,
    pub(crate) user_data: &'a str,
    /// The name of an EC2 key pair.
    pub(crate) key_pair: Option<&'a str>,
    pub(crate) client_token: &'a str,
    pub(crate) tags: &'a Tags,
}

/// The states of an instance that costs something, or may again.
const LIVE_STATES: [&str; 4] = ["pending", "running", "stopping", "stopped"];

impl Cloud {
    /// Uses what the caller has configured: credentials, region, endpoint.
    #[must_use]
    pub fn new(config: &aws_config::SdkConfig, limits: Limits) -> Cloud {
        let paces = Arc::new(Paces::new(limits));
        let ec2 = aws_sdk_ec2::config::Builder::from(config).interceptor(Feedback(paces.clone()));
        Cloud {
            ec2: Client::from_conf(ec2.build()),
            paces,
            autoscaling: aws_sdk_autoscaling::Client::new(config),
            quotas: aws_sdk_servicequotas::Client::new(config),
            ssm: aws_sdk_ssm::Client::new(config),
            sts: aws_sdk_sts::Client::new(config),
            region: config.region().map(ToString::to_string).unwrap_or_default(),
            reads: Arc::default(),
        }
    }

    /// The region that is worked in.
    #[must_use]
    pub fn region(&self) -> &str {
        &self.region
    }

    pub(crate) fn ec2(&self) -> &Client {
        &self.ec2
    }

    pub(crate) fn autoscaling(&self) -> &aws_sdk_autoscaling::Client {
        &self.autoscaling
    }

    pub(crate) fn ssm(&self) -> &aws_sdk_ssm::Client {
        &self.ssm
    }

    pub(crate) fn quotas(&self) -> &aws_sdk_servicequotas::Client {
        &self.quotas
    }

    /// Waits until a call of EC2's may be made, and tells that it is.
    pub(crate) async fn turn(&self, action: &str, about: impl std::fmt::Debug) {
        self.paces.before(action).await;
        tracing::debug!("{action} {about:?}");
    }

    /// Makes a call again while what it names is not found, and in its turn after EC2 has
    /// refused it more often than the SDK tries: what was refused was not done.
    async fn patient<T>(
        &self,
        call: impl AsyncFn() -> Result<T, CloudError>,
    ) -> Result<T, CloudError> {
        let (mut unseen, mut throttled) = (0, 0);
        loop {
            match call().await {
                Err(error)
                    if error.kind == CloudErrorKind::NotFound && unseen + 1 < UNSEEN_TRIES =>
                {
                    tracing::debug!("{error}: once more");
                    let share = rand::rng().random_range(0.5..1.5);
                    tokio::time::sleep(UNSEEN_PAUSE.mul_f64(share) * 2u32.pow(unseen)).await;
                    unseen += 1;
                }
                Err(error)
                    if error.kind == CloudErrorKind::Throttled && throttled < THROTTLED_TRIES =>
                {
                    throttled += 1;
                    self.turn(error.action, format_args!("again, as {error}")).await;
                }
                other => return other,
            }
        }
    }

    /// Who the credentials belong to.
    pub(crate) async fn identity(&self) -> Result<String, CloudError> {
        let answer = self.sts.get_caller_identity().send().await;
        let answer = answer.map_err(|error| CloudError::new("GetCallerIdentity", error))?;
        Ok(format!(
            "account {}, {}",
            answer.account().unwrap_or("unknown"),
            answer.arn().unwrap_or("unknown")
        ))
    }

    /// The names of the region's zones.
    pub(crate) async fn zones(&self) -> Result<Vec<String>, CloudError> {
        let answer = self.ec2.describe_availability_zones().send().await;
        let answer = answer.map_err(|error| CloudError::new("DescribeAvailabilityZones", error))?;
        let zones = answer.availability_zones.unwrap_or_default();
        Ok(zones.into_iter().filter_map(|zone| zone.zone_name).collect())
    }

    /// The region's default VPC, by id.
    pub(crate) async fn default_vpc(&self) -> Result<Option<String>, CloudError> {
        let answer = self.ec2.describe_vpcs().filters(filter("is-default", "true")).send().await;
        let answer = answer.map_err(|error| CloudError::new("DescribeVpcs", error))?;
        Ok(answer.vpcs.unwrap_or_default().into_iter().find_map(|vpc| vpc.vpc_id))
    }

    /// All AMIs of a namespace.
    ///
    /// # Errors
    /// When a call fails.
    pub async fn fleet(&self, namespace: &Namespace) -> Result<Arc<Fleet>, CloudError> {
        let read = async || {
            let images = self.images(Some("self"), vec![of_namespace(namespace)]).await?;
            let amis = images.into_iter().map(|image| Ami::read(image, &self.region));
            Ok(Arc::new(Fleet::new(amis.collect())))
        };
        self.reads.fleets.get(&namespace.0, read).await
    }

    /// All images of an owner that pass the filters, from all pages.
    pub(crate) async fn images(
        &self,
        owner: Option<&str>,
        filters: Vec<Filter>,
    ) -> Result<Vec<ImageFacts>, CloudError> {
        self.turn("DescribeImages", (&owner, &filters)).await;
        let request = self
            .ec2
            .describe_images()
            .set_owners(owner.map(|owner| vec![owner.to_owned()]))
            .set_filters(Some(filters));
        let mut pages = request.into_paginator().page_size(PAGE).items().send();
        let mut images = Vec::new();
        while let Some(image) = pages.next().await {
            images.push(image_facts(
                image.map_err(|error| CloudError::new("DescribeImages", error))?,
            ));
        }
        Ok(images)
    }

    /// One image; `None` when there is none of this id.
    ///
    /// # Errors
    /// When the call fails otherwise.
    pub async fn image(&self, id: &str) -> Result<Option<ImageFacts>, CloudError> {
        self.turn("DescribeImages", &id).await;
        let answer = self.ec2.describe_images().image_ids(id).send().await;
        match answer.map_err(|error| CloudError::new("DescribeImages", error)) {
            Ok(answer) => Ok(answer.images.unwrap_or_default().into_iter().next().map(image_facts)),
            Err(error) if error.kind == CloudErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// The value of an SSM parameter.
    pub(crate) async fn parameter(&self, name: &str) -> Result<String, CloudError> {
        tracing::debug!("GetParameter {name}");
        let answer = self.ssm.get_parameter().name(name).send().await;
        let answer = answer.map_err(|error| CloudError::new("GetParameter", error))?;
        let value = answer.parameter.and_then(|parameter| parameter.value);
        value.ok_or_else(|| CloudError::answer("GetParameter", format!("{name} has no value")))
    }

    /// The values of SSM parameters by name; `None` for those that do not exist.
    pub(crate) async fn parameters(
        &self,
        names: &[String],
    ) -> Result<BTreeMap<String, Option<String>>, CloudError> {
        let mut found: BTreeMap<String, Option<String>> =
            names.iter().map(|name| (name.clone(), None)).collect();
        for names in names.chunks(PARAMETERS) {
            tracing::debug!("GetParameters {names:?}");
            let answer = self.ssm.get_parameters().set_names(Some(names.to_vec())).send().await;
            let answer = answer.map_err(|error| CloudError::new("GetParameters", error))?;
            for parameter in answer.parameters.unwrap_or_default() {
                found.insert(parameter.name.unwrap_or_default(), parameter.value);
            }
        }
        Ok(found)
    }

    /// Starts one instance, in a turn that was waited for, and returns its id. A repeat with the same client token
    /// starts no other.
    pub(crate) async fn launch(&self, launch: &Launch<'_>) -> Result<String, CloudError> {
        let options =
            InstanceMetadataOptionsRequest::builder().http_tokens(HttpTokensState::Required);
        let (ids, names): (Vec<_>, Vec<_>) =
            launch.security_groups.iter().cloned().partition(|group| group.starts_with("sg-"));
        let profile = launch
            .instance_profile
            .map(|name| IamInstanceProfileSpecification::builder().name(name).build());
        let request = self
            .ec2
            .run_instances()
            .image_id(launch.image)
            .instance_type(launch.instance_type.into())
            .min_count(1)
            .max_count(1)
            .client_token(launch.client_token)
            .set_key_name(launch.key_pair.map(String::from))
            .set_security_group_ids(Some(ids))
            .set_security_groups(Some(names))
            .set_subnet_id(launch.subnet.map(String::from))
            .set_iam_instance_profile(profile)
            .set_block_device_mappings(
                launch.volume_size.map(|size| vec![root_volume(launch.root_device, size)]),
            )
            .user_data(STANDARD.encode(launch.user_data))
            .metadata_options(options.build())
            // A builder that is shut down from inside ends altogether.
            .instance_initiated_shutdown_behavior(ShutdownBehavior::Terminate)
            .tag_specifications(tag_specification(ResourceType::Instance, launch.tags))
            .tag_specifications(tag_specification(ResourceType::Volume, launch.tags));
        tracing::debug!("RunInstances {}", launch.image);
        let answer = self
            .patient(async || {
                let answer = request.clone().send().await;
                answer.map_err(|error| CloudError::new("RunInstances", error))
            })
            .await?;
        let id = answer
            .instances
            .unwrap_or_default()
            .into_iter()
            .find_map(|instance| instance.instance_id);
        id.ok_or_else(|| CloudError::answer("RunInstances", "the answer has no instance"))
    }

    /// The machines of a template that have not ended.
    pub(crate) async fn machines(
        &self,
        namespace: &Namespace,
        template: &str,
    ) -> Result<Vec<InstanceFacts>, CloudError> {
        let read = async || self.live_instances(vec![of_namespace(namespace)]).await.map(Arc::new);
        let all = self.reads.machines.get(&namespace.0, read).await?;
        let is_its =
            |it: &&InstanceFacts| it.tags.get(tags::TEMPLATE).map(String::as_str) == Some(template);
        Ok(all.iter().filter(is_its).cloned().collect())
    }

    /// The same as [`Cloud::image`], in one call for all who ask at the same time.
    pub(crate) async fn shared_image(&self, id: &str) -> Result<Option<ImageFacts>, CloudError> {
        self.reads.images.get(id, async || self.image(id).await).await
    }

    /// The newest images that were asked for at the same time.
    pub(crate) fn newest_images(&self) -> &Shared<Option<ImageFacts>> {
        &self.reads.newest
    }

    /// All who wait for machines.
    pub(crate) fn machines_awaited(&self) -> &Watch<InstanceFacts> {
        &self.reads.machines_awaited
    }

    /// All who wait for images.
    pub(crate) fn images_awaited(&self) -> &Watch<ImageFacts> {
        &self.reads.images_awaited
    }

    /// A namespace's machines that have not ended, and of `ids` those that have, too.
    pub(crate) async fn machines_with(
        &self,
        namespace: &Namespace,
        ids: Vec<String>,
    ) -> Result<Vec<InstanceFacts>, CloudError> {
        let mut found = self.live_instances(vec![of_namespace(namespace)]).await?;
        let ended: Vec<String> =
            ids.into_iter().filter(|id| !found.iter().any(|it| it.id == *id)).collect();
        for ids in ended.chunks(MOST_VALUES) {
            let filter = Filter::builder().name("instance-id").set_values(Some(ids.to_vec()));
            found.extend(self.instances(vec![filter.build()]).await?);
        }
        Ok(found)
    }

    /// Those of some images that EC2 knows.
    pub(crate) async fn images_with(
        &self,
        ids: Vec<String>,
    ) -> Result<Vec<ImageFacts>, CloudError> {
        let mut found = Vec::new();
        for ids in ids.chunks(MOST_VALUES) {
            // By filter: an unknown id in a list of ids fails the whole call.
            let filter = Filter::builder().name("image-id").set_values(Some(ids.to_vec()));
            found.extend(self.images(None, vec![filter.build()]).await?);
        }
        Ok(found)
    }

    /// The instances that pass the filters and have not ended, from all pages.
    pub(crate) async fn live_instances(
        &self,
        mut filters: Vec<Filter>,
    ) -> Result<Vec<InstanceFacts>, CloudError> {
        let states = LIVE_STATES.map(String::from).to_vec();
        filters
            .push(Filter::builder().name("instance-state-name").set_values(Some(states)).build());
        self.instances(filters).await
    }

    /// The instances that pass the filters, from all pages.
    async fn instances(&self, filters: Vec<Filter>) -> Result<Vec<InstanceFacts>, CloudError> {
        self.turn("DescribeInstances", &filters).await;
        let request = self.ec2.describe_instances().set_filters(Some(filters));
        let mut pages = request.into_paginator().items().send();
        let mut found = Vec::new();
        while let Some(reservation) = pages.next().await {
            let reservation =
                reservation.map_err(|error| CloudError::new("DescribeInstances", error))?;
            let instances = reservation.instances.unwrap_or_default();
            found.extend(instances.into_iter().map(instance_facts));
        }
        Ok(found)
    }

    /// What an instance has written to its console, as far as EC2 knows yet.
    pub(crate) async fn console(&self, id: &str) -> Result<String, CloudError> {
        self.turn("GetConsoleOutput", &id).await;
        let ask = async |latest: Option<bool>| {
            let request = self.ec2.get_console_output().instance_id(id).set_latest(latest);
            let answer = request.send().await;
            answer.map_err(|error| CloudError::new("GetConsoleOutput", error))
        };
        // `latest` is known for instances on Nitro only; the others answer what they have.
        let answer = match self.patient(async || ask(Some(true)).await).await {
            Err(error) if error.code.as_deref() == Some("UnsupportedOperation") => {
                ask(None).await?
            }
            other => other?,
        };
        let bytes = STANDARD.decode(answer.output.unwrap_or_default()).unwrap_or_default();
        Ok(String::from_utf8_lossy(&bytes).into_owned())
    }

    /// Gives EC2 a public key. One that is there already is no error: the name is a bake's.
    pub(crate) async fn import_key_pair(
        &self,
        name: &str,
        public_key: &str,
        tags: &Tags,
    ) -> Result<(), CloudError> {
        self.turn("ImportKeyPair", &name).await;
        let request = self
            .ec2
            .import_key_pair()
            .key_name(name)
            .public_key_material(aws_sdk_ec2::primitives::Blob::new(public_key))
            .tag_specifications(tag_specification(ResourceType::KeyPair, tags));
        let answer = request.send().await;
        match answer.map_err(|error| CloudError::new("ImportKeyPair", error)) {
            Err(error) if error.code.as_deref() == Some("InvalidKeyPair.Duplicate") => Ok(()),
            other => other.map(drop),
        }
    }

    /// Deletes a key pair. EC2 does not mind one that is gone.
    pub(crate) async fn delete_key_pair(&self, name: &str) -> Result<(), CloudError> {
        self.turn("DeleteKeyPair", &name).await;
        let answer = self.ec2.delete_key_pair().key_name(name).send().await;
        match answer.map_err(|error| CloudError::new("DeleteKeyPair", error)) {
            Err(error) if error.kind == CloudErrorKind::NotFound => Ok(()),
            other => other.map(drop),
        }
    }

    /// All key pairs of a namespace, by name.
    pub(crate) async fn key_pairs_of_namespace(
        &self,
        namespace: &Namespace,
    ) -> Result<Vec<Tagged>, CloudError> {
        self.turn("DescribeKeyPairs", &namespace).await;
        let answer = self.ec2.describe_key_pairs().filters(of_namespace(namespace)).send().await;
        let answer = answer.map_err(|error| CloudError::new("DescribeKeyPairs", error))?;
        let pairs = answer.key_pairs.unwrap_or_default().into_iter();
        Ok(pairs
            .map(|pair| Tagged {
                id: pair.key_name.unwrap_or_default(),
                state: "available".into(),
                tags: read_tags(pair.tags),
            })
            .collect())
    }

    pub(crate) async fn stop(&self, id: &str) -> Result<(), CloudError> {
        self.turn("StopInstances", &id).await;
        self.patient(async || {
            let answer = self.ec2.stop_instances().instance_ids(id).send().await;
            answer.map(drop).map_err(|error| CloudError::new("StopInstances", error))
        })
        .await
    }

    /// Ends an instance; `false` when EC2 does not know it, or not any more.
    pub(crate) async fn terminate(&self, id: &str) -> Result<bool, CloudError> {
        self.turn("TerminateInstances", &id).await;
        was_known(
            self.patient(async || {
                let answer = self.ec2.terminate_instances().instance_ids(id).send().await;
                answer.map(drop).map_err(|error| CloudError::new("TerminateInstances", error))
            })
            .await,
        )
    }

    /// Writes tags on resources: one write, whatever it says.
    pub(crate) async fn tag(&self, ids: &[String], tags: &Tags) -> Result<(), CloudError> {
        if ids.is_empty() {
            return Ok(());
        }
        self.turn("CreateTags", (&ids, &tags)).await;
        let request = self.ec2.create_tags().set_resources(Some(ids.to_vec()));
        let request = request.set_tags(Some(sdk_tags(tags)));
        self.patient(async || {
            let answer = request.clone().send().await;
            answer.map(drop).map_err(|error| CloudError::new("CreateTags", error))
        })
        .await
    }

    /// Takes tags away, where they have these values.
    pub(crate) async fn untag(&self, ids: &[String], tags: &Tags) -> Result<(), CloudError> {
        self.turn("DeleteTags", (&ids, &tags)).await;
        let request = self.ec2.delete_tags().set_resources(Some(ids.to_vec()));
        let request = request.set_tags(Some(sdk_tags(tags)));
        self.patient(async || {
            let answer = request.clone().send().await;
            answer.map(drop).map_err(|error| CloudError::new("DeleteTags", error))
        })
        .await
    }

    /// The instances that a bake started and that have not ended.
    pub(crate) async fn instances_of_bake(&self, bake: &str) -> Result<Vec<String>, CloudError> {
        let instances = self.live_instances(vec![of_bake(bake)]).await?;
        Ok(instances.into_iter().map(|instance| instance.id).collect())
    }

    /// All volumes of a namespace.
    pub(crate) async fn volumes_of_namespace(
        &self,
        namespace: &Namespace,
    ) -> Result<Vec<Tagged>, CloudError> {
        self.turn("DescribeVolumes", namespace).await;
        let request = self.ec2.describe_volumes().filters(of_namespace(namespace));
        let mut pages = request.into_paginator().items().send();
        let mut found = Vec::new();
        while let Some(volume) = pages.next().await {
            let it = volume.map_err(|error| CloudError::new("DescribeVolumes", error))?;
            found.push(Tagged {
                id: it.volume_id.unwrap_or_default(),
                state: it.state.map(|state| state.as_str().to_owned()).unwrap_or_default(),
                tags: read_tags(it.tags),
            });
        }
        Ok(found)
    }

    /// Deletes a volume; `false` when EC2 does not know it, or not any more.
    pub(crate) async fn delete_volume(&self, id: &str) -> Result<bool, CloudError> {
        self.turn("DeleteVolume", id).await;
        let answer = self.ec2.delete_volume().volume_id(id).send().await;
        was_known(answer.map(drop).map_err(|error| CloudError::new("DeleteVolume", error)))
    }

    /// All instances of a namespace that have not ended.
    pub(crate) async fn instances_of_namespace(
        &self,
        namespace: &Namespace,
    ) -> Result<Vec<Tagged>, CloudError> {
        let instances = self.live_instances(vec![of_namespace(namespace)]).await?;
        Ok(instances
            .into_iter()
            .map(|it| Tagged { id: it.id, state: it.state, tags: it.tags })
            .collect())
    }
}

/// Whether what was to be ended was known.
fn was_known(answer: Result<(), CloudError>) -> Result<bool, CloudError> {
    match answer {
        Ok(()) => Ok(true),
        Err(error) if error.kind == CloudErrorKind::NotFound => Ok(false),
        Err(error) => Err(error),
    }
}

pub(crate) fn filter(name: &str, value: &str) -> Filter {
    Filter::builder().name(name).values(value).build()
}

fn of_namespace(namespace: &Namespace) -> Filter {
    filter(&format!("tag:{}", tags::NAMESPACE), &namespace.0)
}

fn of_bake(bake: &str) -> Filter {
    filter(&format!("tag:{}", tags::BAKE), bake)
}

fn tag_specification(resource: ResourceType, tags: &Tags) -> TagSpecification {
    TagSpecification::builder().resource_type(resource).set_tags(Some(sdk_tags(tags))).build()
}

fn sdk_tags(tags: &Tags) -> Vec<Tag> {
    tags.iter().map(|(key, value)| Tag::builder().key(key).value(value).build()).collect()
}

fn root_volume(device: &str, size_gib: u64) -> BlockDeviceMapping {
    let size = i32::try_from(size_gib).unwrap_or(i32::MAX);
    let ebs = EbsBlockDevice::builder().volume_size(size).delete_on_termination(true);
    BlockDeviceMapping::builder().device_name(device).ebs(ebs.build()).build()
}
