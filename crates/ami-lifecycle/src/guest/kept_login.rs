//! How a person logs in to an instance that is kept.

use std::net::IpAddr;

use super::shell::quote;

/// How to log in to a kept instance.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeptLogin {
    /// Its address.
    pub address: IpAddr,
    /// The port of sshd.
    pub port: u16,
    /// The user.
    pub user: String,
    /// The private key, in OpenSSH's format.
    pub private_key: String,
    /// The host key, as a line of known_hosts has it.
    pub host_key: String,
    /// The program by which it is reached, for OpenSSH's ProxyCommand.
    pub proxy_command: Option<String>,
}

impl KeptLogin {
    /// The argument of `ssh` for its [`proxy_command`](Self::proxy_command), quoted for a shell,
    /// after a space; nothing without one.
    #[must_use]
    pub fn proxy_option(&self) -> String {
        let option = |it: &String| format!(" -o {}", quote(&format!("ProxyCommand={it}")));
        self.proxy_command.as_ref().map(option).unwrap_or_default()
    }
}
