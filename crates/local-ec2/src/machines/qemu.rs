//! Instances that are QEMU virtual machines.

use std::collections::HashMap;
use std::net::{Ipv4Addr, TcpListener};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use qemu_machine::{
    Accelerator, Architecture, GuestNetwork, Identity, Machine, MachineSpec, PortForward, accel,
    disk,
};
use tokio::net::TcpStream;
use tokio::sync::OnceCell;
use tokio_util::sync::CancellationToken;

use super::{Boot, Exit, Line, MachineResult, Machines};
use crate::instance_type::InstanceType;

/// The port of sshd in the guest.
const GUEST_SSH_PORT: u16 = 22;

/// Where machines live and what they are given.
#[derive(Debug, Clone)]
pub(crate) struct QemuOptions {
    /// Disk layers.
    pub(crate) layers: PathBuf,
    /// A run folder for each instance.
    pub(crate) run: PathBuf,
    /// The port of an instance's address that leads to its sshd, past its security groups.
    pub(crate) inner_port: u16,
    /// The command that relays a metadata connection; the socket's path is added.
    pub(crate) metadata_relay: Vec<String>,
}

/// All QEMU machines of one server.
#[derive(Debug)]
pub(crate) struct QemuMachines {
    options: QemuOptions,
    accelerator: OnceCell<Accelerator>,
    running: Mutex<HashMap<String, Arc<Machine>>>,
    /// The addresses at which machines are reached, by instance.
    addresses: Mutex<HashMap<String, Ipv4Addr>>,
}

impl QemuMachines {
    pub(crate) fn new(options: QemuOptions) -> Self {
        QemuMachines {
            options,
            accelerator: OnceCell::new(),
            running: Mutex::default(),
            addresses: Mutex::default(),
        }
    }

    /// The trial of KVM takes seconds where it fails, so it is made once a server.
    async fn accelerator(&self) -> Accelerator {
        *self.accelerator.get_or_init(|| accel::probe(&self.options.run)).await
    }

    fn layer_path(&self, layer: &str) -> PathBuf {
        self.options.layers.join(format!("{layer}.qcow2"))
    }

    fn run_dir(&self, instance_id: &str) -> PathBuf {
        self.options.run.join(instance_id)
    }

    fn machine(&self, instance_id: &str) -> Option<Arc<Machine>> {
        self.running.lock().expect("no panic holds this lock").get(instance_id).cloned()
    }

    fn keep(&self, boot: &Boot, machine: Machine) {
        let mut addresses = self.addresses.lock().expect("no panic holds this lock");
        addresses.insert(boot.instance_id.clone(), boot.address);
        let mut running = self.running.lock().expect("no panic holds this lock");
        running.insert(boot.instance_id.clone(), Arc::new(machine));
    }

    async fn spec(&self, boot: &Boot) -> MachineResult<MachineSpec> {
        let size = InstanceType::parse(&boot.instance_type)
            .ok_or_else(|| format!("the instance type {} is not known", boot.instance_type))?;
        let host = size.on_this_host();
        let command = self.options.metadata_relay.iter().cloned();
        let socket = self.run_dir(&boot.instance_id).join("imds.sock");
        let command = command.chain([socket.to_string_lossy().into_owned()]).collect();
        let architecture = architecture(&boot.architecture)?;
        Ok(MachineSpec {
            dir: self.run_dir(&boot.instance_id),
            name: boot.instance_id.clone(),
            cpus: host.vcpus,
            memory_mib: host.memory_mib,
            architecture,
            accelerator: architecture.accelerator(self.accelerator().await),
            disks: boot.layers.iter().map(|layer| self.layer_path(layer)).collect(),
            identity: identity(&boot.instance_id, &boot.instance_type),
            network: GuestNetwork {
                mac: boot.mac.clone(),
                address: boot.address,
                forwards: vec![PortForward {
                    host: self.options.inner_port,
                    guest: GUEST_SSH_PORT,
                }],
                metadata_command: Some(command),
            },
        })
    }
}

