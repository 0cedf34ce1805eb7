//! The local endpoint with real machines: what it adds to QEMU, and what an image costs.

use std::io::Read;
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use aws_sdk_ec2::Client;
use aws_sdk_ec2::types::Image;
use tokio::runtime::Runtime;

use crate::agent::{Agent, aws, real_farm, succeed};
use crate::farm::Farm;
use crate::fleet::client;
use crate::report::{Report, Target};

/// Boots of each kind, interleaved.
const ROUNDS: usize = 3;
/// A boot that takes longer has failed.
const PATIENCE: Duration = Duration::from_secs(300);
/// Between two looks.
const PAUSE: Duration = Duration::from_millis(20);
/// Where bare QEMU has the guest's sshd.
const BARE: &str = "127.0.0.1:22922";

/// Boots, where these are wanted, and images.
pub(crate) fn local(report: &mut Report, with_boots: bool) {
    if std::env::var_os("AMIABLE_TEST_BASE_IMAGE").is_none() {
        println!("no AMIABLE_TEST_BASE_IMAGE: real machines are left out; `make bench` has one");
        return;
    }
    let (farm, base) = real_farm();
    let runtime = Runtime::new().expect("a runtime");
    if with_boots {
        boots(report, &farm, &base, &runtime);
    }
    images(report, &farm, &base, &runtime);
}

/// Templates that differ in what sealing does, and nothing else.
const SEALS: &str = r#"
[cloud]
endpoint = "local"
[naming]
namespace = "bench"
pattern = "{template}-{generation}"
[defaults]
system = "test"
os = "debian"
ssh_user = "debian"
instance_type = "t2.small"
base = { owner = "self", name = "base" }
source = { path = "source" }
script = "setup"
[template.nothing]
seal = { keep = ["login-keys", "cloud-init", "host-keys", "machine-id", "credentials", "histories", "package-caches", "logs"] }
[template.default]
[template.free-space]
seal = { also = ["free-space"] }
"#;
/// What sealing may write by default, in MiB.
const MOST_WRITTEN: f64 = 16.0;

/// How much a bake with an empty script writes to the builder's disk, until it is stopped.
pub(crate) fn written(report: &mut Report) {
    if std::env::var_os("AMIABLE_TEST_BASE_IMAGE").is_none() {
        return;
    }
    let (farm, _) = real_farm();
    farm.write("amiable.toml", SEALS);
    farm.write("source/setup", "true\n");
    report.section("What a bake writes to the builder's disk", &[
        "A base of 2 GiB with an empty script, from the boot to the stop, as QEMU counts it. What \
         sealing adds is what EBS and the snapshot have to take in.",
    ]);
    report.line("| sealed | written |");
    report.line("|---|---|");
    let mut of = |template: &str| {
        let create = ["create", template, "--no-verify"];
        let output = farm.command("amiable", &create).output().expect("it starts");
        let text = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.success(), "{text}");
        let (_, rest) = text.split_once("  instance ").expect("the builder's id");
        let id = rest.split_whitespace().next().unwrap_or_default();
        let logs = farm.stdout(&["local", "logs"]);
        let line = logs.lines().rfind(|it| it.contains(&format!("{id} has written ")));
        let bytes = line.and_then(|it| it.split(" has written ").nth(1)?.split(' ').next());
        let bytes: f64 = bytes.and_then(|it| it.parse().ok()).expect("a number of bytes");
        let mib = bytes / f64::from(1 << 20);
        report.line(&format!("| {template} | {mib:.1} MiB |"));
        mib
    };
    let (nothing, default) = (of("nothing"), of("default"));
    of("free-space");
    report.targets(&[Target {
        what: "MiB that sealing writes by default",
        wanted: MOST_WRITTEN,
        got: vec![default - nothing],
        decimals: 1,
        why: "",
    }]);
}

