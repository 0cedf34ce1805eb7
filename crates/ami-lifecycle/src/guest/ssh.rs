//! SSH to a machine: one key to log in with, host keys to demand, commands with their
//! output as it comes.

use std::borrow::Cow;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use russh::client::{self, Handle, Handler};
use russh::keys::{
    Algorithm, HashAlg, PrivateKey, PrivateKeyWithHashAlg, PublicKey, PublicKeyOrCertificate,
};
use russh::{ChannelMsg, Disconnect, Preferred};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::time::Instant;

use crate::guest::lines::Lines;
use crate::guest::ssh_error::{LOGIN_LIMIT, SshError};
use crate::guest::tunnel::{Route, Tunnel};
use crate::model::event::{OutputLine, Stream};

/// How long a connection may take to be accepted. Linux sends the first packet again after 1 s
/// and 3 s; what filters a port answers none of them.
const CONNECT_LIMIT: Duration = Duration::from_secs(5);

/// A quiet connection is probed this often, so that a builder that died is noticed
/// while a script writes nothing, and no firewall on the way forgets the connection.
const KEEPALIVE: Duration = Duration::from_secs(15);

/// How long output may still come after a command's exit status.
const LAST_OUTPUT: Duration = Duration::from_secs(5);

/// Where and as whom to log in.
#[derive(Debug, Clone)]
pub(crate) struct Login {
    pub(crate) address: IpAddr,
    pub(crate) port: u16,
    pub(crate) user: String,
    pub(crate) key: Arc<PrivateKey>,
    /// The way there; directly without one.
    pub(crate) route: Option<Route>,
    /// The host keys that are accepted; `None`: whichever comes first.
    pub(crate) host_keys: Option<Vec<PublicKey>>,
}

/// How a command ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ended {
    Status(u32),
    Signal,
}

/// A session that is logged in.
pub(crate) struct Ssh {
    handle: Handle<ExpectHostKey>,
    /// The host key that was shown.
    pub(crate) host_key: PublicKey,
    /// What carries it.
    _tunnel: Option<Tunnel>,
}

struct ExpectHostKey {
    address: IpAddr,
    expected: Option<Vec<PublicKey>>,
    shown: Arc<OnceLock<PublicKey>>,
}

/// Carries our own refusal through russh.
#[derive(Debug, thiserror::Error)]
enum HandlerError {
    #[error("host key")]
    HostKey(IpAddr),
    #[error(transparent)]
    Protocol(#[from] russh::Error),
}

impl Handler for ExpectHostKey {
    type Error = HandlerError;

    async fn check_server_key(
        &mut self,
        key: &PublicKeyOrCertificate,
    ) -> Result<bool, HandlerError> {
        let PublicKeyOrCertificate::PublicKey { key, .. } = key else {
            return Err(HandlerError::HostKey(self.address));
        };
        let is_demanded = |keys: &Vec<PublicKey>| {
            keys.iter().any(|expected| expected.key_data() == key.key_data())
        };
        if !self.expected.as_ref().is_none_or(is_demanded) {
            return Err(HandlerError::HostKey(self.address));
        }
        let _ = self.shown.set(key.clone());
        Ok(true)
    }
}

impl Ssh {
    /// Connects, demands the host key and logs in.
    pub(crate) async fn connect(login: &Login) -> Result<Ssh, SshError> {
        if let Some(route) = &login.route {
            return Ssh::connect_by(route, login).await;
        }
        let to = SocketAddr::new(login.address, login.port);
        let stream = connect(to).await?;
        let logged_in = tokio::time::timeout(LOGIN_LIMIT, Ssh::log_in(login, stream)).await;
        match logged_in.map_err(|_| SshError::Silent(to))? {
            Err(SshError::Protocol(
                russh::Error::Disconnect | russh::Error::HUP | russh::Error::IO(_),
            )) => Err(SshError::Closed(to)),
            other => other,
        }
    }

    /// The same by way of a program.
    async fn connect_by(route: &Route, login: &Login) -> Result<Ssh, SshError> {
        let (tunnel, stream) = route.open()?;
        match tokio::time::timeout(LOGIN_LIMIT, Ssh::log_in(login, stream)).await {
            Ok(Ok(ssh)) => Ok(Ssh { _tunnel: Some(tunnel), ..ssh }),
            Ok(Err(error @ (SshError::HostKey(_) | SshError::Refused { .. }))) => Err(error),
            Ok(Err(_)) | Err(_) => Err(tunnel.failure().await),
        }
    }

