//! What only the owner of the folder may ask, outside the EC2 protocol: one JSON
//! line each way over a unix socket in the endpoint's private folder.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::{UnixListener, UnixStream};
use tokio_util::sync::CancellationToken;

use crate::actions::check_image_name;
use crate::config::ServerConfig;
use crate::ec2::Ec2;
use crate::endpoint::Folder;
use crate::faults::{CallCounts, Faults};
use crate::imported_image::Imported;
use crate::model::account::ACCOUNT;
use crate::model::{Image, ImageUser, InstanceState, Permission, account_of_alias, new_id};
use crate::protocol::ApiError;
use crate::{bootstrap, engine};

/// How long is waited between two looks at what is under way.
const PAUSE: Duration = Duration::from_millis(50);

/// A question to a running server.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Request {
    /// What is there?
    Status,
    /// Make an AMI of a disk image file.
    Import(Import),
    /// Count resources of another account that name an AMI.
    Use(ImageUse),
    /// Take a Spot Instance back.
    Interrupt(String),
    /// Let things go wrong on purpose, or no more.
    SetFaults(Faults),
    /// What goes wrong on purpose?
    Faults,
    /// How often was each action called?
    Calls {
        /// Begin to count anew.
        reset: bool,
    },
    /// Terminate all instances and forget everything but address and key.
    Reset,
    /// Shut all instances down, then end.
    Stop,
}

/// An image that is to be imported.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Import {
    /// A qcow2, raw or other image that QEMU reads.
    pub file: PathBuf,
    /// The AMI's name.
    pub name: String,
    /// The AMI's description.
    pub description: Option<String>,
    /// `x86_64` or `arm64`.
    pub architecture: String,
    /// The account that owns it, by its number, or `amazon` or `aws-marketplace`; the caller's if
    /// left out. One of another account's may be launched by everybody.
    pub owner: Option<String>,
    /// Since when it counts as deprecated.
    pub deprecated: Option<Timestamp>,
    /// An image that has the name already is good enough.
    pub if_missing: bool,
}

/// What another account has that names an AMI.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct ImageUse {
    /// The AMI's id.
    pub image: String,
    /// The account, which must be allowed to launch it.
    pub account: String,
    /// So many instances.
    pub instances: u64,
    /// So many launch templates.
    pub launch_templates: u64,
}

/// A server's answer.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reply {
    /// To [`Request::Status`].
    Status(Status),
    /// To [`Request::Import`]: the AMI's id.
    Imported(String),
    /// To [`Request::Use`].
    Counted,
    /// To [`Request::Interrupt`].
    Interrupted,
    /// To [`Request::SetFaults`] and [`Request::Faults`].
    Faults(Faults),
    /// To [`Request::Calls`].
    Calls(CallCounts),
    /// To [`Request::Reset`], when it is done.
    Reset,
    /// To [`Request::Stop`], when it is done.
    Stopped,
    /// It could not be done, and why.
    Failed(String),
}

/// What a server has.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Status {
    /// The server's process id.
    pub pid: u32,
    /// What its instances are: `qemu (kvm)`, `qemu (tcg)`, `simulated`.
    pub machines: String,
    /// Instances that are not terminated, as id, state and image.
    pub instances: Vec<(String, String, String)>,
    /// The number of images.
    pub images: usize,
    /// The number of snapshots.
    pub snapshots: usize,
    /// The number of volumes.
    pub volumes: usize,
    /// What the disk layers take on the host, in bytes.
    pub layer_bytes: u64,
}

/// Why a server did not answer.
#[derive(Debug, thiserror::Error)]
pub enum ControlError {
    /// No server runs for this folder.
    #[error("no local endpoint is running for {}", .0.display())]
    NotRunning(PathBuf),
    /// The connection broke.
    #[error("the local endpoint did not answer")]
    Broken(#[from] io::Error),
}

/// Asks the server of a folder.
///
/// # Errors
/// When none runs, or it ends before it has answered.
pub async fn call(folder: &Folder, request: &Request) -> Result<Reply, ControlError> {
    let socket = folder.control_socket();
    let stream = UnixStream::connect(&socket).await;
    let stream = stream.map_err(|_| ControlError::NotRunning(folder.path().to_owned()))?;
    let (reader, mut writer) = stream.into_split();
    let line = serde_json::to_string(request).map_err(io::Error::from)? + "\n";
    writer.write_all(line.as_bytes()).await?;
    let answer = BufReader::new(reader).lines().next_line().await?;
    let answer = answer.ok_or_else(|| io::Error::from(io::ErrorKind::UnexpectedEof))?;
    Ok(serde_json::from_str(&answer).map_err(io::Error::from)?)
}

/// What the answers need.
#[derive(Clone)]
pub(crate) struct Control {
    pub(crate) ec2: Arc<Ec2>,
    pub(crate) config: ServerConfig,
    /// Cancelled when the server is to end.
    pub(crate) end: CancellationToken,
}

impl Control {
    /// Listens for requests until the server ends.
    pub(crate) fn listen(self) -> io::Result<()> {
        let socket = self.config.folder.control_socket();
        let _ = std::fs::remove_file(&socket);
        let listener = UnixListener::bind(&socket)?;
        tokio::spawn(async move {
            loop {
                let Ok((stream, _)) = listener.accept().await else {
                    // Too many files are open, for now.
                    tokio::time::sleep(PAUSE).await;
                    continue;
                };
                let control = self.clone();
                tokio::spawn(async move {
                    if let Err(error) = control.converse(stream).await {
                        tracing::warn!("a control connection broke: {error}");
                    }
                });
            }
        });
        Ok(())
    }

