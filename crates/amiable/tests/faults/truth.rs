//! What there really is, asked of the endpoint itself; and what must be true of it.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use aws_config::{BehaviorVersion, Region};
use aws_credential_types::Credentials;
use aws_sdk_ec2::Client;
use aws_sdk_ec2::types::{Image, InstanceStateName};
use local_ec2::{Folder, Reply, Request};

use crate::farm::Farm;
use crate::operation::CONSUMERS;

/// How long is waited for what was requested to come to pass.
const PATIENCE: Duration = Duration::from_secs(10);

/// The other region, where one is.
const ELSEWHERE: &str = "eu-west-1";

/// What there is, in both regions.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Truth {
    /// Images by id: their state.
    pub(crate) images: BTreeMap<String, String>,
    /// The template's current AMI, as `amiable` says.
    pub(crate) current: Option<String>,
    /// Its generation: a copy of it has the same.
    pub(crate) generation: Option<u64>,
    /// The generation that is current in the other region.
    pub(crate) elsewhere: Option<u64>,
    /// How many have failed verification.
    pub(crate) quarantined: usize,
    /// Images of amiable's that are neither current, nor previous, nor quarantined.
    pub(crate) unproven: Vec<String>,
    /// The places that consumers are, by the AMI that they name.
    pub(crate) named: BTreeMap<String, Vec<String>>,
    pub(crate) snapshots: BTreeSet<String>,
    /// Those that no image stands on.
    pub(crate) orphans: Vec<String>,
    pub(crate) volumes: Vec<String>,
    pub(crate) instances: Vec<String>,
    pub(crate) key_pairs: Vec<String>,
    /// Rules that let somebody in to machines.
    pub(crate) let_in: Vec<String>,
}

/// Asks the control socket of a farm's endpoint.
pub(crate) fn ask(farm: &Farm, request: &Request) -> Reply {
    runtime().block_on(local_ec2::call(&folder(farm), request)).unwrap()
}

fn folder(farm: &Farm) -> Folder {
    Folder::new(farm.path("local"))
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap()
}

async fn client(folder: &Folder, region: &'static str) -> Client {
    let endpoint = folder.endpoint().unwrap().unwrap();
    let key =
        Credentials::new(&endpoint.access_key_id, &endpoint.secret_access_key, None, None, "local");
    let http = aws_smithy_http_client::Builder::new().build_http();
    let config = aws_config::defaults(BehaviorVersion::v2026_01_12())
        .http_client(http)
        .endpoint_url(endpoint.url())
        .credentials_provider(key)
        .region(Region::new(region))
        .load()
        .await;
    Client::new(&config)
}

/// Writes a tag, as somebody else.
pub(crate) fn tag(farm: &Farm, id: &str, key: &str, value: &str) {
    runtime().block_on(async {
        let client = client(&folder(farm), "us-east-1").await;
        let tag = aws_sdk_ec2::types::Tag::builder().key(key).value(value).build();
        client.create_tags().resources(id).tags(tag).send().await.unwrap();
    });
}

impl Truth {
    /// All consumers of `roll` name the current AMI, and nothing names another one.
    pub(crate) fn all_is_rolled(&self) -> Result<(), String> {
        let rolled = self.named.len() == 1
            && self
                .current
                .as_ref()
                .and_then(|id| self.named.get(id))
                .is_some_and(|it| it.len() == CONSUMERS.len());
        if rolled { Ok(()) } else { Err(format!("not all is rolled: {:?}", self.named)) }
    }

    /// Each of them names some AMI.
    pub(crate) fn nothing_is_lost(&self) -> Result<(), String> {
        let count: usize = self.named.values().map(Vec::len).sum();
        if count >= CONSUMERS.len() {
            Ok(())
        } else {
            Err(format!("a consumer names nothing: {:?}", self.named))
        }
    }

    pub(crate) fn of(farm: &Farm) -> Truth {
        let list = farm
            .command("amiable", &["list", "--all-regions", "--output", "json"])
            .output()
            .unwrap();
        assert!(list.status.success(), "{list:?}");
        let amis: serde_json::Value = serde_json::from_slice(&list.stdout).unwrap();
        let mut truth = runtime().block_on(async {
            let here = Truth::ask(&client(&folder(farm), "us-east-1").await).await;
            here.and(Truth::ask(&client(&folder(farm), ELSEWHERE).await).await)
        });
        for ami in amis.as_array().unwrap() {
            let id = ami["ami"].as_str().unwrap().to_owned();
            for place in ami["used_by"].as_array().into_iter().flatten() {
                let place = place.as_str().unwrap().to_owned();
                truth.named.entry(id.clone()).or_default().push(place);
            }
            match ami["status"].as_str().unwrap() {
                "current" if ami["region"] == ELSEWHERE => {
                    truth.elsewhere = ami["generation"].as_u64();
                }
                "current" if ami["template"] == "agent" => {
                    truth.current = Some(id);
                    truth.generation = ami["generation"].as_u64();
                }
                "current" | "previous" => {}
                "quarantined" => truth.quarantined += 1,
                _ => truth.unproven.push(id),
            }
        }
        truth
    }

    /// What there is here and there.
    fn and(mut self, there: Truth) -> Truth {
        self.images.extend(there.images);
        self.snapshots.extend(there.snapshots);
        // What is in every region is seen twice.
        self.orphans.extend(there.orphans);
        self.orphans.sort();
        self.orphans.dedup();
        self.volumes.extend(there.volumes);
        self.instances.extend(there.instances);
        self.key_pairs.extend(there.key_pairs);
        self.let_in.extend(there.let_in);
        self
    }