    async fn log_in(
        login: &Login,
        stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
    ) -> Result<Ssh, SshError> {
        let config = client::Config {
            keepalive_interval: Some(KEEPALIVE),
            preferred: preferred(login.host_keys.as_deref()),
            ..client::Config::default()
        };
        let shown = Arc::new(OnceLock::new());
        let check = ExpectHostKey {
            address: login.address,
            expected: login.host_keys.clone(),
            shown: shown.clone(),
        };
        let mut handle = client::connect_stream(Arc::new(config), stream, check).await?;
        // A key pair of EC2's may be an RSA key, which is refused with SHA-1 nowadays.
        let hash = match login.key.algorithm() {
            Algorithm::Rsa { .. } => handle.best_supported_rsa_hash().await?.flatten(),
            _ => None,
        };
        let key = PrivateKeyWithHashAlg::new(login.key.clone(), hash);
        let outcome = handle.authenticate_publickey(&login.user, key).await?;
        if !outcome.success() {
            return Err(SshError::Refused { user: login.user.clone() });
        }
        let host_key = shown.get().cloned().ok_or(SshError::Lost)?;
        Ok(Ssh { handle, host_key, _tunnel: None })
    }

    /// Runs a command, sends it `input`, and hands out its output line by line.
    pub(crate) async fn run(
        &self,
        command: &str,
        input: Option<&mut (dyn AsyncRead + Unpin + Send)>,
        mut output: impl FnMut(Stream, String),
    ) -> Result<Ended, SshError> {
        let mut lines = Lines::default();
        let mut output = |stream, line: OutputLine| output(stream, line.text());
        let ended = self.stream(command, input, |stream, data| {
            lines.push(stream, data, &mut output);
        });
        let ended = ended.await;
        lines.flush(output);
        ended
    }

    /// Runs a command, sends it `input`, and hands out its output as it comes.
    pub(crate) async fn stream(
        &self,
        command: &str,
        input: Option<&mut (dyn AsyncRead + Unpin + Send)>,
        mut output: impl FnMut(Stream, &[u8]),
    ) -> Result<Ended, SshError> {
        let channel = self.handle.channel_open_session().await?;
        channel.exec(true, command).await?;
        let (mut reader, writer) = channel.split();
        let send = async {
            if let Some(input) = input {
                // A command that ends before it has read everything is no failure of ours.
                let _ = writer.data(input).await;
            }
            let _ = writer.eof().await;
        };
        let receive = async {
            let (mut ended, mut last) = (None, None);
            loop {
                // sshd keeps a channel open for as long as any child of the command holds
                // its output, such as a daemon that the script started, and that may write for ever.
                let message = match last {
                    None => reader.wait().await,
                    Some(last) => {
                        tokio::time::timeout_at(last, reader.wait()).await.unwrap_or(None)
                    }
                };
                let Some(message) = message else { break };
                match message {
                    ChannelMsg::Data { data } => output(Stream::Stdout, &data),
                    ChannelMsg::ExtendedData { data, .. } => output(Stream::Stderr, &data),
                    ChannelMsg::ExitStatus { exit_status } => {
                        ended = Some(Ended::Status(exit_status))
                    }
                    ChannelMsg::ExitSignal { .. } => ended = Some(Ended::Signal),
                    _ => {}
                }
                last = last.or(ended.map(|_| Instant::now() + LAST_OUTPUT));
            }
            ended
        };
        // What ends before it has read its input leaves the sender waiting for ever.
        tokio::pin!(receive);
        let ended = tokio::select! {
            ended = &mut receive => ended,
            () = send => receive.await,
        };
        ended.ok_or(SshError::Lost)
    }

