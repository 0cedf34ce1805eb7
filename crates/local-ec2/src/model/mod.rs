//! What the endpoint remembers: one file a kind of resource, and the tables that hold them.

pub(crate) mod account;
mod allowed_images;
mod auto_scaling_group;
mod binned;
mod connect_endpoint;
mod ids;
mod image;
mod instance;
mod key_pair;
mod launch_template;
mod parameter;
mod security_group;
mod spot_request;
mod state;
mod storage;
mod subnet;
mod table;
mod tags;
mod unreachable_layers;
mod usage_report;
mod vpc;

pub(crate) use allowed_images::{AllowedImages, AllowedState};
pub(crate) use auto_scaling_group::{
    Activity, AutoScalingGroup, GroupInstance, GroupSource, GroupTag, InstanceRefresh,
    LifecycleState, Protected, RefreshPreferences, RefreshStatus,
};
pub(crate) use binned::Binned;
pub(crate) use connect_endpoint::ConnectEndpoint;
pub(crate) use ids::{id_is_valid, new_id};
pub(crate) use image::{
    Features, GoneImage, Image, ImageMapping, ImageState, Permission, RootDeviceType,
    Virtualization, account_of_alias,
};
pub(crate) use instance::{
    Attachment, Instance, InstanceOptions, InstanceState, ShutdownBehavior, StateReason,
};
pub(crate) use key_pair::KeyPair;
pub(crate) use launch_template::{LaunchTemplate, LaunchTemplateData, LaunchTemplateVersion};
pub(crate) use parameter::{Parameter, ParameterVersion};
pub(crate) use security_group::{Direction, Peer, Rule, SecurityGroup};
pub(crate) use spot_request::SpotRequest;
pub(crate) use state::{Changes, Load, State, Visit};
pub(crate) use storage::{Layer, Snapshot, SnapshotState, Switch, Volume, VolumeType};
pub(crate) use subnet::Subnet;
pub(crate) use table::{Record, Resource, Table};
pub(crate) use tags::Tags;
pub(crate) use unreachable_layers::unreachable_layers;
pub(crate) use usage_report::{ImageUser, UsageReport};
pub(crate) use vpc::Vpc;
