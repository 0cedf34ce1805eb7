//! Instances without a machine: the same states, delays that can be set, and an
//! SSH server that answers commands without running them.

use std::collections::{HashMap, HashSet};
use std::io;
use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use russh::keys::{Algorithm, PrivateKey, PublicKey};
use russh::server::{Auth, ChannelOpenHandle, Handler, Msg, Session, VerifiedPublicKey};
use russh::{Channel, ChannelId, ChannelMsg};
use serde::{Deserialize, Serialize};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use super::{Boot, Delays, Exit, Line, MachineResult, Machines, Transition};
use crate::faults::{Fate, FaultControl, SSH_COMMAND, SSH_LOGIN, Strike};

/// What the SSH server answers to commands that contain a text.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Answer {
    /// The text to look for in the command line.
    pub pattern: String,
    /// The exit status to answer with.
    pub status: u32,
}

impl FromStr for Answer {
    type Err = String;

    /// Reads `PATTERN=STATUS`.
    fn from_str(text: &str) -> Result<Self, String> {
        let parts = text.rsplit_once('=');
        parts
            .and_then(|(pattern, status)| {
                Some(Answer { pattern: pattern.to_owned(), status: status.parse().ok()? })
            })
            .ok_or_else(|| format!("{text:?} is not PATTERN=STATUS, such as setup-agent=3"))
    }
}

/// All simulated machines of one server.
pub(crate) struct SimulatedMachines {
    delays: Delays,
    answers: Arc<Vec<Answer>>,
    faults: Arc<FaultControl>,
    running: Mutex<HashMap<String, Guest>>,
    /// The how-manieth each instance is, by id.
    ordinals: Mutex<HashMap<String, u64>>,
    /// What guests have written, by instance.
    consoles: Mutex<HashMap<String, String>>,
    /// Layers have no files here, but one that was deleted is gone.
    deleted: Mutex<HashSet<String>>,
}

impl SimulatedMachines {
    pub(crate) fn new(delays: Delays, answers: Vec<Answer>, faults: Arc<FaultControl>) -> Self {
        SimulatedMachines {
            delays,
            answers: Arc::new(answers),
            faults,
            running: Mutex::default(),
            ordinals: Mutex::default(),
            consoles: Mutex::default(),
            deleted: Mutex::default(),
        }
    }

    fn check_layer(&self, layer: &str) -> MachineResult<()> {
        let deleted = self.deleted.lock().expect("no panic holds this lock");
        if deleted.contains(layer) { Err(format!("the layer {layer} was deleted")) } else { Ok(()) }
    }

    /// A delay of an instance's own.
    fn delay(&self, transition: Transition, instance_id: &str) -> Duration {
        let mut ordinals = self.ordinals.lock().expect("no panic holds this lock");
        let next = ordinals.len() as u64;
        let ordinal = *ordinals.entry(instance_id.to_owned()).or_insert(next);
        self.delays.drawn(transition, ordinal)
    }

    fn guest(&self, instance_id: &str) -> Option<Guest> {
        let running = self.running.lock().expect("no panic holds this lock");
        running.get(instance_id).filter(|guest| !guest.off.is_cancelled()).cloned()
    }

    fn token(&self, instance_id: &str) -> Option<CancellationToken> {
        self.guest(instance_id).map(|guest| guest.off)
    }

    fn switch_on(&self, boot: &Boot) {
        let off = CancellationToken::new();
        let login = Login::from_boot(boot);
        let mut consoles = self.consoles.lock().expect("no panic holds this lock");
        consoles.insert(boot.instance_id.clone(), login.console());
        let config = Arc::new(russh::server::Config {
            keys: vec![login.host_key.clone()],
            auth_rejection_time: Duration::ZERO,
            ..Default::default()
        });
        let (up, listens) = watch::channel(false);
        let guest = Guest {
            login: Arc::new(login),
            config,
            answers: self.answers.clone(),
            faults: self.faults.clone(),
            connection: off.child_token(),
            off,
            listens,
        };
        let mut running = self.running.lock().expect("no panic holds this lock");
        running.insert(boot.instance_id.clone(), guest);
        let pause = self.delay(Transition::Ssh, &boot.instance_id);
        tokio::spawn(async move {
            tokio::time::sleep(pause).await;
            up.send_replace(true);
        });
    }
}

#[async_trait]
impl Machines for SimulatedMachines {
    async fn describe(&self) -> String {
        "simulated".into()
    }

    fn launched_delay(&self) -> Duration {
        self.delays.launched
    }

    fn report_delay(&self) -> Duration {
        self.delays.report
    }

    async fn create_layer(&self, _: &str, parent: Option<&str>, _: u64) -> MachineResult<()> {
        parent.map_or(Ok(()), |parent| self.check_layer(parent))
    }