/// cloud-init takes a machine for EC2 when UUID and serial begin with `ec2`
/// (ds-identify, `ec2_identify_platform`).
fn identity(instance_id: &str, instance_type: &str) -> Identity {
    let digits: String = instance_id.chars().filter(char::is_ascii_hexdigit).collect();
    let digits = format!("{digits:0>20}");
    let uuid = format!(
        "ec2{}-{}-4{}-8{}-{}",
        &digits[0..5],
        &digits[5..9],
        &digits[9..12],
        &digits[12..15],
        format_args!("{:0>12}", &digits[15..])
    );
    Identity {
        serial: uuid.clone(),
        uuid,
        manufacturer: "Amazon EC2".into(),
        product: instance_type.into(),
    }
}

/// By EC2's name.
fn architecture(name: &str) -> MachineResult<Architecture> {
    match name {
        "x86_64" => Ok(Architecture::X86_64),
        "arm64" => Ok(Architecture::Arm64),
        _ => Err(format!("there are no virtual machines of {name}, only of x86_64 and arm64")),
    }
}

/// Whether PATH has a program.
pub(crate) fn is_installed(program: &str) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path).any(|folder| folder.join(program).is_file())
}

fn text(error: qemu_machine::Error) -> String {
    use std::error::Error as _;
    match error.source() {
        Some(source) => format!("{error}: {source}"),
        None => error.to_string(),
    }
}

#[async_trait]
impl Machines for QemuMachines {
    async fn describe(&self) -> String {
        match self.accelerator().await {
            Accelerator::Kvm => "qemu (kvm)".into(),
            Accelerator::Tcg => "qemu (tcg)".into(),
        }
    }

    fn check(&self, name: &str) -> MachineResult<()> {
        let architecture = architecture(name)?;
        let firmware = architecture.firmware();
        if is_installed(architecture.system()) && firmware.is_none_or(Path::is_file) {
            return Ok(());
        }
        Err(format!(
            "virtual machines of {name} need {} and its firmware, which are not installed \
             (apt-get install qemu-system-arm qemu-efi-aarch64)",
            architecture.system()
        ))
    }

    async fn create_layer(
        &self,
        layer: &str,
        parent: Option<&str>,
        size_gib: u64,
    ) -> MachineResult<()> {
        let wanted = size_gib << 30;
        let Some(parent) = parent else {
            return disk::create_empty(&self.layer_path(layer), wanted).await.map_err(text);
        };
        let parent = self.layer_path(parent);
        let below = disk::info(&parent).await.map_err(text)?.virtual_size;
        let size = (wanted > below).then_some(wanted);
        disk::create_layer(&self.layer_path(layer), &parent, size).await.map_err(text)
    }

    async fn import_layer(&self, layer: &str, file: &Path) -> MachineResult<u64> {
        let path = self.layer_path(layer);
        disk::import(file, &path).await.map_err(text)?;
        Ok(disk::info(&path).await.map_err(text)?.virtual_size)
    }

    async fn delete_layer(&self, layer: &str) {
        let path = self.layer_path(layer);
        if let Err(error) = tokio::fs::remove_file(&path).await
            && error.kind() != std::io::ErrorKind::NotFound
        {
            tracing::warn!("failed to delete {}: {error}", path.display());
        }
    }

    async fn layers_on_disk(&self) -> Vec<String> {
        let entries = std::fs::read_dir(&self.options.layers).into_iter().flatten().flatten();
        let names = entries.map(|entry| entry.file_name().to_string_lossy().into_owned());
        names.filter_map(|name| name.strip_suffix(".qcow2").map(String::from)).collect()
    }

