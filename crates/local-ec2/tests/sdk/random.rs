//! A random sequence of calls, with a model beside it: after each call, what is
//! described is what the model says, whether or not the server was restarted.

use std::collections::{BTreeMap, BTreeSet};

use aws_sdk_ec2::types::InstanceType;
use proptest::prelude::*;
use proptest::sample::Index;

use crate::bench::{Bench, code, eventually, tag};

/// One call, about whichever of the resources there are.
#[derive(Debug, Clone)]
enum Step {
    Run { image: Index },
    Stop { instance: Index },
    Start { instance: Index },
    Reboot { instance: Index },
    Terminate { instance: Index },
    Create { instance: Index, no_reboot: bool },
    Copy { image: Index },
    Deregister { image: Index, snapshots: bool },
    DeleteSnapshot { snapshot: Index },
    Tag { image: Index },
    Restart,
}

fn step() -> impl Strategy<Value = Step> {
    let any = any::<Index>;
    prop_oneof![
        3 => any().prop_map(|image| Step::Run { image }),
        2 => any().prop_map(|instance| Step::Stop { instance }),
        2 => any().prop_map(|instance| Step::Start { instance }),
        1 => any().prop_map(|instance| Step::Reboot { instance }),
        2 => any().prop_map(|instance| Step::Terminate { instance }),
        4 => (any(), proptest::bool::ANY)
            .prop_map(|(instance, no_reboot)| Step::Create { instance, no_reboot }),
        1 => any().prop_map(|image| Step::Copy { image }),
        2 => (any(), proptest::bool::ANY)
            .prop_map(|(image, snapshots)| Step::Deregister { image, snapshots }),
        2 => any().prop_map(|snapshot| Step::DeleteSnapshot { snapshot }),
        1 => any().prop_map(|image| Step::Tag { image }),
        2 => Just(Step::Restart),
    ]
}

/// What ought to be there.
#[derive(Debug, Default, Clone, PartialEq)]
struct World {
    /// The state of each instance.
    instances: BTreeMap<String, String>,
    /// The snapshot and the number of tags of each image.
    images: BTreeMap<String, (String, usize)>,
    snapshots: BTreeSet<String>,
    /// Instances that have a volume.
    volumes: BTreeSet<String>,
}

fn pick<'a>(keys: impl Iterator<Item = &'a String>, index: &Index) -> Option<String> {
    let keys: Vec<&String> = keys.collect();
    (!keys.is_empty()).then(|| index.get(&keys).to_string())
}

struct Run {
    bench: Bench,
    world: World,
    names: usize,
}

impl Run {
    async fn begin() -> Run {
        let bench = Bench::new().await;
        let world = observe(&bench).await;
        Run { bench, world, names: 0 }
    }

    fn name(&mut self) -> String {
        self.names += 1;
        format!("image-{}", self.names)
    }

    /// Takes a step, and the model with it.
    async fn take(&mut self, step: &Step) {
        match step {
            Step::Run { image } => self.run(image).await,
            Step::Stop { instance } => self.stop(instance).await,
            Step::Start { instance } => self.start(instance).await,
            Step::Reboot { instance } => self.reboot(instance).await,
            Step::Terminate { instance } => self.terminate(instance).await,
            Step::Create { instance, no_reboot } => self.create(instance, *no_reboot).await,
            Step::Copy { image } => self.copy(image).await,
            Step::Deregister { image, snapshots } => self.deregister(image, *snapshots).await,
            Step::DeleteSnapshot { snapshot } => self.delete_snapshot(snapshot).await,
            Step::Tag { image } => self.tag(image).await,
            Step::Restart => self.bench.restart().await,
        }
    }

    async fn run(&mut self, image: &Index) {
        let Some(image) = pick(self.world.images.keys(), image) else { return };
        self.bench.wait_for_image(&image, "available").await;
        let request = self.bench.client.run_instances().image_id(image).min_count(1).max_count(1);
        let answer = request.instance_type(InstanceType::T3Micro).send().await.unwrap();
        let id = answer.instances()[0].instance_id().unwrap().to_owned();
        self.world.volumes.insert(id.clone());
        self.world.instances.insert(id, "running".into());
    }

    async fn stop(&mut self, instance: &Index) {
        let Some(id) = pick(self.world.instances.keys(), instance) else { return };
        let answer = self.bench.client.stop_instances().instance_ids(&id).send().await;
        if self.world.instances[&id] == "terminated" {
            assert_eq!(code(answer), "IncorrectInstanceState");
        } else {
            answer.unwrap();
            self.world.instances.insert(id, "stopped".into());
        }
    }

    async fn start(&mut self, instance: &Index) {
        let Some(id) = pick(self.world.instances.keys(), instance) else { return };
        let answer = self.bench.client.start_instances().instance_ids(&id).send().await;
        if self.world.instances[&id] == "terminated" {
            assert_eq!(code(answer), "IncorrectInstanceState");
        } else {
            answer.unwrap();
            self.world.instances.insert(id, "running".into());
        }
    }

    async fn reboot(&mut self, instance: &Index) {
        let Some(id) = pick(self.world.instances.keys(), instance) else { return };
        let answer = self.bench.client.reboot_instances().instance_ids(&id).send().await;
        if self.world.instances[&id] == "running" {
            answer.unwrap();
        } else {
            assert_eq!(code(answer), "IncorrectInstanceState");
        }
    }

    async fn terminate(&mut self, instance: &Index) {
        let Some(id) = pick(self.world.instances.keys(), instance) else { return };
        self.bench.client.terminate_instances().instance_ids(&id).send().await.unwrap();
        self.world.volumes.remove(&id);
        self.world.instances.insert(id, "terminated".into());
    }

