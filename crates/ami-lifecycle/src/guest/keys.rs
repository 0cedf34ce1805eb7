//! The keys of one machine: the one that amiable logs in with, and the host key that the
//! machine is given and must then show. What is made here lives in memory only.

use crate::guest::shell::deadline;
use std::sync::Arc;
use std::time::Duration;

use russh::keys::ssh_key::LineEnding;
use russh::keys::{Algorithm, HashAlg, PrivateKey, PublicKey, decode_secret_key};

use super::user_data;
use crate::guest::error::GuestError;
use crate::model::ownership::new_bake;
use crate::model::template::{HostKey, KeyPair, Template};

/// The keys of one machine.
#[derive(Debug, Clone)]
pub(crate) struct GuestKeys {
    /// The login key's comment, and the name of a temporary key pair: no other machine's,
    /// so that what is left of another's key is told apart from this one's.
    pub(crate) label: String,
    pub(crate) login: Arc<PrivateKey>,
    pub(crate) host: Arc<PrivateKey>,
}

impl GuestKeys {
    /// Makes them, or reads the login key that the template names.
    ///
    /// # Errors
    /// When the file of a key pair is no private key.
    pub(crate) fn prepare(template: &Template) -> Result<GuestKeys, GuestError> {
        let login = match &template.key_pair {
            KeyPair::None | KeyPair::Temporary => generate(),
            KeyPair::Existing { file, .. } => {
                let wrong = |message| GuestError::KeyFile { file: file.clone(), message };
                let text =
                    std::fs::read_to_string(file).map_err(|error| wrong(error.to_string()))?;
                decode_secret_key(&text, None).map_err(|error| wrong(error.to_string()))?
            }
        };
        let label = format!("amiable-{}", new_bake());
        Ok(GuestKeys { label, login: Arc::new(login), host: Arc::new(generate()) })
    }

    /// The login key's public half, without a comment, as authorized_keys has it.
    pub(crate) fn login_public(&self) -> String {
        public_line(&self.login)
    }

    /// cloud-config that lets the login key in, gives the machine its host key
    /// (<https://cloudinit.readthedocs.io/en/latest/reference/modules.html#ssh>), and lets
    /// it end itself after `whole` when nobody has by then. The timer lives in memory, so
    /// it is not in the AMI. It is set when the guest is up: systemd-run waits for D-Bus.
    /// The template's own user data is merged into it where `own` is given.
    pub(crate) fn user_data(
        &self,
        template: &Template,
        whole: Duration,
        own: Option<&str>,
    ) -> String {
        let mut text = String::from("#cloud-config\n");
        text += &format!("runcmd:\n- [sh, -c, {:?}]\n", deadline(whole));
        if template.ssh_user == "root" {
            // cloud-init would otherwise put a command before root's key that refuses the login.
            text += "disable_root: false\n";
        }
        if template.key_pair == KeyPair::None {
            text += &format!("ssh_authorized_keys:\n- {} {}\n", self.login_public(), self.label);
        }
        if template.host_key == HostKey::Injected {
            text += "ssh_deletekeys: true\nssh_keys:\n  ed25519_private: |\n";
            for line in private_text(&self.host).lines() {
                text += &format!("    {line}\n");
            }
            text += &format!("  ed25519_public: {}\n", public_line(&self.host));
        }
        user_data::merge(&text, own)
    }
}

fn generate() -> PrivateKey {
    PrivateKey::random(&mut rand::rng(), Algorithm::Ed25519)
        .expect("ed25519 keys can always be made")
}

/// A private key in OpenSSH's format.
pub(crate) fn private_text(key: &PrivateKey) -> String {
    key.to_openssh(LineEnding::LF).expect("a key made here can be written").to_string()
}

/// A key's public half, without a comment.
pub(crate) fn public_line(key: &PrivateKey) -> String {
    line_of(key.public_key())
}

/// A public key as a line of known_hosts has it, without a comment.
pub(crate) fn line_of(key: &PublicKey) -> String {
    let mut key = key.clone();
    key.set_comment("");
    key.to_openssh().expect("a key that was read can be written").trim().to_owned()
}

/// A public key's fingerprint, as `ssh-keygen -l` shows it.
pub(crate) fn fingerprint(key: &PublicKey) -> String {
    key.fingerprint(HashAlg::Sha256).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::template::tests::template;

    fn keys() -> GuestKeys {
        GuestKeys::prepare(&template()).unwrap()
    }

    #[test]
    fn user_data_holds_the_host_key_whole_and_the_login_key_in_public_only() {
        let (keys, mut template) = (keys(), template());
        let whole = Duration::from_secs(90);
        let text = keys.user_data(&template, whole, None);
        assert!(text.contains("--on-active=90s systemctl poweroff || shutdown -h +2"), "{text}");
        let (_, block) = text.split_once("ed25519_private: |\n").unwrap();
        let (block, _) = block.split_once("  ed25519_public").unwrap();
        let key: String = block.lines().map(|line| line.trim().to_owned() + "\n").collect();
        let host = PrivateKey::from_openssh(key).unwrap();
        assert_eq!(host.public_key().key_data(), keys.host.public_key().key_data());
        assert!(text.contains(&format!("- {} {}\n", keys.login_public(), keys.label)));
        assert_eq!(text.matches("PRIVATE KEY").count(), 2);
        assert!(!text.contains("disable_root"));
        template.ssh_user = "root".into();
        assert!(keys.user_data(&template, whole, None).contains("disable_root: false"));
    }

    #[test]
    fn what_comes_by_ec2s_key_pair_and_the_console_is_not_in_user_data() {
        let mut template = template();
        template.key_pair = KeyPair::Temporary;
        template.host_key = HostKey::Console;
        let text = keys().user_data(&template, Duration::from_secs(90), None);
        assert!(!text.contains("ssh_keys") && !text.contains("ssh_authorized_keys"), "{text}");
        assert!(text.contains("amiable-deadline"));
    }

    #[test]
    fn a_key_file_that_is_none_is_named() {
        let mut template = template();
        let file = std::path::PathBuf::from("/nonexistent/key.pem");
        template.key_pair = KeyPair::Existing { name: "ci".into(), file };
        let error = GuestKeys::prepare(&template).unwrap_err().to_string();
        assert!(error.starts_with("the private key /nonexistent/key.pem cannot be used: "));
    }
}
