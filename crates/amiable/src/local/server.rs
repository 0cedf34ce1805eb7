//! Starting the server as a process of its own, which lives on after the command.

use std::fs::{self, File};
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use ami_lifecycle::CancellationToken;
use local_ec2::{Endpoint, Folder, MachineKind, ServeError, ServerConfig};
use serde::{Deserialize, Serialize};
use tokio::signal::unix::{SignalKind, signal};

use crate::console::Console;
use crate::failure::{Failure, Outcome, Status, chain};
use crate::local::control::{is_running, read_endpoint};

/// How long the server may take to answer after its start: it opens its state and
/// looks for machines that still run.
const START_LIMIT: Duration = Duration::from_secs(30);

/// How long is waited between two looks.
const PAUSE: Duration = Duration::from_millis(20);

/// With what the server is started; kept in its folder for the next start.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Settings {
    pub(super) port: Option<u16>,
    pub(super) ssh_port: u16,
    pub(super) machines: MachineKind,
    #[serde(default)]
    pub(super) recycle_bin: Option<Duration>,
}

impl Default for Settings {
    fn default() -> Self {
        Settings { port: None, ssh_port: 2222, machines: MachineKind::Qemu, recycle_bin: None }
    }
}

impl Settings {
    /// The settings of the last start.
    pub(super) fn read(folder: &Folder) -> Result<Option<Settings>, Failure> {
        let path = folder.path().join("settings.json");
        let Ok(json) = fs::read(&path) else { return Ok(None) };
        let settings = serde_json::from_slice(&json);
        settings.map(Some).map_err(|error| {
            Failure::failed(format!("{} is not readable: {error}", path.display()))
        })
    }

    fn write(&self, folder: &Folder) -> std::io::Result<()> {
        let json = serde_json::to_vec_pretty(self)?;
        fs::write(folder.path().join("settings.json"), json)
    }
}

/// Starts the server if none runs, and waits until it answers.
pub(super) async fn start(
    folder: &Folder,
    settings: &Settings,
    console: &Console,
) -> Result<Endpoint, Failure> {
    if !is_running(folder).await {
        let wrong = |error: std::io::Error| {
            Failure::failed(format!(
                "failed to start the local endpoint in {}: {error}",
                folder.path().display()
            ))
        };
        folder.create().map_err(wrong)?;
        settings.write(folder).map_err(wrong)?;
        let mut child = spawn(folder).map_err(wrong)?;
        wait_until_it_answers(folder, &mut child).await?;
        let endpoint = read_endpoint(folder)?;
        console.message(&format!("started the local endpoint at {}", endpoint.url()));
        return Ok(endpoint);
    }
    read_endpoint(folder)
}

fn spawn(folder: &Folder) -> std::io::Result<Child> {
    let log = File::options().append(true).create(true).open(folder.log())?;
    Command::new(std::env::current_exe()?)
        .args(["local", "serve", "-v"])
        .env("AMIABLE_LOCAL_DIR", folder.path())
        .current_dir("/")
        .stdin(Stdio::null())
        .stdout(log.try_clone()?)
        .stderr(log)
        // Ctrl-C at the terminal is for the command, not for the server.
        .process_group(0)
        .spawn()
}

async fn wait_until_it_answers(folder: &Folder, child: &mut Child) -> Outcome {
    let deadline = Instant::now() + START_LIMIT;
    loop {
        if is_running(folder).await {
            return Ok(());
        }
        if let Ok(Some(ended)) = child.try_wait() {
            // Another command started one at the same moment, which will answer soon; or
            // one was just ending.
            if ended.code() == Some(Status::Taken as i32) && Instant::now() < deadline {
                tokio::time::sleep(PAUSE).await;
                if !folder.is_taken() {
                    *child = spawn(folder).map_err(|error| Failure::failed(error.to_string()))?;
                }
                continue;
            }
            let log = fs::read_to_string(folder.log()).unwrap_or_default();
            let last = log.lines().last().unwrap_or("it wrote nothing");
            let last = last.trim_start_matches("error: ");
            return Err(Failure::failed(format!("the local endpoint did not start: {last}")));
        }
        if Instant::now() > deadline {
            let message =
                format!("the local endpoint did not answer within {} s", START_LIMIT.as_secs());
            return Err(
                Failure::failed(message).hint(format!("look at {}", folder.log().display()))
            );
        }
        tokio::time::sleep(PAUSE).await;
    }
}

/// Waits until the server that has said good-bye has given the folder back, so that the
/// next command does not meet it.
pub(super) async fn wait_until_it_is_gone(folder: &Folder) {
    let deadline = Instant::now() + START_LIMIT;
    while folder.is_taken() && Instant::now() < deadline {
        tokio::time::sleep(PAUSE).await;
    }
}

/// Serves in this process until a signal or `amiable local stop` ends it.
pub(super) async fn serve(folder: &Folder) -> Outcome {
    let settings = Settings::read(folder)?.unwrap_or_default();
    let program = std::env::current_exe()
        .map_err(|error| Failure::failed(format!("failed to find this program: {error}")))?;
    let config = ServerConfig {
        packet_filters: true,
        folder: folder.clone(),
        port: settings.port,
        ssh_port: settings.ssh_port,
        machines: settings.machines,
        recycle_bin: settings.recycle_bin,
        metadata_relay: vec![program.to_string_lossy().into_owned(), RELAY.into()],
    };
    allow_many_files();
    let end = CancellationToken::new();
    let ended = end.clone();
    tokio::spawn(async move {
        if let Ok(mut terminate) = signal(SignalKind::terminate()) {
            terminate.recv().await;
            ended.cancel();
        }
    });
    local_ec2::serve(config, end).await.map_err(|error| {
        let is_taken = matches!(error, ServeError::Running(_));
        let status = if is_taken { Status::Taken } else { Status::Failed };
        Failure::new(status, chain(&error))
    })
}

/// Every instance has sockets of its own, and a thousand are more than the usual soft limit.
fn allow_many_files() {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let limit = getrlimit(Resource::Nofile);
    let _ = setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, ..limit });
}

/// The hidden command that QEMU starts for each metadata connection.
pub(super) const RELAY: &str = "local-metadata-relay";