    async fn ask(client: &Client) -> Truth {
        let images =
            client.describe_images().include_disabled(true).owners("self").send().await.unwrap();
        let images: Vec<Image> = images.images.unwrap_or_default();
        let snapshots = client.describe_snapshots().owner_ids("self").send().await.unwrap();
        let snapshots: BTreeSet<String> = snapshots
            .snapshots()
            .iter()
            .filter_map(|it| it.snapshot_id().map(String::from))
            .collect();
        let used: BTreeSet<&str> = images
            .iter()
            .flat_map(|image| image.block_device_mappings())
            .filter_map(|mapping| mapping.ebs()?.snapshot_id())
            .collect();
        let orphans = snapshots.iter().filter(|id| !used.contains(id.as_str())).cloned().collect();
        let volumes = client.describe_volumes().send().await.unwrap();
        let instances = client.describe_instances().send().await.unwrap();
        let key_pairs = client.describe_key_pairs().send().await.unwrap();
        let rules = client.describe_security_group_rules().send().await.unwrap();
        let let_in = rules.security_group_rules().iter().filter(|it| it.is_egress() == Some(false));
        // What a group's members may do among themselves lets nobody in.
        let let_in = let_in.filter(|it| it.referenced_group_info().is_none());
        let state = |image: &Image| image.state().map_or("", |it| it.as_str()).to_owned();
        Truth {
            images: images
                .iter()
                .map(|image| (image.image_id().unwrap_or_default().to_owned(), state(image)))
                .collect(),
            named: BTreeMap::new(),
            orphans,
            snapshots,
            volumes: volumes
                .volumes()
                .iter()
                .filter_map(|it| it.volume_id().map(String::from))
                .collect(),
            instances: instances
                .reservations()
                .iter()
                .flat_map(|it| it.instances())
                .filter(|it| {
                    it.state().and_then(|it| it.name()) != Some(&InstanceStateName::Terminated)
                })
                .filter_map(|it| it.instance_id().map(String::from))
                .collect(),
            key_pairs: key_pairs
                .key_pairs()
                .iter()
                .filter_map(|it| it.key_name().map(String::from))
                .collect(),
            let_in: let_in.filter_map(|it| it.security_group_rule_id().map(String::from)).collect(),
            ..Truth::default()
        }
    }

    /// What there is when what was requested has come to pass: EC2 ends machines later.
    pub(crate) fn settled(farm: &Farm) -> Truth {
        Truth::once(farm, Truth::nothing_is_left)
    }

    /// The same as far as machines go.
    pub(crate) fn settled_machines(farm: &Farm) -> Truth {
        Truth::once(farm, Truth::nothing_runs)
    }

    fn once(farm: &Farm, is_so: impl Fn(&Truth) -> Result<(), String>) -> Truth {
        let end = Instant::now() + PATIENCE;
        loop {
            let truth = Truth::of(farm);
            if is_so(&truth).is_ok() || Instant::now() > end {
                return truth;
            }
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    /// A launchable current AMI whenever there was one before.
    pub(crate) fn check_current(&self, farm: &Farm, before: &Truth) -> Result<(), String> {
        if before.current.is_none() {
            return Ok(());
        }
        let current = self.current.as_ref().ok_or("there is no current AMI any more")?;
        check_launchable(farm, current)
    }

    /// No machine runs or may be started again, with what goes with it.
    pub(crate) fn nothing_runs(&self) -> Result<(), String> {
        let left = [("instances run", &self.instances), ("volumes are there", &self.volumes)];
        match left.iter().find(|(_, ids)| !ids.is_empty()) {
            Some((what, ids)) => Err(format!("{what}: {}", ids.join(", "))),
            None => Ok(()),
        }
    }

    /// Nothing runs, nothing is without an owner, nothing is half done.
    pub(crate) fn nothing_is_left(&self) -> Result<(), String> {
        let left = [
            ("instances run", &self.instances),
            ("volumes are there", &self.volumes),
            ("snapshots have no image", &self.orphans),
            ("key pairs are there", &self.key_pairs),
            ("rules let somebody in", &self.let_in),
            ("images are neither current nor previous", &self.unproven),
        ];
        match left.iter().find(|(_, ids)| !ids.is_empty()) {
            Some((what, ids)) => Err(format!("{what}: {}", ids.join(", "))),
            None => Ok(()),
        }
    }
}

/// Whether an instance of an image really starts.
pub(crate) fn check_launchable(farm: &Farm, image: &str) -> Result<(), String> {
    runtime().block_on(async {
        let client = client(&folder(farm), "us-east-1").await;
        let run = client.run_instances().image_id(image).min_count(1).max_count(1);
        let run = run.instance_type("t3.micro".into()).send().await;
        let run = run.map_err(|error| format!("{image} cannot be launched: {error:?}"))?;
        let id = run.instances()[0].instance_id().unwrap().to_owned();
        let end = Instant::now() + PATIENCE;
        let state = loop {
            let found = client.describe_instances().instance_ids(&id).send().await.unwrap();
            let state = found.reservations()[0].instances()[0].state().unwrap().name().cloned();
            if state != Some(InstanceStateName::Pending) || Instant::now() > end {
                break state;
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        };
        client.terminate_instances().instance_ids(&id).send().await.unwrap();
        match state {
            Some(InstanceStateName::Running) => Ok(()),
            other => Err(format!("an instance of {image} is {other:?}")),
        }
    })
}