    async fn converse(&self, stream: UnixStream) -> io::Result<()> {
        let (reader, mut writer) = stream.into_split();
        let mut lines = BufReader::new(reader).lines();
        while let Some(line) = lines.next_line().await? {
            let reply = match serde_json::from_str(&line) {
                Ok(request) => self.answer(request).await,
                Err(error) => Reply::Failed(format!("the request was not understood: {error}")),
            };
            let stopped = matches!(reply, Reply::Stopped);
            let written =
                writer.write_all((serde_json::to_string(&reply)? + "\n").as_bytes()).await;
            if stopped {
                // Also when whoever asked for it has gone.
                self.end.cancel();
            }
            written?;
        }
        Ok(())
    }

    async fn answer(&self, request: Request) -> Reply {
        match request {
            Request::Status => Reply::Status(self.status().await),
            Request::Import(import) => {
                if let Some(id) = self.image_named(&import.name).filter(|_| import.if_missing) {
                    return Reply::Imported(id);
                }
                match self.import(import).await {
                    Ok(id) => Reply::Imported(id),
                    Err(message) => Reply::Failed(message),
                }
            }
            Request::Use(used) => match self.use_image(&used) {
                Ok(()) => Reply::Counted,
                Err(message) => Reply::Failed(message),
            },
            Request::Interrupt(id) => match engine::interrupt(&self.ec2, &id) {
                Ok(()) => Reply::Interrupted,
                Err(message) => Reply::Failed(message),
            },
            Request::SetFaults(faults) => {
                self.ec2.set_lag(faults.lag, faults.not_found);
                self.ec2.faults.set(faults);
                Reply::Faults(self.ec2.faults.get())
            }
            Request::Faults => Reply::Faults(self.ec2.faults.get()),
            Request::Calls { reset } => Reply::Calls(self.ec2.faults.calls(reset)),
            Request::Reset => match self.reset().await {
                Ok(()) => Reply::Reset,
                Err(message) => Reply::Failed(message),
            },
            Request::Stop => match self.stop_all().await {
                Ok(()) => Reply::Stopped,
                Err(message) => Reply::Failed(message),
            },
        }
    }

    async fn status(&self) -> Status {
        let machines = self.ec2.machines.describe().await;
        let layer_bytes = folder_bytes(&self.config.folder.layers());
        self.ec2.read(|state| Status {
            pid: std::process::id(),
            machines,
            instances: state
                .instances
                .iter()
                .filter(|it| it.state != InstanceState::Terminated)
                .map(|it| (it.id.clone(), it.state.name().to_owned(), it.image_id.clone()))
                .collect(),
            images: state.images.iter().count(),
            snapshots: state.snapshots.iter().count(),
            volumes: state.volumes.iter().count(),
            layer_bytes,
        })
    }

    fn image_named(&self, name: &str) -> Option<String> {
        let named = |image: &&Image| image.name == name;
        self.ec2.read(|state| state.images.iter().find(named).map(|image| image.id.clone()))
    }

    async fn import(&self, import: Import) -> Result<String, String> {
        check_image_name(&import.name).map_err(|error| error.message)?;
        let owner = account(import.owner.as_deref())?;
        let layer = new_id("layer");
        let bytes = match self.ec2.machines.import_layer(&layer, &import.file).await {
            Ok(bytes) => bytes,
            Err(message) => {
                self.ec2.machines.delete_layer(&layer).await;
                return Err(message);
            }
        };
        let imported = Imported {
            layer: layer.clone(),
            bytes,
            name: import.name,
            description: import.description,
            architecture: import.architecture,
            owner,
            deprecated: import.deprecated,
        };
        match self.ec2.change(|state| imported.insert(state)) {
            Ok(id) => Ok(id),
            Err(error) => {
                self.ec2.machines.delete_layer(&layer).await;
                Err(error.message)
            }
        }
    }

