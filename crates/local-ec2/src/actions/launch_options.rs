//! What RunInstances takes besides an image and a type, as it is read and checked.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use crate::network;
use crate::protocol::{ApiError, ApiResult, Params, Reference, decode_base64};

/// EC2 takes at most this much user data before it is encoded, in bytes.
const MOST_USER_DATA: usize = 16 * 1024;

/// What RunInstances takes, and launch templates with it.
pub(super) const LAUNCH: Reference = Reference {
    honours: &[
        "ImageId",
        "InstanceType",
        "LaunchTemplate.LaunchTemplateId",
        "LaunchTemplate.LaunchTemplateName",
        "LaunchTemplate.Version",
        "MinCount",
        "MaxCount",
        "KeyName",
        "UserData",
        "ClientToken",
        "InstanceInitiatedShutdownBehavior",
        "InstanceMarketOptions.MarketType",
        "InstanceMarketOptions.SpotOptions.InstanceInterruptionBehavior",
        "InstanceMarketOptions.SpotOptions.MaxPrice",
        "InstanceMarketOptions.SpotOptions.SpotInstanceType",
        "DisableApiTermination",
        "SecurityGroup",
        "SecurityGroupId",
        "SubnetId",
        "NetworkInterface.AssociatePublicIpAddress",
        "NetworkInterface.DeviceIndex",
        "NetworkInterface.SecurityGroupId",
        "NetworkInterface.SubnetId",
        "EbsOptimized",
        "Monitoring.Enabled",
        "MetadataOptions.HttpEndpoint",
        "MetadataOptions.HttpPutResponseHopLimit",
        "MetadataOptions.HttpTokens",
        "MetadataOptions.InstanceMetadataTags",
        "BlockDeviceMapping.DeviceName",
        "BlockDeviceMapping.NoDevice",
        "BlockDeviceMapping.Ebs.SnapshotId",
        "BlockDeviceMapping.Ebs.VolumeSize",
        "BlockDeviceMapping.Ebs.DeleteOnTermination",
        "BlockDeviceMapping.Ebs.Encrypted",
        "BlockDeviceMapping.Ebs.KmsKeyId",
        "BlockDeviceMapping.Ebs.VolumeType",
        "BlockDeviceMapping.Ebs.Iops",
        "BlockDeviceMapping.Ebs.Throughput",
        "BlockDeviceMapping.Ebs.VolumeInitializationRate",
        "Placement.AvailabilityZone",
        "Placement.Tenancy",
        "TagSpecification",
    ],
    ignores: &["CreditSpecification"],
    defaults: &[
        ("CapacityReservationSpecification.CapacityReservationPreference", "open"),
        ("DisableApiStop", "false"),
        ("EnablePrimaryIpv6", "false"),
        ("EnclaveOptions.Enabled", "false"),
        ("HibernationOptions.Configured", "false"),
        ("Ipv6AddressCount", "0"),
        ("MaintenanceOptions.AutoRecovery", "default"),
        ("MetadataOptions.HttpProtocolIpv6", "disabled"),
        ("NetworkInterface.DeleteOnTermination", "true"),
        ("Placement.PartitionNumber", "0"),
        ("PrivateDnsNameOptions.EnableResourceNameDnsAAAARecord", "false"),
        ("PrivateDnsNameOptions.EnableResourceNameDnsARecord", "false"),
        ("PrivateDnsNameOptions.HostnameType", "ip-name"),
    ],
    notes: "Without HttpTokens the metadata service wants a token if the image's ImdsSupport says so. Answers show the hop limit, \
                which limits nothing. An instance has at most the CPUs of its host, and a quarter of its memory. An InstanceProfile is refused: there is no IAM here. Encryption, volume types and rates are reported, and have no effect.",
    ..Reference::NONE
};

/// Where in the network an instance is to be.
#[derive(Debug, PartialEq)]
pub(super) struct Place {
    pub(super) subnet: String,
    /// Ids and names of security groups.
    pub(super) groups: Vec<String>,
    /// Whether it gets a public address; as the subnet has it where nothing is said.
    pub(super) is_public: Option<bool>,
}

/// What the caller says of the metadata service.
#[derive(Debug, PartialEq)]
pub(super) struct Metadata {
    pub(super) tags: bool,
    /// As the image has it where nothing is said.
    pub(super) wants_token: Option<bool>,
    pub(super) hop_limit: Option<u8>,
}

