//! RunInstances.

use std::collections::{BTreeMap, HashSet};

use jiff::Timestamp;
use rand::RngExt;

use super::allowed_images::settings;
use super::block_devices::{Device, decode_devices, new_volumes};
use super::instance_answer::write_reservation;
use super::launch_options::{
    LAUNCH, Metadata, Place, decode_metadata_options, decode_place, decode_placement,
    decode_user_data,
};
use super::query::{find, find_image, required_id};
use super::spot::decode_market;
use crate::actions::action::Action;
use crate::actions::launch_template_key::complete;
use crate::actions::query::find_group;
use crate::ec2::{Call, Ec2};
use crate::instance_type::InstanceType;
use crate::model::{
    Attachment, Image, ImageState, Instance, InstanceOptions, InstanceState, KeyPair,
    RootDeviceType, ShutdownBehavior, SpotRequest, State, Tags, Virtualization, Volume, new_id,
};
use crate::protocol::{ApiError, ApiResult, Params, Reference, Xml};
use crate::{engine, network};

/// What the caller asked for; two requests with one client token must be equal in it.
#[derive(Debug, PartialEq)]
pub(super) struct RunInstances {
    image_id: String,
    instance_type: String,
    least: u32,
    most: u32,
    key_name: Option<String>,
    user_data: Option<String>,
    client_token: Option<String>,
    shutdown_behavior: ShutdownBehavior,
    place: Place,
    zone: Option<String>,
    termination_protected: bool,
    monitoring: bool,
    ebs_optimized: bool,
    metadata: Metadata,
    /// For a Spot Instance the most that it may cost an hour, where that is said.
    spot: Option<Option<String>>,
    devices: BTreeMap<String, Device>,
    tags: BTreeMap<String, Tags>,
    /// The launch template and its version, by which the rest came.
    template: Option<(String, String)>,
}

impl Action for RunInstances {
    const REFERENCE: Reference = LAUNCH;

    fn complete(call: &Call, params: Params) -> ApiResult<Params> {
        call.ec2.view(|state| complete(state, &call.region, &params))
    }

    fn decode(params: &Params) -> ApiResult<Self> {
        let image_id = required_id::<Image>(params, "ImageId")?;
        let instance_type = params.string("InstanceType").unwrap_or_else(|| "m1.small".into());
        if InstanceType::parse(&instance_type).is_none() {
            let message = format!("Invalid value '{instance_type}' for InstanceType.");
            return Err(ApiError::new("InvalidParameterValue", message));
        }
        let least: u32 = params.parsed("MinCount")?.unwrap_or(1);
        let most: u32 = params.parsed("MaxCount")?.unwrap_or(1);
        if least == 0 || most < least {
            let message = format!("MinCount {least} and MaxCount {most} do not fit");
            return Err(ApiError::new("InvalidParameterValue", message));
        }
        let spot = decode_market(params)?;
        Ok(RunInstances {
            image_id,
            instance_type,
            least,
            most,
            key_name: params.string("KeyName"),
            user_data: decode_user_data(params)?,
            client_token: params.string("ClientToken"),
            shutdown_behavior: params
                .string("InstanceInitiatedShutdownBehavior")
                .map_or(Ok(ShutdownBehavior::Stop), |text| ShutdownBehavior::parse(&text))?,
            place: decode_place(params)?,
            zone: decode_placement(params)?,
            termination_protected: params.flag("DisableApiTermination")?,
            monitoring: params.structure("Monitoring").flag("Enabled")?,
            ebs_optimized: params.flag("EbsOptimized")?,
            metadata: decode_metadata_options(params)?,
            devices: decode_devices(params)?,
            tags: params.tag_specifications(match spot {
                None => &["instance", "volume", "network-interface"],
                Some(_) => &["instance", "volume", "network-interface", "spot-instances-request"],
            })?,
            spot,
            template: {
                let template = params.structure("LaunchTemplate");
                template.string("LaunchTemplateId").zip(template.string("Version"))
            },
        })
    }

    fn run(self, call: &Call, xml: &mut Xml) -> ApiResult<()> {
        let request = format!("{self:?}");
        let (reservation, new) =
            call.ec2.change(|state| match self.earlier(state, &call.region, &request)? {
                Some(reservation) => Ok((reservation, Vec::new())),
                None => self.insert(&call.ec2, state, &call.region, &request),
            })?;
        for id in new {
            engine::launch(&call.ec2, id);
        }
        call.ec2.read(|state| {
            let instances: Vec<&Instance> =
                state.instances.iter().filter(|it| it.reservation_id == reservation).collect();
            write_reservation(xml, state, &reservation, &instances);
        });
        Ok(())
    }
}

