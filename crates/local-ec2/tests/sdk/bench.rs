//! A server of its own for each test, and short ways to ask it.

use std::time::Duration;

use aws_config::{BehaviorVersion, Region};
use aws_credential_types::Credentials;
use aws_sdk_ec2::Client;
use aws_sdk_ec2::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_ec2::types::{
    Filter, Instance, InstanceType, ResourceType, Tag, TagSpecification, Volume,
};
use local_ec2::{
    Delays, Endpoint, Faults, Folder, MachineKind, Reply, Request, ServerConfig, serve,
};
use tempfile::TempDir;
use tokio::runtime::Runtime;
use tokio_util::sync::CancellationToken;

/// How long anything may take that is to happen by itself; only a failure takes so long.
const PATIENCE: Duration = Duration::from_secs(20);

/// How long deleted images and snapshots can be brought back.
const RECYCLE_BIN: Option<Duration> = Some(Duration::from_secs(3600));

/// A server with simulated machines, and a client.
pub(crate) struct Bench {
    pub(crate) client: Client,
    pub(crate) endpoint: Endpoint,
    folder: TempDir,
    delays: Delays,
    packet_filters: bool,
    /// The server's own runtime: ending it ends all that the server does, as a kill would.
    server: Option<Runtime>,
}

impl Drop for Bench {
    fn drop(&mut self) {
        if let Some(server) = self.server.take() {
            server.shutdown_background();
        }
    }
}

impl Bench {
    pub(crate) async fn new() -> Bench {
        Bench::with_delays(Delays::default()).await
    }

    pub(crate) async fn with_delays(delays: Delays) -> Bench {
        Bench::with(delays, true).await
    }

    /// As for users whom the kernel allows no packet filters.
    pub(crate) async fn without_packet_filters() -> Bench {
        Bench::with(Delays::default(), false).await
    }

    async fn with(delays: Delays, packet_filters: bool) -> Bench {
        let folder = tempfile::tempdir().unwrap();
        let (server, endpoint) = start(&folder, delays, packet_filters).await;
        let client = client(&endpoint, &endpoint.secret_access_key);
        Bench { client, endpoint, folder, delays, packet_filters, server: Some(server) }
    }

    /// Asks what only the owner of the folder may.
    pub(crate) async fn control(&self, request: Request) -> Reply {
        local_ec2::call(&Folder::new(self.folder.path()), &request).await.unwrap()
    }

    /// Lets things go wrong.
    pub(crate) async fn fault(&self, faults: Faults) {
        assert_eq!(self.control(Request::SetFaults(faults.clone())).await, Reply::Faults(faults));
    }

    /// Cuts the server off wherever it is, and starts it again on the same folder.
    pub(crate) async fn restart(&mut self) {
        let server = self.server.take().unwrap();
        tokio::task::spawn_blocking(move || server.shutdown_timeout(PATIENCE)).await.unwrap();
        let (server, endpoint) = start(&self.folder, self.delays, self.packet_filters).await;
        assert_eq!(endpoint, self.endpoint, "address and key stay");
        self.server = Some(server);
    }

    /// The base image that simulated machines come with.
    pub(crate) async fn base(&self) -> String {
        let answer = self.client.describe_images().send().await.unwrap();
        let images = answer.images.unwrap();
        let base =
            images.into_iter().find(|image| image.name() == Some("debian-12-amd64-simulated"));
        base.unwrap().image_id.unwrap()
    }

    /// Lets everybody on this machine in to instances of the default group.
    pub(crate) async fn let_in(&self) {
        let request = self.client.authorize_security_group_ingress().group_name("default");
        let request = request.ip_protocol("tcp").from_port(22).to_port(22).cidr_ip("127.0.0.1/32");
        request.send().await.unwrap();
    }

    /// Starts an instance and returns its id once it runs.
    pub(crate) async fn running_instance(&self) -> String {
        let id = self.launch(&self.base().await).await;
        self.wait_for_state(&id, "running").await;
        id
    }

    /// A subnet whose instances have no public address.
    pub(crate) async fn private_subnet(&self) -> String {
        self.subnet("127.96.7.0/24").await
    }

    pub(crate) async fn subnet(&self, cidr: &str) -> String {
        let vpcs = self.client.describe_vpcs().send().await.unwrap();
        let request = self.client.create_subnet().cidr_block(cidr);
        let request = request.set_vpc_id(vpcs.vpcs()[0].vpc_id.clone());
        request.send().await.unwrap().subnet.unwrap().subnet_id.unwrap()
    }

    /// An EC2 Instance Connect Endpoint that carries tunnels.
    pub(crate) async fn connect_endpoint(&self, subnet: &str) -> String {
        let request = self.client.create_instance_connect_endpoint().subnet_id(subnet);
        let endpoint = request.send().await.unwrap().instance_connect_endpoint.unwrap();
        let id = endpoint.instance_connect_endpoint_id.unwrap();
        eventually(async || {
            let describe = self.client.describe_instance_connect_endpoints();
            let answer = describe.instance_connect_endpoint_ids(&id).send().await.unwrap();
            let state = answer.instance_connect_endpoints()[0].state()?.as_str().to_owned();
            (state == "create-complete").then_some(())
        })
        .await;
        id
    }