    async fn import_layer(&self, _: &str, file: &Path) -> MachineResult<u64> {
        let metadata = tokio::fs::metadata(file).await;
        Ok(metadata.map_err(|error| format!("failed to read {}: {error}", file.display()))?.len())
    }

    async fn delete_layer(&self, layer: &str) {
        let mut deleted = self.deleted.lock().expect("no panic holds this lock");
        deleted.insert(layer.to_owned());
    }

    async fn layers_on_disk(&self) -> Vec<String> {
        Vec::new()
    }

    async fn start(&self, boot: &Boot) -> MachineResult<()> {
        tokio::time::sleep(self.delay(Transition::Running, &boot.instance_id)).await;
        boot.layers.iter().try_for_each(|layer| self.check_layer(layer))?;
        self.switch_on(boot);
        Ok(())
    }

    async fn attach(&self, boot: &Boot) -> bool {
        self.switch_on(boot);
        true
    }

    async fn is_running(&self, instance_id: &str) -> bool {
        self.token(instance_id).is_some()
    }

    async fn power_button(&self, instance_id: &str) {
        tokio::time::sleep(self.delay(Transition::Stopped, instance_id)).await;
        if let Some(token) = self.token(instance_id) {
            token.cancel();
        }
    }

    async fn kill(&self, instance_id: &str) {
        tokio::time::sleep(self.delay(Transition::Terminated, instance_id)).await;
        if let Some(token) = self.token(instance_id) {
            token.cancel();
        }
    }

    async fn exited(&self, instance_id: &str) -> Exit {
        if let Some(token) = self.token(instance_id) {
            token.cancelled().await;
        }
        Exit::Guest
    }

    async fn switch_layer(&self, _: &str, _: usize, _: &str) -> MachineResult<()> {
        Ok(())
    }

    async fn writes_to(&self, _: &str, _: usize, _: &str) -> bool {
        false
    }

    async fn written_bytes(&self, _: &str) -> Option<u64> {
        None
    }

    fn console(&self, instance_id: &str) -> Vec<u8> {
        let consoles = self.consoles.lock().expect("no panic holds this lock");
        consoles.get(instance_id).cloned().unwrap_or_default().into_bytes()
    }

    async fn image_pause(&self, instance_id: Option<&str>) {
        let pause = match instance_id {
            Some(id) => self.delay(Transition::Image, id),
            None => self.delays.image,
        };
        tokio::time::sleep(pause).await;
    }

    fn metadata_socket(&self, _: &str) -> Option<PathBuf> {
        None
    }

    fn address_is_free(&self, _: Ipv4Addr) -> bool {
        true
    }

    async fn until_sshd_listens(&self, instance_id: &str) {
        if let Some(mut guest) = self.guest(instance_id) {
            let _ = guest.listens.wait_for(|listens| *listens).await;
        }
    }

    async fn connect(&self, instance_id: &str) -> io::Result<Line> {
        let guest = self.guest(instance_id).ok_or(io::ErrorKind::ConnectionRefused)?;
        Ok(guest.serve())
    }

    async fn forget(&self, instance_id: &str) {
        self.running.lock().expect("no panic holds this lock").remove(instance_id);
        self.consoles.lock().expect("no panic holds this lock").remove(instance_id);
    }
}

/// Who may log in, and what the server proves itself with: what cloud-init would
/// have set up from the user data.
struct Login {
    host_key: PrivateKey,
    authorized_keys: Vec<PublicKey>,
}

/// The parts of cloud-config that concern SSH
/// (<https://cloudinit.readthedocs.io/en/latest/reference/modules.html#ssh>).
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct CloudConfig {
    ssh_keys: HashMap<String, String>,
    ssh_authorized_keys: Vec<String>,
}

impl Login {
    fn from_boot(boot: &Boot) -> Login {
        let config = boot.user_data.as_deref().and_then(cloud_config).unwrap_or_default();
        let host_key = config
            .ssh_keys
            .get("ed25519_private")
            .and_then(|text| PrivateKey::from_openssh(text).ok())
            .unwrap_or_else(|| {
                PrivateKey::random(&mut rand::rng(), Algorithm::Ed25519)
                    .expect("ed25519 keys can always be made")
            });
        let lines = config.ssh_authorized_keys.iter().chain(&boot.public_key);
        let authorized_keys = lines.filter_map(|line| PublicKey::from_openssh(line).ok()).collect();
        Login { host_key, authorized_keys }
    }

    /// What cloud-init writes to the console: the host key, for those who look there for it.
    fn console(&self) -> String {
        let key = self.host_key.public_key().to_openssh().unwrap_or_default();
        format!(
            "a simulated machine\n-----BEGIN SSH HOST KEY KEYS-----\n{key}\n-----END SSH HOST KEY KEYS-----\n"
        )
    }
}

