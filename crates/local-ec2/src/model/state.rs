//! Everything that the endpoint remembers.

use std::borrow::Cow;
use std::collections::BTreeSet;

use super::allowed_images::AllowedImages;
use super::auto_scaling_group::AutoScalingGroup;
use super::binned::Binned;
use super::connect_endpoint::ConnectEndpoint;
use super::image::{GoneImage, Image};
use super::instance::Instance;
use super::key_pair::KeyPair;
use super::launch_template::LaunchTemplate;
use super::parameter::Parameter;
use super::security_group::{Rule, SecurityGroup};
use super::spot_request::SpotRequest;
use super::storage::{Layer, Snapshot, Volume};
use super::subnet::Subnet;
use super::table::{Record, Resource, RowChange, Table};
use super::tags::Tags;
use super::usage_report::{ImageUser, UsageReport};
use super::vpc::Vpc;

/// Makes [`State`] of its tables, so that none is forgotten where all are meant.
macro_rules! state {
    ($($table:ident: $row:ty,)*) => {
        /// Everything the endpoint remembers.
        #[derive(Debug, Clone, Default)]
        pub(crate) struct State {
            $(pub(crate) $table: Table<$row>,)*
        }

        /// What one change did to each table.
        #[derive(Debug, Clone)]
        pub(crate) struct Changes {
            $($table: Vec<RowChange<$row>>,)*
        }

        impl Changes {
            /// The ids of what is there since.
            pub(crate) fn new_ids(&self) -> Vec<String> {
                let mut ids = Vec::new();
                $(ids.extend(self.$table.iter().filter(|it| it.is_new).map(|it| it.id.clone()));)*
                ids
            }
        }

        impl State {
            /// A state of whatever tables `load` gives.
            pub(crate) fn load<E>(load: &impl Load<E>) -> Result<State, E> {
                Ok(State { $($table: load.table::<$row>()?,)* })
            }

            /// Hands each table to `visit`.
            pub(crate) fn visit<E>(&self, visit: &mut impl Visit<E>) -> Result<(), E> {
                $(visit.table(&self.$table)?;)*
                Ok(())
            }

            pub(crate) fn is_changed(&self) -> bool {
                false $(|| self.$table.is_changed())*
            }

            /// Removes everything.
            pub(crate) fn clear(&mut self) {
                $(self.$table.clear();)*
            }

            /// Takes all changes as done, and says what they were.
            pub(crate) fn keep(&mut self) -> Changes {
                Changes { $($table: self.$table.keep(),)* }
            }

            /// Takes all changes back.
            pub(crate) fn undo(&mut self) {
                $(self.$table.undo();)*
            }

            /// Makes changes again that were made to another state.
            pub(crate) fn apply(&mut self, changes: Changes) {
                $(self.$table.apply(changes.$table);)*
            }
        }
    };
}

state! {
    allowed_images: AllowedImages,
    auto_scaling_groups: AutoScalingGroup,
    binned_images: Binned<Image>,
    binned_snapshots: Binned<Snapshot>,
    connect_endpoints: ConnectEndpoint,
    gone_images: GoneImage,
    image_users: ImageUser,
    images: Image,
    instances: Instance,
    key_pairs: KeyPair,
    launch_templates: LaunchTemplate,
    layers: Layer,
    parameters: Parameter,
    security_groups: SecurityGroup,
    snapshots: Snapshot,
    spot_requests: SpotRequest,
    subnets: Subnet,
    usage_reports: UsageReport,
    volumes: Volume,
    vpcs: Vpc,
}

/// Where the tables of a [`State`] come from.
pub(crate) trait Load<E> {
    fn table<T: Record>(&self) -> Result<Table<T>, E>;
}

/// What is done with each table of a [`State`].
pub(crate) trait Visit<E> {
    fn table<T: Record>(&mut self, table: &Table<T>) -> Result<(), E>;
}

impl State {
    /// The tags of any taggable resource.
    pub(crate) fn tags_mut(&mut self, id: &str) -> Option<&mut Tags> {
        match id.split('-').next()? {
            ConnectEndpoint::PREFIX => self.connect_endpoints.get_mut(id).map(Resource::tags_mut),
            Image::PREFIX => self.images.get_mut(id).map(Resource::tags_mut),
            Instance::PREFIX => self.instances.get_mut(id).map(Resource::tags_mut),
            KeyPair::PREFIX => self.key_pairs.get_mut(id).map(Resource::tags_mut),
            LaunchTemplate::PREFIX => self.launch_templates.get_mut(id).map(Resource::tags_mut),
            SecurityGroup::PREFIX => self.security_groups.get_mut(id).map(Resource::tags_mut),
            Rule::PREFIX => {
                let group = self.group_of_rule(id)?.to_owned();
                let group = self.security_groups.get_mut(&group)?;
                group.rules.iter_mut().find(|rule| rule.id == id).map(|rule| &mut rule.tags)
            }
            Snapshot::PREFIX => self.snapshots.get_mut(id).map(Resource::tags_mut),
            SpotRequest::PREFIX => self.spot_requests.get_mut(id).map(Resource::tags_mut),
            Subnet::PREFIX => self.subnets.get_mut(id).map(Resource::tags_mut),
            Volume::PREFIX => self.volumes.get_mut(id).map(Resource::tags_mut),
            Vpc::PREFIX => self.vpcs.get_mut(id).map(Resource::tags_mut),
            _ => None,
        }
    }