/// Subnet and groups are those of the launch or of its one network interface, never of both
/// (<https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_RunInstances.html>).
pub(super) fn decode_place(params: &Params) -> ApiResult<Place> {
    let (names, ids) = (params.list("SecurityGroup"), params.list("SecurityGroupId"));
    let subnet = params.string("SubnetId");
    if subnet.is_some() && !names.is_empty() {
        let message = "The parameter groupName cannot be used with the parameter subnet";
        return Err(ApiError::combination(message));
    }
    let groups = [names, ids].concat();
    let mut cards = params.structures("NetworkInterface").into_iter();
    let Some(card) = cards.next() else {
        let subnet = subnet.unwrap_or_else(network::default_subnet);
        return Ok(Place { subnet, groups, is_public: None });
    };
    if cards.next().is_some() {
        let message = "Instances have one network interface here";
        return Err(ApiError::new("Unsupported", message));
    }
    let twice = |what: &str| {
        ApiError::combination(format!(
            "Network interfaces and an instance-level {what} may not be specified on the same request"
        ))
    };
    if !groups.is_empty() {
        return Err(twice("security groups"));
    }
    if subnet.is_some() {
        return Err(twice("subnet ID"));
    }
    match card.parsed::<u32>("DeviceIndex")? {
        Some(0) => {}
        Some(_) => {
            let message =
                "When specifying network interfaces, you must include a device at index 0.";
            return Err(ApiError::new("InvalidParameterValue", message));
        }
        None => {
            let message = "Each network interface requires a device index.";
            return Err(ApiError::new("InvalidParameterValue", message));
        }
    }
    Ok(Place {
        subnet: card.string("SubnetId").unwrap_or_else(network::default_subnet),
        groups: card.list("SecurityGroupId"),
        is_public: card.parsed("AssociatePublicIpAddress")?,
    })
}

/// The zone that is asked for. Hosts are shared here.
pub(super) fn decode_placement(params: &Params) -> ApiResult<Option<String>> {
    let placement = params.structure("Placement");
    match placement.string("Tenancy").as_deref() {
        None | Some("default") => Ok(placement.string("AvailabilityZone")),
        Some(other) => Err(ApiError::new(
            "Unsupported",
            format!("The tenancy '{other}' is not supported here"),
        )),
    }
}

/// The metadata service here is always on.
pub(super) fn decode_metadata_options(params: &Params) -> ApiResult<Metadata> {
    let options = params.structure("MetadataOptions");
    if let Some(value) = options.string("HttpEndpoint").filter(|value| value != "enabled") {
        return Err(ApiError::invalid_value("MetadataOptions.HttpEndpoint", &value));
    }
    let choice = |name: &str, no: &str, yes: &str| match options.string(name) {
        None => Ok(None),
        Some(text) if text == no => Ok(Some(false)),
        Some(text) if text == yes => Ok(Some(true)),
        Some(other) => Err(ApiError::invalid_value(&format!("MetadataOptions.{name}"), &other)),
    };
    let hop_limit: Option<u8> = options.parsed("HttpPutResponseHopLimit")?;
    if let Some(limit) = hop_limit.filter(|limit| !(1..=64).contains(limit)) {
        let name = "MetadataOptions.HttpPutResponseHopLimit";
        return Err(ApiError::invalid_value(name, &limit.to_string()));
    }
    Ok(Metadata {
        tags: choice("InstanceMetadataTags", "disabled", "enabled")?.unwrap_or(false),
        wants_token: choice("HttpTokens", "optional", "required")?,
        hop_limit,
    })
}

pub(super) fn decode_user_data(params: &Params) -> ApiResult<Option<String>> {
    params.string("UserData").as_deref().map(normal_user_data).transpose()
}

/// User data in base64 of one line. It is no more than EC2 takes.
pub(super) fn normal_user_data(text: &str) -> ApiResult<String> {
    let bytes = decode_base64(text).ok_or_else(|| {
        ApiError::new("InvalidParameterValue", "Invalid BASE64 encoding of user data")
    })?;
    if bytes.len() > MOST_USER_DATA {
        let message = "User data is limited to 16384 bytes";
        return Err(ApiError::new("InvalidParameterValue", message));
    }
    Ok(STANDARD.encode(bytes))
}