    async fn start(&self, boot: &Boot) -> MachineResult<()> {
        // A server that was killed while it started the machine may have got that far.
        if self.attach(boot).await {
            return Ok(());
        }
        let spec = self.spec(boot).await?;
        match Machine::start(&spec).await {
            Ok(machine) => self.keep(boot, machine),
            Err(_) if self.attach(boot).await => {}
            Err(error) => return Err(text(error)),
        }
        Ok(())
    }

    async fn attach(&self, boot: &Boot) -> bool {
        match Machine::attach(&self.run_dir(&boot.instance_id)).await {
            Some(machine) => {
                self.keep(boot, machine);
                true
            }
            None => false,
        }
    }

    async fn is_running(&self, instance_id: &str) -> bool {
        self.machine(instance_id).is_some_and(|machine| machine.is_running())
    }

    async fn power_button(&self, instance_id: &str) {
        if let Some(machine) = self.machine(instance_id) {
            let _ = machine.press_power_button().await;
        }
    }

    async fn kill(&self, instance_id: &str) {
        if let Some(machine) = self.machine(instance_id) {
            machine.kill().await;
        }
    }

    async fn exited(&self, instance_id: &str) -> Exit {
        match self.machine(instance_id) {
            Some(machine) => machine.exited().await,
            None => Exit::Host,
        }
    }

    async fn switch_layer(&self, instance_id: &str, disk: usize, layer: &str) -> MachineResult<()> {
        let machine = self.machine(instance_id).ok_or("the machine has ended")?;
        machine.switch_disk(disk, &self.layer_path(layer)).await.map_err(text)
    }

    async fn writes_to(&self, instance_id: &str, disk: usize, layer: &str) -> bool {
        match self.machine(instance_id) {
            Some(machine) => machine.disk_file(disk).await == Some(self.layer_path(layer)),
            None => false,
        }
    }

    async fn written_bytes(&self, instance_id: &str) -> Option<u64> {
        self.machine(instance_id)?.written_bytes().await
    }

    fn console(&self, instance_id: &str) -> Vec<u8> {
        std::fs::read(MachineSpec::console(&self.run_dir(instance_id))).unwrap_or_default()
    }

    async fn image_pause(&self, _: Option<&str>) {}

    fn metadata_socket(&self, instance_id: &str) -> Option<PathBuf> {
        Some(self.run_dir(instance_id).join("imds.sock"))
    }

    fn address_is_free(&self, address: Ipv4Addr) -> bool {
        TcpListener::bind((address, self.options.inner_port)).is_ok()
    }

    /// QEMU takes connections for a guest that does not listen yet, and ends them when it refuses.
    async fn until_sshd_listens(&self, _: &str) {}

    async fn connect(&self, instance_id: &str) -> std::io::Result<Line> {
        let address = {
            let addresses = self.addresses.lock().expect("no panic holds this lock");
            addresses.get(instance_id).copied()
        };
        let address = address.ok_or(std::io::ErrorKind::NotConnected)?;
        let stream = TcpStream::connect((address, self.options.inner_port)).await?;
        stream.set_nodelay(true)?;
        Ok(Line { stream: Box::new(stream), cut: CancellationToken::new() })
    }

    async fn forget(&self, instance_id: &str) {
        self.running.lock().expect("no panic holds this lock").remove(instance_id);
        self.addresses.lock().expect("no panic holds this lock").remove(instance_id);
        let _ = tokio::fs::remove_dir_all(self.run_dir(instance_id)).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_identity_is_a_uuid_that_cloud_init_takes_for_ec2() {
        let identity = identity("i-0123456789abcdef0", "t3.micro");
        assert!(identity.uuid.starts_with("ec2"), "{}", identity.uuid);
        let lengths: Vec<usize> = identity.uuid.split('-').map(str::len).collect();
        assert_eq!(lengths, [8, 4, 4, 4, 12]);
        assert_ne!(identity.uuid, super::identity("i-0123456789abcdef1", "t3.micro").uuid);
    }
}