impl RunInstances {
    /// The reservation that an earlier request with the same client token made.
    fn earlier(&self, state: &State, region: &str, request: &str) -> ApiResult<Option<String>> {
        let Some(token) = &self.client_token else { return Ok(None) };
        let mut instances = state.instances.of_region(region);
        let earlier = instances.find(|it| it.client_token.as_ref() == Some(token));
        match earlier {
            None => Ok(None),
            Some(instance) if instance.request == request => {
                Ok(Some(instance.reservation_id.clone()))
            }
            Some(_) => Err(ApiError::new(
                "IdempotentParameterMismatch",
                "Arguments on this idempotent request are inconsistent with arguments used in \
                 previous request(s).",
            )),
        }
    }

    fn insert(
        &self,
        ec2: &Ec2,
        state: &mut State,
        region: &str,
        request: &str,
    ) -> ApiResult<(String, Vec<String>)> {
        let image = self.image(state)?;
        ec2.machines
            .check(&image.architecture)
            .map_err(|why| ApiError::new("Unsupported", format!("{}: {why}", image.id)))?;
        if !settings(state, region).shows(&image) {
            return Err(ApiError::not_found::<Image>(&image.id));
        }
        if let Some(name) = &self.key_name
            && !state.key_pairs.of_region(region).any(|key| key.name == *name)
        {
            return Err(ApiError::not_found::<KeyPair>(name));
        }
        if let Some(zone) = self.zone.as_ref().filter(|zone| **zone != network::zone(region)) {
            let message = format!("Invalid availability zone: [{zone}]");
            return Err(ApiError::new("InvalidParameterValue", message));
        }
        let groups = self.group_ids(state, region)?;
        let subnet = find(&state.subnets, &self.place.subnet)?.clone();
        let reservation = new_id("r");
        let mut new = Vec::new();
        let mut addresses = HashSet::new();
        for launch_index in 0..self.most {
            let address = ec2.free_address(state, &subnet, &addresses)?;
            addresses.insert(address);
            let id = new_id("i");
            let attachments = self.attach_volumes(state, &image, &id, region)?;
            let spot_request = self.spot.as_ref().map(|max_price| SpotRequest {
                id: new_id("sir"),
                region: region.to_owned(),
                instance_id: id.clone(),
                max_price: max_price.clone(),
                created: Timestamp::now(),
                tags: self.tags.get("spot-instances-request").cloned().unwrap_or_default(),
            });
            state.instances.insert(Instance {
                id: id.clone(),
                reservation_id: reservation.clone(),
                image_id: image.id.clone(),
                instance_type: self.instance_type.clone(),
                region: region.to_owned(),
                state: InstanceState::Pending,
                state_reason: None,
                launch_time: Timestamp::now(),
                terminated_at: None,
                launch_index,
                key_name: self.key_name.clone(),
                user_data: self.user_data.clone(),
                address,
                subnet_id: subnet.id.clone(),
                is_public: self.place.is_public.unwrap_or(subnet.map_public_ip),
                mac: new_mac(),
                client_token: self.client_token.clone(),
                request: request.to_owned(),
                shutdown_behavior: self.shutdown_behavior,
                root_device_name: image.root_device_name.clone(),
                attachments,
                groups: groups.clone(),
                rebooting: false,
                termination_protected: self.termination_protected,
                tags_in_metadata: self.metadata.tags,
                interface_tags: self.tags.get("network-interface").cloned().unwrap_or_default(),
                spot_request: spot_request.as_ref().map(|it| it.id.clone()),
                options: InstanceOptions {
                    architecture: image.architecture.clone(),
                    monitoring: self.monitoring,
                    ebs_optimized: self.ebs_optimized,
                    ena_support: !image.features.no_ena,
                    sriov: image.features.sriov.clone(),
                    boot_mode: image.features.boot_mode.clone(),
                    // <https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_ModifyImageAttribute.html>
                    wants_token: self.metadata.wants_token.unwrap_or(image.features.imds_v2),
                    hop_limit: self.metadata.hop_limit.unwrap_or(if image.features.imds_v2 {
                        2
                    } else {
                        1
                    }),
                    ..InstanceOptions::default()
                },
                tags: self.instance_tags(),
            });
            if let Some(request) = spot_request {
                state.spot_requests.insert(request);
            }
            new.push(id);
        }
        if let Some(image) = state.images.get_mut(&image.id) {
            image.last_launched = Some(Timestamp::now());
        }
        Ok((reservation, new))
    }

    /// The tags of an instance, EC2's own among them
    /// (<https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/launch-instances-from-launch-template.html>).
    fn instance_tags(&self) -> Tags {
        let mut tags = self.tags.get("instance").cloned().unwrap_or_default();
        if let Some((id, version)) = &self.template {
            tags.insert("aws:ec2launchtemplate:id".into(), id.clone());
            tags.insert("aws:ec2launchtemplate:version".into(), version.clone());
        }
        tags
    }