/// From RunInstances to the first words of sshd, beside QEMU alone with the same disk.
fn boots(report: &mut Report, farm: &Farm, base: &str, runtime: &Runtime) {
    let (without, disk) = without_cloud_init(farm, base);
    let client = client(farm);
    let mut rows = [const { Vec::new() }; 3];
    for round in 0..ROUNDS {
        rows[0].push(bare(farm, &disk));
        for (row, ami) in [(1, &*without), (2, base)] {
            let began = Instant::now();
            let (id, address) = runtime.block_on(launch(&client, ami));
            until_ssh(address);
            rows[row].push(began.elapsed());
            aws(farm, &["ec2", "terminate-instances", "--instance-ids", &id]);
            aws(farm, &["ec2", "wait", "instance-terminated", "--instance-ids", &id]);
        }
        println!("boots, round {round}: {rows:?}");
    }
    report.section("The local endpoint: from RunInstances to SSH, beside bare QEMU", &[
        "The time until sshd sends its greeting, in three interleaved rounds. The first two rows \
         use the same disk, a Debian 12 with cloud-init switched off, 2 CPUs and 2 GiB. The third \
         row is the base image with cloud-init and its metadata.",
    ]);
    let machines = farm.status()["machines"].as_str().unwrap_or_default().to_owned();
    report.line(&format!("Machines: {machines}.\n"));
    report.line("| what | each | median |");
    report.line("|---|---|---|");
    let names = ["bare QEMU", "RunInstances, without cloud-init", "RunInstances, with cloud-init"];
    for (name, mut times) in names.into_iter().zip(rows) {
        let each: Vec<String> = times.iter().map(seconds).collect();
        times.sort();
        report.line(&format!("| {name} | {} | {} |", each.join(", "), seconds(&times[1])));
    }
}

fn seconds(time: &Duration) -> String {
    format!("{:.2} s", time.as_secs_f64())
}

/// An AMI whose cloud-init does nothing any more, and its disk as a file of its own.
fn without_cloud_init(farm: &Farm, base: &str) -> (String, PathBuf) {
    let agent = Agent::start(farm, base);
    agent.ask("cloud-init status --wait; sudo touch /etc/cloud/cloud-init.disabled; sync");
    aws(farm, &["ec2", "stop-instances", "--instance-ids", &agent.id]);
    aws(farm, &["ec2", "wait", "instance-stopped", "--instance-ids", &agent.id]);
    let create = ["ec2", "create-image", "--instance-id", &agent.id, "--name", "bare"];
    let ami = aws(farm, &[&create[..], &["--query", "ImageId"]].concat());
    aws(farm, &["ec2", "wait", "image-available", "--image-ids", &ami]);
    agent.terminate();
    let layers = std::fs::read_dir(farm.path("local/layers")).expect("layers");
    let mut layers = layers.flatten().map(|it| it.path()).filter(|it| stands_on_another(it));
    let layer = layers.next().expect("the layer of the AMI, on the base's");
    assert_eq!(layers.next(), None, "and no other");
    let disk = farm.path("bare.qcow2");
    let mut convert = Command::new("qemu-img");
    convert.args(["convert", "-O", "qcow2"]).arg(layer).arg(&disk);
    succeed(convert);
    (ami, disk)
}

fn stands_on_another(layer: &Path) -> bool {
    let mut info = Command::new("qemu-img");
    info.args(["info", "-U"]).arg(layer);
    succeed(info).contains("backing file:")
}

/// Boots a new layer of a disk on QEMU alone, with the arguments of the endpoint's machines.
fn bare(farm: &Farm, disk: &Path) -> Duration {
    let layer = farm.path("layer.qcow2");
    let mut create = Command::new("qemu-img");
    create.args(["create", "-q", "-f", "qcow2", "-F", "qcow2", "-b"]).arg(disk).arg(&layer);
    succeed(create);
    let kvm = farm.status()["machines"].as_str().is_some_and(|it| it.contains("kvm"));
    let (accel, cpu) = if kvm { ("kvm", "host") } else { ("tcg,thread=multi", "max") };
    let drive = format!(
        "if=none,id=disk0,format=qcow2,discard=ignore,detect-zeroes=on,file={}",
        layer.display()
    );
    let net = format!("user,id=net0,ipv6=off,hostfwd=tcp:{BARE}-:22");
    let began = Instant::now();
    let mut qemu = Command::new("qemu-system-x86_64");
    qemu.args(["-machine", "q35,usb=off,vmport=off,hpet=off,graphics=off", "-accel", accel])
        .args(["-cpu", cpu, "-smp", "2", "-m", "2048M", "-drive", &drive])
        .args(["-device", "virtio-blk-pci,drive=disk0,bootindex=1", "-netdev", &net])
        .args(["-device", "virtio-net-pci,netdev=net0,romfile=", "-device", "virtio-rng-pci"])
        .args(["-serial", "null", "-display", "none", "-nodefaults", "-no-user-config"]);
    let mut qemu = Ended(qemu.stdout(Stdio::null()).spawn().expect("QEMU is installed"));
    until_ssh(BARE.parse().expect("an address"));
    let took = began.elapsed();
    qemu.0.kill().expect("it runs");
    took
}