    /// The security group that has a rule, by their ids.
    fn group_of_rule(&self, rule: &str) -> Option<&str> {
        let has = |group: &&SecurityGroup| group.rules.iter().any(|it| it.id == rule);
        self.security_groups.iter().find(has).map(|group| group.id.as_str())
    }

    /// The region of any resource that there is.
    pub(crate) fn region_of(&self, id: &str) -> Option<&str> {
        match id.split('-').next()? {
            ConnectEndpoint::PREFIX => self.connect_endpoints.get(id).map(Resource::region),
            Image::PREFIX => self.images.get(id).map(Resource::region),
            Instance::PREFIX => self.instances.get(id).map(Resource::region),
            KeyPair::PREFIX => self.key_pairs.get(id).map(Resource::region),
            LaunchTemplate::PREFIX => self.launch_templates.get(id).map(Resource::region),
            SecurityGroup::PREFIX => self.security_groups.get(id).map(Resource::region),
            Rule::PREFIX => self.region_of(self.group_of_rule(id)?),
            Snapshot::PREFIX => self.snapshots.get(id).map(Resource::region),
            SpotRequest::PREFIX => self.spot_requests.get(id).map(Resource::region),
            Subnet::PREFIX => self.subnets.get(id).map(Resource::region),
            Volume::PREFIX => self.volumes.get(id).map(Resource::region),
            Vpc::PREFIX => self.vpcs.get(id).map(Resource::region),
            _ => None,
        }
    }

    /// Every region that has a resource of its own.
    pub(crate) fn regions(&self) -> BTreeSet<&str> {
        fn of<T: Resource>(table: &Table<T>) -> impl Iterator<Item = &str> {
            table.iter().map(Resource::region).filter(|region| !region.is_empty())
        }
        of(&self.images)
            .chain(of(&self.instances))
            .chain(of(&self.key_pairs))
            .chain(of(&self.launch_templates))
            .chain(of(&self.security_groups))
            .chain(of(&self.snapshots))
            .chain(of(&self.subnets))
            .chain(of(&self.connect_endpoints))
            .chain(of(&self.volumes))
            .chain(self.parameters.iter().map(|it| it.region.as_str()))
            .chain(self.auto_scaling_groups.iter().map(|it| it.region.as_str()))
            .collect()
    }

    /// Every tag in a region: the resource's type as EC2 names it, its id, key and value.
    pub(crate) fn tags_in<'s>(
        &'s self,
        region: &str,
    ) -> Vec<(&'static str, Cow<'s, str>, &'s str, &'s str)> {
        fn of<'s, T: Resource>(
            table: &'s Table<T>,
            region: &str,
        ) -> impl Iterator<Item = (&'static str, Cow<'s, str>, &'s str, &'s str)> {
            table.of_region(region).flat_map(|row| {
                let tags = row.tags().iter();
                tags.map(|(key, value)| (T::TYPE, row.id().into(), key.as_str(), value.as_str()))
            })
        }
        // An interface is there as long as its instance.
        let live = self.instances.of_region(region).filter(|it| it.terminated_at.is_none());
        let interfaces = live.flat_map(|it| {
            let tags = it.interface_tags.iter();
            let id = it.interface_id("eni");
            tags.map(move |(key, value)| {
                ("network-interface", id.clone().into(), key.as_str(), value.as_str())
            })
        });
        interfaces
            .chain(of(&self.images, region))
            .chain(of(&self.instances, region))
            .chain(of(&self.key_pairs, region))
            .chain(of(&self.launch_templates, region))
            .chain(of(&self.security_groups, region))
            .chain(of(&self.snapshots, region))
            .chain(of(&self.spot_requests, region))
            .chain(of(&self.subnets, region))
            .chain(of(&self.connect_endpoints, region))
            .chain(of(&self.volumes, region))
            .chain(of(&self.vpcs, region))
            .collect()
    }
}