    /// Usage reports that are made from now on count it.
    fn use_image(&self, used: &ImageUse) -> Result<(), String> {
        let ImageUse { image: id, account: by, instances, launch_templates } = used;
        let account = account(Some(by))?;
        let written = self.ec2.change(|state| {
            let image = state.images.get(id).filter(|image| image.is_own());
            let image = image.ok_or_else(|| ApiError::not_found::<Image>(id))?;
            let may = |it: &Permission| match it {
                Permission::User(other) => *other == account,
                // Nobody knows here who is in an organization.
                _ => true,
            };
            if !image.permissions.iter().any(may) {
                let text = format!("{id} is not shared with {account}");
                return Err(ApiError { message: text, ..ApiError::auth_failure() });
            }
            for (kind, count) in
                [("ec2:Instance", *instances), ("ec2:LaunchTemplate", *launch_templates)]
            {
                let key = format!("{id}/{account}/{kind}");
                state.image_users.remove(&key);
                if count > 0 {
                    state.image_users.insert(ImageUser {
                        id: key,
                        image: id.clone(),
                        account: account.clone(),
                        kind: kind.to_owned(),
                        count,
                    });
                }
            }
            Ok(())
        });
        written.map_err(|error| error.message)
    }

    /// Forgets everything that clients made.
    async fn reset(&self) -> Result<(), String> {
        self.ec2.set_lag(Duration::ZERO, Duration::ZERO);
        self.ec2.faults.set(Faults::default());
        self.ec2.scaling_is_off.store(true, Ordering::Relaxed);
        while self.ec2.read(|state| state.instances.iter().any(|it| it.terminated_at.is_none())) {
            for id in self
                .take_all(|state| state != InstanceState::Terminated, InstanceState::ShuttingDown)?
            {
                engine::terminate(&self.ec2, id);
            }
            tokio::time::sleep(PAUSE).await;
        }
        let cleared = self.ec2.change(|state| {
            // Layers stay known until their files are gone.
            let layers = std::mem::take(&mut state.layers);
            state.clear();
            state.layers = layers;
            Ok(())
        });
        cleared.map_err(|error| error.message)?;
        self.ec2.scaling_is_off.store(false, Ordering::Relaxed);
        self.ec2.collect_layers().await;
        bootstrap::prepare(&self.ec2, &self.config).map_err(|error| error.to_string())
    }

    /// Shuts all instances down, so that their disks are whole when the server is gone.
    async fn stop_all(&self) -> Result<(), String> {
        self.ec2.scaling_is_off.store(true, Ordering::Relaxed);
        // A client may start another one meanwhile, so it is looked at again and again.
        while self.ec2.read(|state| state.instances.iter().any(|it| it.state.is_live())) {
            let switched_on =
                |state| matches!(state, InstanceState::Pending | InstanceState::Running);
            for id in self.take_all(switched_on, InstanceState::Stopping)? {
                engine::stop(&self.ec2, id, false);
            }
            tokio::time::sleep(PAUSE).await;
        }
        Ok(())
    }

    /// Takes all instances in some states to another, and returns their ids.
    fn take_all(
        &self,
        from: impl Fn(InstanceState) -> bool,
        to: InstanceState,
    ) -> Result<Vec<String>, String> {
        let taken = self.ec2.change(|state| {
            let instances = state.instances.iter();
            let ids: Vec<String> = instances
                .filter(|it| it.state != to && from(it.state))
                .map(|it| it.id.clone())
                .collect();
            for id in &ids {
                if let Some(instance) = state.instances.get_mut(id) {
                    instance.state = to;
                }
            }
            Ok(ids)
        });
        taken.map_err(|error| error.message)
    }
}

/// The account that is meant: the caller's, one by its number, or one that EC2 knows by a name.
fn account(text: Option<&str>) -> Result<String, String> {
    let Some(text) = text else { return Ok(ACCOUNT.into()) };
    let is_number = text.len() == 12 && text.bytes().all(|byte| byte.is_ascii_digit());
    match account_of_alias(text) {
        Some(account) => Ok(account.into()),
        None if is_number => Ok(text.into()),
        None => Err(format!(
            "`{text}` is not an account: write its 12 digits, or amazon, or aws-marketplace"
        )),
    }
}

/// The blocks that the files of a folder take.
fn folder_bytes(path: &Path) -> u64 {
    use std::os::unix::fs::MetadataExt;
    let entries = std::fs::read_dir(path).into_iter().flatten().flatten();
    entries.filter_map(|entry| entry.metadata().ok()).map(|metadata| metadata.blocks() * 512).sum()
}
