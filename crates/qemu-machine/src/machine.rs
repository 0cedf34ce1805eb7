//! A running QEMU process, started or found again.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use serde_json::json;
use tokio::process::Command;

use crate::disk::run;
use crate::qmp::Monitor;
use crate::{Error, MachineSpec};

/// How long QEMU may take to leave after `quit` before it is killed: it only has
/// to close its files.
const QUIT_DEADLINE: Duration = Duration::from_secs(5);

/// How long is waited before a guest that stands still for want of room tries again.
const ROOM_PAUSE: Duration = Duration::from_secs(5);

/// A machine that was running when this value was made.
#[derive(Debug)]
pub struct Machine {
    dir: PathBuf,
    monitor: Arc<Monitor>,
}

/// Why a machine ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    /// The guest powered itself off.
    Guest,
    /// It was stopped from outside, or QEMU died.
    Host,
}

impl Machine {
    /// Starts a machine. Its process outlives this program.
    ///
    /// # Errors
    /// When QEMU is missing or refuses the machine: a port in use, a disk that
    /// another process holds, no memory.
    pub async fn start(spec: &MachineSpec) -> Result<Machine, Error> {
        std::fs::create_dir_all(&spec.dir).map_err(Error::io("create", &spec.dir))?;
        // With -daemonize the process that is started here ends as soon as the
        // machine stands, and its exit status says whether it does.
        let mut command = Command::new(spec.architecture.system());
        command.args(spec.arguments()).stdin(std::process::Stdio::null());
        run(command, spec.architecture.system()).await?;
        let monitor = Monitor::connect(&MachineSpec::monitor(&spec.dir)).await?;
        Ok(Machine::new(&spec.dir, monitor))
    }

    /// Finds the machine whose run folder is `dir`; `None` when it runs no more.
    pub async fn attach(dir: &Path) -> Option<Machine> {
        let monitor = Monitor::connect(&MachineSpec::monitor(dir)).await.ok()?;
        // A guest that stood still for want of room does so still, and nobody is told again.
        let status = monitor.execute("query-status", json!({})).await;
        if status.is_ok_and(|status| status["status"] == "io-error") {
            let _ = monitor.execute("cont", json!({})).await;
        }
        Some(Machine::new(dir, monitor))
    }

    fn new(dir: &Path, monitor: Monitor) -> Machine {
        let monitor = Arc::new(monitor);
        tokio::spawn(go_on_when_there_is_room(dir.to_owned(), monitor.clone()));
        Machine { dir: dir.to_owned(), monitor }
    }

    /// Presses the ACPI power button: a guest that listens shuts down in order.
    ///
    /// # Errors
    /// When the machine has ended.
    pub async fn press_power_button(&self) -> Result<(), Error> {
        self.monitor.execute("system_powerdown", json!({})).await.map(drop)
    }

    /// Ends the machine at once, as if the power was cut. An ended machine is no error.
    pub async fn kill(&self) {
        let quit = self.monitor.execute("quit", json!({}));
        // `quit` may be answered or cut off; only the end of the process counts.
        let _ = tokio::time::timeout(QUIT_DEADLINE, quit).await;
        if tokio::time::timeout(QUIT_DEADLINE, self.exited()).await.is_err() {
            if let Some(pid) = self.pid() {
                let _ = kill_process(pid, Signal::KILL);
            }
            self.exited().await;
        }
    }

    /// Waits until the machine has ended and says who ended it.
    pub async fn exited(&self) -> Exit {
        let mut life = self.monitor.life.clone();
        let ended = life.wait_for(|life| life.ended).await;
        let reason = ended.ok().and_then(|life| life.shutdown_reason.clone());
        match reason.as_deref() {
            Some("guest-shutdown") => Exit::Guest,
            _ => Exit::Host,
        }
    }

    /// Whether the machine has not ended.
    #[must_use]
    pub fn is_running(&self) -> bool {
        !self.monitor.life.borrow().ended
    }

    /// Lets the machine write its `disk`th disk to `layer` from now on, which
    /// stands on what it wrote to until now.
    ///
    /// # Errors
    /// When the machine has ended or QEMU cannot use the layer.
    pub async fn switch_disk(&self, disk: usize, layer: &Path) -> Result<(), Error> {
        let arguments = json!({
            "device": format!("disk{disk}"),
            "snapshot-file": layer,
            "format": "qcow2",
            "mode": "existing",
        });
        self.monitor.execute("blockdev-snapshot-sync", arguments).await.map(drop)
    }

    /// The file that the machine writes its `disk`th disk to; `None` when it has ended.
    pub async fn disk_file(&self, disk: usize) -> Option<PathBuf> {
        let devices = self.monitor.execute("query-block", json!({})).await.ok()?;
        let name = format!("disk{disk}");
        let device = devices.as_array()?.iter().find(|device| device["device"] == name)?;
        device["inserted"]["file"].as_str().map(PathBuf::from)
    }

    /// How much the guest has written to its disks since it was started, in bytes; `None` when it
    /// has ended.
    pub async fn written_bytes(&self) -> Option<u64> {
        let devices = self.monitor.execute("query-blockstats", json!({})).await.ok()?;
        let devices = devices.as_array()?.iter();
        Some(devices.filter_map(|device| device["stats"]["wr_bytes"].as_u64()).sum())
    }

    fn pid(&self) -> Option<Pid> {
        let text = std::fs::read_to_string(MachineSpec::pid_file(&self.dir)).ok()?;
        Pid::from_raw(text.trim().parse().ok()?)
    }
}

/// QEMU halts a guest whose write finds the host's disk full, so that nothing is lost.
/// It is let go on now and then, until the write succeeds.
async fn go_on_when_there_is_room(dir: PathBuf, monitor: Arc<Monitor>) {
    let mut life = monitor.life.clone();
    loop {
        let stuck = life.wait_for(|life| life.stuck || life.ended).await;
        if !stuck.is_ok_and(|life| !life.ended) {
            return;
        }
        tracing::warn!(
            "the disk is full: the machine of {} is paused until there is",
            dir.display()
        );
        tokio::time::sleep(ROOM_PAUSE).await;
        let _ = monitor.execute("cont", json!({})).await;
    }
}