    fn group_ids(&self, state: &State, region: &str) -> ApiResult<Vec<String>> {
        if self.place.groups.is_empty() {
            return Ok(vec![network::DEFAULT_GROUP_ID.into()]);
        }
        let find = |text: &String| {
            let is_id = text.starts_with("sg-");
            let group = find_group(state, region, is_id.then_some(text.as_str()), Some(text))?;
            Ok(group.id.clone())
        };
        self.place.groups.iter().map(find).collect()
    }

    fn image(&self, state: &State) -> ApiResult<Image> {
        let id = &self.image_id;
        let image = find_image(state, id)?;
        if image.state != ImageState::Available {
            let message = format!("The image {id} is {}", image.state.name());
            return Err(ApiError::new("InvalidAMIID.Unavailable", message));
        }
        if image.root_device_type == RootDeviceType::InstanceStore {
            let message = format!(
                "The image {id} is instance-store backed: there is no disk to start from here"
            );
            return Err(ApiError::new("Unsupported", message));
        }
        self.check_type(image)?;
        Ok(image.clone())
    }

    /// The type must suit the image.
    fn check_type(&self, image: &Image) -> ApiResult<()> {
        let kind = &self.instance_type;
        if image.features.virtualization == Virtualization::Paravirtual {
            return Err(ApiError::combination(format!(
                "Virtualization type 'hvm' is required for instances of type '{kind}'. Ensure that \
                 you are using an AMI with virtualization type 'hvm'."
            )));
        }
        let own = InstanceType::parse(kind).map_or("x86_64", |it| it.architecture);
        if own == image.architecture {
            return Ok(());
        }
        let message = format!(
            "The architecture '{own}' of the specified instance type does not match the architecture \
             '{}' of the specified AMI. Specify an instance type and an AMI that have matching \
             architectures, and try again. You can use 'describe-instance-types' or \
             'describe-images' to discover the architecture of the instance type or AMI.",
            image.architecture
        );
        Err(ApiError::new("InvalidParameterValue", message))
    }

    fn attach_volumes(
        &self,
        state: &mut State,
        image: &Image,
        instance_id: &str,
        region: &str,
    ) -> ApiResult<Vec<Attachment>> {
        let mut attachments = Vec::new();
        for new in new_volumes(image, &self.devices, state)? {
            let (snapshot, asked) = (new.snapshot, new.encryption);
            let inherited = snapshot.as_ref().and_then(|snapshot| snapshot.kms_key.clone());
            let (snapshot_id, parent_layer) =
                snapshot.map(|it| (it.id, it.layer)).unwrap_or_default();
            let volume = Volume {
                id: new_id("vol"),
                size_gib: new.size_gib,
                snapshot_id,
                zone: network::zone(region),
                created: Timestamp::now(),
                instance_id: instance_id.to_owned(),
                parent_layer,
                layer: None,
                switch: None,
                volume_type: new.volume_type,
                initialization_rate: new.initialization_rate,
                kms_key: asked.map(|it| it.key(region)).or(inherited),
                tags: self.tags.get("volume").cloned().unwrap_or_default(),
            };
            attachments.push(Attachment {
                device: new.device,
                volume_id: volume.id.clone(),
                delete_on_termination: new.delete_on_termination,
            });
            state.volumes.insert(volume);
        }
        Ok(attachments)
    }
}

/// Whether an instance could start so, as far as can be known before.
pub(super) fn check_launch(
    state: &State,
    region: &str,
    pairs: impl IntoIterator<Item = (&'static str, String)>,
) -> ApiResult<()> {
    let pairs = pairs.into_iter().map(|(name, value)| (name.to_owned(), value));
    let params = complete(state, region, &Params::new(pairs))?;
    RunInstances::decode(&params)?.image(state).map(drop)
}

/// Starts one instance for an Auto Scaling group, and returns its id and type. Its machine is to be
/// launched after that.
pub(crate) fn launch_one(
    ec2: &Ec2,
    state: &mut State,
    region: &str,
    pairs: Vec<(String, String)>,
    subnet: Option<&String>,
) -> ApiResult<(String, String)> {
    let params = complete(state, region, &Params::new(pairs))?;
    let mut pairs = params.to_pairs();
    if let Some(subnet) = subnet {
        let has_card = pairs.keys().any(|path| path.starts_with("NetworkInterface."));
        let place = if has_card { "NetworkInterface.1.SubnetId" } else { "SubnetId" };
        pairs.insert(place.into(), subnet.clone());
    }
    let launch = RunInstances::decode(&Params::new(pairs))?;
    let (_, new) = launch.insert(ec2, state, region, "")?;
    let id = new.into_iter().next().ok_or_else(|| ApiError::internal("no instance was made"))?;
    Ok((id, launch.instance_type))
}

/// A locally administered address (the second bit of the first byte), as EC2 uses.
fn new_mac() -> String {
    let bytes: [u8; 5] = rand::rng().random();
    let rest: Vec<String> = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    format!("02:{}", rest.join(":"))
}
