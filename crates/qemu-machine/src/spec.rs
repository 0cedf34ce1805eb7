//! What a machine is made of, and the QEMU command line that says so.

use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};

use crate::{Accelerator, Architecture};

/// A machine to be started.
#[derive(Debug, Clone)]
pub struct MachineSpec {
    /// The machine's run folder: console, monitor socket and pid live here.
    pub dir: PathBuf,
    /// Shown in the host's process list.
    pub name: String,
    /// Virtual CPUs.
    pub cpus: u32,
    /// Memory, in MiB.
    pub memory_mib: u64,
    /// Its processor's.
    pub architecture: Architecture,
    /// How the guest's code is run.
    pub accelerator: Accelerator,
    /// qcow2 disks in the order of the bus; the first is the one to boot from.
    pub disks: Vec<PathBuf>,
    /// What the guest reads of itself in SMBIOS.
    pub identity: Identity,
    /// The guest's network card and what it reaches.
    pub network: GuestNetwork,
}

/// SMBIOS system information (type 1).
#[derive(Debug, Clone)]
pub struct Identity {
    /// A UUID in its usual text form.
    pub uuid: String,
    /// The system's serial number.
    pub serial: String,
    /// The system's manufacturer.
    pub manufacturer: String,
    /// The system's product name.
    pub product: String,
}

/// A user-mode network: the guest reaches out through the host, and is reached
/// through forwarded ports on one loopback address.
#[derive(Debug, Clone)]
pub struct GuestNetwork {
    /// The card's MAC address, in its usual text form.
    pub mac: String,
    /// The loopback address of the host that stands for this guest.
    pub address: Ipv4Addr,
    /// Ports of that address that lead into the guest.
    pub forwards: Vec<PortForward>,
    /// A command that serves one HTTP connection to 169.254.169.254 on its
    /// standard input and output; it is started once for each connection.
    pub metadata_command: Option<Vec<String>>,
}

/// One forwarded TCP port.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PortForward {
    /// The port on [`GuestNetwork::address`].
    pub host: u16,
    /// The port in the guest.
    pub guest: u16,
}

impl GuestNetwork {
    /// The guest's address in its own network.
    pub const GUEST: Ipv4Addr = GUEST;
    /// The host's address in a guest's network: what listens on the host's 127.0.0.1 is
    /// reached here.
    pub const GATEWAY: Ipv4Addr = GATEWAY;
}

const GUEST: Ipv4Addr = Ipv4Addr::new(169, 254, 2, 15);
const GATEWAY: Ipv4Addr = Ipv4Addr::new(169, 254, 2, 2);
/// EC2's own (<https://docs.aws.amazon.com/vpc/latest/userguide/AmazonDNS-concepts.html>).
const NAME_SERVER: Ipv4Addr = Ipv4Addr::new(169, 254, 169, 253);

impl MachineSpec {
    /// Where the serial console is written.
    #[must_use]
    pub fn console(dir: &Path) -> PathBuf {
        dir.join("console.log")
    }

    /// The QMP monitor's socket.
    pub(crate) fn monitor(dir: &Path) -> PathBuf {
        dir.join("qmp.sock")
    }

    /// The file that holds the process id.
    pub(crate) fn pid_file(dir: &Path) -> PathBuf {
        dir.join("qemu.pid")
    }

    /// The arguments for [`Architecture::system`].
    ///
    /// The machine boots through its own boot loader, by the disk and never by a
    /// kernel given from outside, so that a kernel upgrade in the image counts.
    pub(crate) fn arguments(&self) -> Vec<String> {
        let mut args: Vec<String> = Vec::new();
        let mut add = |flag: &str, value: String| args.extend([flag.to_owned(), value]);
        add("-name", format!("{},process={}", escape(&self.name), escape(&self.name)));
        add("-machine", self.architecture.machine().into());
        if let Some(firmware) = self.architecture.firmware() {
            add("-bios", firmware.to_string_lossy().into_owned());
        }
        add("-accel", self.accelerator.argument().into());
        add("-cpu", self.architecture.cpu(self.accelerator).into());
        add("-smp", self.cpus.to_string());
        add("-m", format!("{}M", self.memory_mib));
        add("-smbios", self.identity.argument());
        for (index, disk) in self.disks.iter().enumerate() {
            add(
                "-drive",
                format!(
                    "if=none,id=disk{index},format=qcow2,discard=ignore,detect-zeroes=on,file={}",
                    escape(&disk.to_string_lossy())
                ),
            );
            // As EBS has it: what a guest has written stays until it is overwritten.
            let no_trim = "discard=off,write-zeroes=off";
            let first = index + 1;
            let device = format!("virtio-blk-pci,drive=disk{index},bootindex={first},{no_trim}");
            add("-device", device);
        }
        add("-netdev", self.network.argument());
        // No option ROM: the guest never boots from the network, and it is a second saved.
        add("-device", format!("virtio-net-pci,netdev=net0,romfile=,mac={}", self.network.mac));
        add("-device", "virtio-rng-pci".into());
        add("-serial", format!("file:{}", escape(&Self::console(&self.dir).to_string_lossy())));
        add(
            "-qmp",
            format!(
                "unix:{},server=on,wait=off",
                escape(&Self::monitor(&self.dir).to_string_lossy())
            ),
        );
        add("-pidfile", Self::pid_file(&self.dir).to_string_lossy().into_owned());
        add("-display", "none".into());
        args.extend(["-nodefaults", "-no-user-config", "-daemonize"].map(String::from));
        args
    }
}