    /// Says goodbye; a connection that is lost already is no error.
    pub(crate) async fn close(self) {
        let _ = self.handle.disconnect(Disconnect::ByApplication, "", "").await;
    }
}

/// A connection; its failures tell what is at the other end.
async fn connect(to: SocketAddr) -> Result<TcpStream, SshError> {
    let connected = tokio::time::timeout(CONNECT_LIMIT, TcpStream::connect(to)).await;
    let stream = match connected {
        Err(_) => return Err(SshError::Unanswered(to)),
        Ok(Err(error)) => {
            return Err(match error.kind() {
                io::ErrorKind::ConnectionRefused => SshError::PortRefused(to),
                io::ErrorKind::TimedOut => SshError::Unanswered(to),
                _ => SshError::Unreachable(to, error.to_string()),
            });
        }
        Ok(Ok(stream)) => stream,
    };
    // Else an answer in two parts takes 40 ms.
    let _ = stream.set_nodelay(true);
    Ok(stream)
}

/// A server with several host keys must show one of those that are demanded.
fn preferred(host_keys: Option<&[PublicKey]>) -> Preferred {
    let Some(keys) = host_keys else { return Preferred::default() };
    let mut algorithms: Vec<Algorithm> = Vec::new();
    for key in keys {
        match key.algorithm() {
            // The key is one; how it signs is another matter, and SHA-1 is refused nowadays.
            Algorithm::Rsa { .. } => algorithms.extend(
                [HashAlg::Sha512, HashAlg::Sha256].map(|hash| Algorithm::Rsa { hash: Some(hash) }),
            ),
            other => algorithms.push(other),
        }
    }
    Preferred { key: Cow::Owned(algorithms), ..Preferred::default() }
}

impl From<HandlerError> for SshError {
    fn from(error: HandlerError) -> SshError {
        match error {
            HandlerError::HostKey(address) => SshError::HostKey(address),
            HandlerError::Protocol(error) => SshError::Protocol(error),
        }
    }
}

#[cfg(test)]
mod tests {
    use russh::server;
    use tokio::net::TcpListener;

    use super::*;

    /// A server that lets everyone in who gets as far as that.
    #[derive(Clone)]
    struct OpenHouse;

    impl server::Handler for OpenHouse {
        type Error = russh::Error;

        async fn auth_publickey(
            &mut self,
            _: &str,
            _: server::VerifiedPublicKey<'_>,
        ) -> Result<server::Auth, russh::Error> {
            Ok(server::Auth::Accept)
        }

        async fn channel_open_session(
            &mut self,
            channel: russh::Channel<server::Msg>,
            reply: server::ChannelOpenHandle,
            _: &mut server::Session,
        ) -> Result<(), russh::Error> {
            reply.accept().await;
            tokio::spawn(end_without_reading(channel));
            Ok(())
        }
    }

    /// Ends every command with status 7, whatever it is still being sent.
    async fn end_without_reading(mut channel: russh::Channel<server::Msg>) {
        while !matches!(channel.wait().await, Some(ChannelMsg::Exec { .. }) | None) {}
        let _ = channel.exit_status(7).await;
        let _ = channel.close().await;
    }

    #[tokio::test]
    async fn a_command_that_does_not_read_its_input_still_ends() {
        let key = new_key();
        let ssh = log_in(&key, &key).await.unwrap();
        let mut input = tokio::io::repeat(b'x');
        let ended = ssh.run("tar", Some(&mut input), |_, _| {}).await;
        assert_eq!(ended.unwrap(), Ended::Status(7));
    }

    fn new_key() -> PrivateKey {
        PrivateKey::random(&mut rand::rng(), Algorithm::Ed25519).unwrap()
    }

    /// Logs in to a server with the one host key, expecting the other.
    async fn log_in(shown: &PrivateKey, expected: &PrivateKey) -> Result<Ssh, SshError> {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let config = Arc::new(server::Config { keys: vec![shown.clone()], ..Default::default() });
        tokio::spawn(async move {
            let (stream, _) = listener.accept().await.unwrap();
            let _ = server::run_stream(config, stream, OpenHouse).await.unwrap().await;
        });
        Ssh::connect(&Login {
            address: address.ip(),
            port: address.port(),
            user: "admin".into(),
            key: Arc::new(new_key()),
            route: None,
            host_keys: Some(vec![expected.public_key().clone()]),
        })
        .await
    }

    #[tokio::test]
    async fn only_the_host_key_that_was_given_is_accepted() {
        let (given, other) = (new_key(), new_key());
        assert!(log_in(&given, &given).await.is_ok());
        assert!(matches!(log_in(&other, &given).await, Err(SshError::HostKey(_))));
    }
}