/// The first part that is cloud-config, alone or in a MIME message of several parts.
fn cloud_config(user_data: &[u8]) -> Option<CloudConfig> {
    let text = std::str::from_utf8(user_data).ok()?;
    let begin =
        if text.starts_with("#cloud-config") { 0 } else { text.find("\n#cloud-config")? + 1 };
    let part = &text[begin..];
    let is_message = text.to_ascii_lowercase().starts_with("content-type: multipart/");
    let end = if is_message { part.find("\n--").unwrap_or(part.len()) } else { part.len() };
    serde_saphyr::from_str(&part[..end]).ok()
}

/// As much as a connection holds that nobody has read yet, in bytes.
const CONNECTION: usize = 256 * 1024;

/// How long a command waits for more input before it is answered all the same: a
/// client at a terminal never closes its side.
const INPUT_PAUSE: Duration = Duration::from_millis(500);

/// A simulated guest; as an SSH handler, one connection to it.
#[derive(Clone)]
struct Guest {
    login: Arc<Login>,
    config: Arc<russh::server::Config>,
    answers: Arc<Vec<Answer>>,
    faults: Arc<FaultControl>,
    off: CancellationToken,
    /// Whether sshd is up.
    listens: watch::Receiver<bool>,
    /// Cuts the connection.
    connection: CancellationToken,
}

impl Guest {
    /// A new connection.
    fn serve(self) -> Line {
        let cut = self.off.child_token();
        let guest = Guest { connection: cut.clone(), ..self };
        let (stream, inner) = tokio::io::duplex(CONNECTION);
        tokio::spawn(async move {
            match russh::server::run_stream(guest.config.clone(), inner, guest).await {
                Ok(session) => drop(session.await),
                Err(error) => tracing::debug!("SSH connection refused: {error}"),
            }
        });
        Line { stream: Box::new(stream), cut }
    }

    /// What stands in for the answer to a command or a login, if a fault is due.
    async fn strike(&self, what: &str) -> Option<Strike> {
        // Nothing is run here, so that there is no difference between before and after.
        let (Fate::Before(strike) | Fate::After(strike)) = self.faults.fate(what, "") else {
            return None;
        };
        match &strike {
            Strike::Error(_) => {}
            Strike::Cut => self.connection.cancel(),
            Strike::Wait(time) => tokio::time::sleep(*time).await,
        }
        Some(strike)
    }

    /// Answers one channel: takes in what is sent, then gives the exit status.
    async fn answer(self, mut channel: Channel<Msg>) {
        let mut command = None;
        loop {
            let message = if command.is_some() {
                tokio::time::timeout(INPUT_PAUSE, channel.wait())
                    .await
                    .unwrap_or(Some(ChannelMsg::Eof))
            } else {
                channel.wait().await
            };
            match message {
                Some(ChannelMsg::Exec { command: line, .. }) => {
                    command = Some(String::from_utf8_lossy(&line).into_owned());
                }
                Some(ChannelMsg::Eof) if command.is_some() => break,
                Some(_) => {}
                None => return,
            }
        }
        let command = command.unwrap_or_default();
        let answer = self.answers.iter().find(|answer| command.contains(&answer.pattern));
        let status = match self.strike(SSH_COMMAND).await {
            Some(Strike::Cut) => return,
            Some(Strike::Error(code)) => code.parse().unwrap_or(255),
            Some(Strike::Wait(_)) | None => answer.map_or(0, |answer| answer.status),
        };
        let _ = channel.exit_status(status).await;
        let _ = channel.eof().await;
        let _ = channel.close().await;
        if command.split_whitespace().last() == Some("poweroff") {
            self.off.cancel();
        }
    }
}

impl Handler for Guest {
    type Error = russh::Error;

    async fn auth_publickey(
        &mut self,
        _: &str,
        key: VerifiedPublicKey<'_>,
    ) -> Result<Auth, russh::Error> {
        let known = self.login.authorized_keys.iter();
        let allowed =
            known.map(PublicKey::key_data).any(|known| known == key.public_key.key_data());
        match self.strike(SSH_LOGIN).await {
            Some(Strike::Error(_)) => return Ok(Auth::reject()),
            Some(Strike::Cut) => return Err(russh::Error::Disconnect),
            Some(Strike::Wait(_)) | None => {}
        }
        Ok(if allowed { Auth::Accept } else { Auth::reject() })
    }

    async fn channel_open_session(
        &mut self,
        channel: Channel<Msg>,
        reply: ChannelOpenHandle,
        _: &mut Session,
    ) -> Result<(), russh::Error> {
        reply.accept().await;
        tokio::spawn(self.clone().answer(channel));
        Ok(())
    }

    async fn exec_request(
        &mut self,
        channel: ChannelId,
        _: &[u8],
        session: &mut Session,
    ) -> Result<(), russh::Error> {
        session.channel_success(channel)
    }
}