impl Identity {
    fn argument(&self) -> String {
        format!(
            "type=1,uuid={},serial={},manufacturer={},product={}",
            escape(&self.uuid),
            escape(&self.serial),
            escape(&self.manufacturer),
            escape(&self.product)
        )
    }
}

impl GuestNetwork {
    fn argument(&self) -> String {
        // The link-local network is where guests look for instance metadata.
        // QEMU's own choice of addresses in it is written down, as others rely on them.
        let mut text = format!(
            "user,id=net0,net=169.254.0.0/16,host={GATEWAY},dns={NAME_SERVER},dhcpstart={GUEST},ipv6=off"
        );
        for forward in &self.forwards {
            text += &format!(",hostfwd=tcp:{}:{}-:{}", self.address, forward.host, forward.guest);
        }
        if let Some(command) = &self.metadata_command {
            let words: Vec<String> = command.iter().map(|word| shell_quote(word)).collect();
            text += &format!(",guestfwd=tcp:169.254.169.254:80-cmd:{}", escape(&words.join(" ")));
        }
        text
    }
}

/// Doubles commas, which part the suboptions of a QEMU argument.
fn escape(value: &str) -> String {
    value.replace(',', ",,")
}

/// Quotes a word as `g_shell_parse_argv` reads it, which libslirp uses for `cmd:`.
fn shell_quote(word: &str) -> String {
    format!("'{}'", word.replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spec() -> MachineSpec {
        MachineSpec {
            dir: "/run/m,1".into(),
            name: "i-1".into(),
            cpus: 2,
            memory_mib: 1024,
            architecture: Architecture::X86_64,
            accelerator: Accelerator::Tcg,
            disks: vec!["/disks/root.qcow2".into(), "/disks/data.qcow2".into()],
            identity: Identity {
                uuid: "ec200000-0000-4000-8000-000000000000".into(),
                serial: "ec2-1".into(),
                manufacturer: "Amazon EC2".into(),
                product: "t3.micro".into(),
            },
            network: GuestNetwork {
                mac: "02:00:00:00:00:01".into(),
                address: Ipv4Addr::new(127, 1, 2, 3),
                forwards: vec![PortForward { host: 2222, guest: 22 }],
                metadata_command: Some(vec!["/opt/it's, here".into(), "relay".into()]),
            },
        }
    }

    #[test]
    fn commas_in_paths_do_not_end_a_suboption() {
        let args = spec().arguments();
        assert!(args.contains(&"file:/run/m,,1/console.log".to_owned()), "{args:?}");
    }

    #[test]
    fn the_metadata_command_is_quoted_for_the_shell_and_then_for_qemu() {
        assert_eq!(
            spec().network.argument(),
            "user,id=net0,net=169.254.0.0/16,host=169.254.2.2,dns=169.254.169.253,dhcpstart=169.254.2.15,\
             ipv6=off,hostfwd=tcp:127.1.2.3:2222-:22,\
             guestfwd=tcp:169.254.169.254:80-cmd:'/opt/it'\\''s,, here' 'relay'"
        );
    }

    #[test]
    fn the_first_disk_is_booted_first_and_no_kernel_is_given() {
        let args = spec().arguments();
        let first = |arg: &String| arg.starts_with("virtio-blk-pci,drive=disk0,bootindex=1,");
        assert!(args.iter().any(first), "{args:?}");
        assert!(!args.iter().any(|arg| arg == "-kernel"));
    }

    #[test]
    fn an_arm_machine_boots_through_its_firmware() {
        let args = MachineSpec { architecture: Architecture::Arm64, ..spec() }.arguments();
        let value =
            |flag| args.windows(2).find(|pair| pair[0] == flag).map(|pair| pair[1].as_str());
        assert_eq!(value("-machine"), Some("virt,usb=off"));
        assert_eq!(value("-cpu"), Some("neoverse-n1"));
        assert_eq!(value("-bios"), Some("/usr/share/qemu-efi-aarch64/QEMU_EFI.fd"));
        assert!(!spec().arguments().contains(&"-bios".to_owned()));
    }
}