    async fn create(&mut self, instance: &Index, no_reboot: bool) {
        let Some(id) = pick(self.world.instances.keys(), instance) else { return };
        let name = self.name();
        let request = self.bench.client.create_image().instance_id(&id).name(name);
        let answer = request.no_reboot(no_reboot).send().await;
        if self.world.instances[&id] == "terminated" {
            assert_eq!(code(answer), "IncorrectState");
        } else {
            self.add_image(answer.unwrap().image_id.unwrap()).await;
        }
    }

    async fn copy(&mut self, image: &Index) {
        let Some(source) = pick(self.world.images.keys(), image) else { return };
        self.bench.wait_for_image(&source, "available").await;
        let name = self.name();
        let request = self.bench.client.copy_image().name(name).source_image_id(source);
        let answer = request.source_region("us-east-1").send().await.unwrap();
        self.add_image(answer.image_id.unwrap()).await;
    }

    async fn add_image(&mut self, id: String) {
        let snapshot = self.bench.snapshot_of(&id).await;
        assert!(self.world.snapshots.insert(snapshot.clone()), "a snapshot of its own");
        self.world.images.insert(id, (snapshot, 0));
    }

    async fn deregister(&mut self, image: &Index, snapshots: bool) {
        let Some(id) = pick(self.world.images.keys(), image) else { return };
        let request = self.bench.client.deregister_image().image_id(&id);
        request.delete_associated_snapshots(snapshots).send().await.unwrap();
        let (snapshot, _) = self.world.images.remove(&id).unwrap();
        if snapshots {
            self.world.snapshots.remove(&snapshot);
        }
    }

    async fn delete_snapshot(&mut self, snapshot: &Index) {
        let Some(id) = pick(self.world.snapshots.iter(), snapshot) else { return };
        let answer = self.bench.client.delete_snapshot().snapshot_id(&id).send().await;
        if self.world.images.values().any(|(used, _)| *used == id) {
            assert_eq!(code(answer), "InvalidSnapshot.InUse");
        } else {
            answer.unwrap();
            self.world.snapshots.remove(&id);
        }
    }

    async fn tag(&mut self, image: &Index) {
        let Some(id) = pick(self.world.images.keys(), image) else { return };
        let request = self.bench.client.create_tags().resources(&id).tags(tag("a", "b"));
        request.send().await.unwrap();
        self.world.images.get_mut(&id).unwrap().1 = 1;
    }

    /// Every image that is left boots, whatever became of those that it shared layers with.
    async fn boot_all(&mut self) {
        let images: Vec<String> = self.world.images.keys().cloned().collect();
        for image in images {
            let id = self.bench.launch(&image).await;
            self.bench.wait_for_state(&id, "running").await;
        }
    }

    /// Waits until nothing changes any more, and compares.
    async fn compare(&self) {
        let looking = eventually(async || (observe(&self.bench).await == self.world).then_some(()));
        let found = tokio::time::timeout(std::time::Duration::from_secs(15), looking).await;
        if found.is_err() {
            assert_eq!(observe(&self.bench).await, self.world, "what is described is the model");
        }
    }
}

async fn observe(bench: &Bench) -> World {
    let mut world = World::default();
    let answer = bench.client.describe_instances().send().await.unwrap();
    for instance in answer.reservations().iter().flat_map(|it| it.instances()) {
        let id = instance.instance_id().unwrap().to_owned();
        let state = instance.state().unwrap().name().unwrap().as_str().to_owned();
        assert!(instance.block_device_mappings().len() <= 1);
        world.instances.insert(id, state);
    }
    for image in bench.client.describe_images().send().await.unwrap().images() {
        let mapping = image.block_device_mappings()[0].ebs().unwrap();
        let snapshot = mapping.snapshot_id().unwrap().to_owned();
        // One that is pending is not what the model has.
        let snapshot = match image.state().unwrap().as_str() {
            "available" => snapshot,
            state => format!("{snapshot} {state}"),
        };
        world.images.insert(image.image_id().unwrap().to_owned(), (snapshot, image.tags().len()));
    }
    for snapshot in bench.client.describe_snapshots().send().await.unwrap().snapshots() {
        let id = snapshot.snapshot_id().unwrap().to_owned();
        world.snapshots.insert(match snapshot.state().unwrap().as_str() {
            "completed" => id,
            state => format!("{id} {state}"),
        });
    }
    for volume in bench.client.describe_volumes().send().await.unwrap().volumes() {
        for attachment in volume.attachments() {
            world.volumes.insert(attachment.instance_id().unwrap().to_owned());
        }
    }
    world
}

/// Few enough for every test run; PROPTEST_CASES asks for more.
fn cases() -> u32 {
    std::env::var("PROPTEST_CASES").ok().and_then(|text| text.parse().ok()).unwrap_or(12)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: cases(), max_shrink_iters: 20, ..ProptestConfig::default() })]

    #[test]
    fn what_is_described_is_what_was_asked_for(
        steps in proptest::collection::vec(step(), 1..25),
        hurried in proptest::bool::ANY,
    ) {
        let runtime = tokio::runtime::Runtime::new().unwrap();
        runtime.block_on(async {
            let mut run = Run::begin().await;
            for step in &steps {
                run.take(step).await;
                // Now and then the next call comes while the last one is still at work;
                // only a restart may come at any time.
                if !(hurried && matches!(step, Step::Create { .. } | Step::Copy { .. } | Step::Reboot { .. })) {
                    run.compare().await;
                }
            }
            run.compare().await;
            run.boot_all().await;
        });
    }
}