/// A process that does not outlive the bench.
struct Ended(Child);

impl Drop for Ended {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

async fn launch(client: &Client, ami: &str) -> (String, SocketAddr) {
    let rule = client.authorize_security_group_ingress().group_name("default");
    let rule = rule.ip_protocol("tcp").from_port(22).to_port(22).cidr_ip("127.0.0.1/32");
    // Refused where it is there already.
    let _ = rule.send().await;
    let request = client.run_instances().image_id(ami).instance_type("t3.small".into());
    let request = request.min_count(1).max_count(1).key_name("tester");
    let answer = request.send().await.expect("it starts");
    let id = answer.instances()[0].instance_id().expect("an id").to_owned();
    let address = answer.instances()[0].private_ip_address().expect("an address");
    (id, SocketAddr::new(address.parse().expect("an address"), 2222))
}

/// Waits for the first words of an sshd.
fn until_ssh(address: SocketAddr) {
    let end = Instant::now() + PATIENCE;
    while !greets(address) {
        assert!(Instant::now() < end, "no sshd at {address}");
        std::thread::sleep(PAUSE);
    }
}

/// QEMU takes connections before the guest does.
fn greets(address: SocketAddr) -> bool {
    let Ok(mut stream) = TcpStream::connect_timeout(&address, Duration::from_secs(1)) else {
        return false;
    };
    let _ = stream.set_read_timeout(Some(Duration::from_secs(1)));
    let mut words = [0; 4];
    stream.read_exact(&mut words).is_ok() && &words == b"SSH-"
}

/// From CreateImage of a stopped instance to an available image, by the size of its disk.
fn images(report: &mut Report, farm: &Farm, base: &str, runtime: &Runtime) {
    report.section(
        "The local endpoint: CreateImage",
        &["The time from a stopped instance until the image is available, three runs each. \
         \"Written\" is how much the guest filled with random bytes beforehand. The base image has \
         2 GiB: it boots from no smaller disk."],
    );
    report.line("| disk | written | each |");
    report.line("|---|---|---|");
    let client = client(farm);
    for (size, mib) in [(2_u64, 256_u64), (20, 4096)] {
        let mapping = format!("DeviceName=/dev/xvda,Ebs={{VolumeSize={size}}}");
        let agent = Agent::start_with(farm, base, &["--block-device-mappings", &mapping]);
        agent.ask("cloud-init status --wait");
        let fill = format!(
            "head -c {mib}M /dev/urandom | sudo dd of=/filled bs=1M status=none; sync; stat -c %s \
             /filled"
        );
        assert_eq!(agent.ask(&fill), (mib << 20).to_string(), "all of it is written");
        aws(farm, &["ec2", "stop-instances", "--instance-ids", &agent.id]);
        aws(farm, &["ec2", "wait", "instance-stopped", "--instance-ids", &agent.id]);
        let times: Vec<String> = (0..ROUNDS)
            .map(|round| {
                let name = format!("of-{size}-{round}");
                seconds(&runtime.block_on(create_image(&client, &agent.id, &name)))
            })
            .collect();
        agent.terminate();
        report.line(&format!("| {size} GiB | {mib} MiB | {} |", times.join(", ")));
    }
}

async fn create_image(client: &Client, instance: &str, name: &str) -> Duration {
    let began = Instant::now();
    let answer = client.create_image().instance_id(instance).name(name).send().await;
    let id = answer.expect("it begins").image_id.expect("an id");
    loop {
        let answer = client.describe_images().image_ids(&id).send().await.expect("it is there");
        let state = |image: &Image| image.state().is_some_and(|it| it.as_str() == "available");
        if answer.images().first().is_some_and(state) {
            return began.elapsed();
        }
        assert!(began.elapsed() < PATIENCE, "{id} is not available");
        tokio::time::sleep(PAUSE / 4).await;
    }
}