    /// Starts an instance in a subnet.
    pub(crate) async fn launch_in(&self, subnet: &str) -> String {
        let request = self.client.run_instances().image_id(self.base().await).subnet_id(subnet);
        let request = request.instance_type(InstanceType::T3Micro).min_count(1).max_count(1);
        request.send().await.unwrap().instances()[0].instance_id().unwrap().to_owned()
    }

    pub(crate) async fn launch(&self, image: &str) -> String {
        let answer = self
            .client
            .run_instances()
            .image_id(image)
            .instance_type(InstanceType::T3Micro)
            .min_count(1)
            .max_count(1)
            .send()
            .await
            .unwrap();
        answer.instances()[0].instance_id().unwrap().to_owned()
    }

    pub(crate) async fn instance(&self, id: &str) -> Instance {
        let answer = self.client.describe_instances().instance_ids(id).send().await.unwrap();
        answer.reservations()[0].instances()[0].clone()
    }

    /// The root volume of an instance.
    pub(crate) async fn volume_of(&self, instance: &str) -> Volume {
        let mine = filter("attachment.instance-id", instance);
        let answer = self.client.describe_volumes().filters(mine).send().await.unwrap();
        answer.volumes()[0].clone()
    }

    /// The snapshot that an image stands on.
    pub(crate) async fn snapshot_of(&self, image: &str) -> String {
        let answer = self.client.describe_images().image_ids(image).send().await.unwrap();
        let mapping = &answer.images()[0].block_device_mappings()[0];
        mapping.ebs().unwrap().snapshot_id().unwrap().to_owned()
    }

    pub(crate) async fn wait_for_state(&self, id: &str, state: &str) {
        eventually(async || {
            self.instance(id).await.state?.name.filter(|name| name.as_str() == state).map(drop)
        })
        .await;
    }

    /// Makes an image of an instance and waits until it is available.
    pub(crate) async fn image_of(&self, instance: &str, name: &str) -> String {
        let answer =
            self.client.create_image().instance_id(instance).name(name).send().await.unwrap();
        let id = answer.image_id.unwrap();
        self.wait_for_image(&id, "available").await;
        id
    }

    pub(crate) async fn wait_for_image(&self, id: &str, state: &str) {
        eventually(async || {
            let answer = self.client.describe_images().image_ids(id).send().await.unwrap();
            let image = answer.images?.into_iter().next()?;
            image.state.filter(|it| it.as_str() == state).map(drop)
        })
        .await;
    }
}

/// A tag.
pub(crate) fn tag(key: &str, value: &str) -> Tag {
    Tag::builder().key(key).value(value).build()
}

/// A tag that new resources of a kind are to have.
pub(crate) fn tagged(kind: ResourceType, key: &str, value: &str) -> TagSpecification {
    TagSpecification::builder().resource_type(kind).tags(tag(key, value)).build()
}

/// A filter of one value.
pub(crate) fn filter(name: &str, value: &str) -> Filter {
    Filter::builder().name(name).values(value).build()
}

async fn start(folder: &TempDir, delays: Delays, packet_filters: bool) -> (Runtime, Endpoint) {
    let runtime = Runtime::new().unwrap();
    let place = Folder::new(folder.path());
    let config = ServerConfig {
        recycle_bin: RECYCLE_BIN,
        folder: place.clone(),
        port: None,
        ssh_port: 2222,
        packet_filters,
        machines: MachineKind::Simulated { delays, answers: Vec::new() },
        metadata_relay: Vec::new(),
    };
    runtime.spawn(async move { serve(config, CancellationToken::new()).await.unwrap() });
    let endpoint = eventually(async || {
        local_ec2::call(&place, &local_ec2::Request::Status).await.ok()?;
        place.endpoint().ok()?
    })
    .await;
    (runtime, endpoint)
}

/// A client of an endpoint, with a secret that may be wrong.
pub(crate) fn client(endpoint: &Endpoint, secret: &str) -> Client {
    let key = Credentials::new(&endpoint.access_key_id, secret, None, None, "test");
    let config = aws_sdk_ec2::Config::builder()
        .behavior_version(BehaviorVersion::v2026_01_12())
        .region(Region::new("us-east-1"))
        .credentials_provider(key)
        .endpoint_url(endpoint.url())
        .http_client(aws_smithy_http_client::Builder::new().build_http())
        .build();
    Client::from_conf(config)
}

/// Looks until there is something.
pub(crate) async fn eventually<T>(mut look: impl AsyncFnMut() -> Option<T>) -> T {
    let looking = async {
        loop {
            if let Some(found) = look().await {
                return found;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::time::timeout(PATIENCE, looking).await.expect("it happens in time")
}

/// The code of a refusal.
pub(crate) fn code<T: std::fmt::Debug, E, R>(answer: Result<T, SdkError<E, R>>) -> String
where
    E: ProvideErrorMetadata + std::fmt::Debug,
    R: std::fmt::Debug,
{
    let error = answer.expect_err("a refusal");
    error.code().map(String::from).unwrap_or_else(|| panic!("an error code in {error:?}"))
}
