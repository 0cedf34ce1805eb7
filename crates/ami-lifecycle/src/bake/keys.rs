//! The two keys of a bake: one to log in with, and the host key that the builder is
//! given and must then show. Both live in memory and end with the bake.

use std::sync::Arc;
use std::time::Duration;

use russh::keys::ssh_key::LineEnding;
use russh::keys::{Algorithm, PrivateKey};

/// The keys of one bake.
#[derive(Debug, Clone)]
pub(super) struct BakeKeys {
    pub(super) login: Arc<PrivateKey>,
    pub(super) host: Arc<PrivateKey>,
}

impl BakeKeys {
    pub(super) fn generate() -> BakeKeys {
        let generate = || {
            PrivateKey::random(&mut rand::rng(), Algorithm::Ed25519)
                .expect("ed25519 keys can always be made")
        };
        BakeKeys { login: Arc::new(generate()), host: Arc::new(generate()) }
    }

    /// The login key's public half, without a comment, as authorized_keys has it.
    pub(super) fn login_public(&self) -> String {
        public_line(&self.login)
    }

    /// cloud-config that lets the login key in, gives the instance its host key
    /// (<https://cloudinit.readthedocs.io/en/latest/reference/modules.html#ssh>), and lets
    /// it end itself after `whole` when nobody has by then. The timer lives in memory, so
    /// it is not in the AMI. It is set when the guest is up: systemd-run waits for D-Bus.
    pub(super) fn user_data(&self, ssh_user: &str, whole: Duration) -> String {
        let mut text = String::from("#cloud-config\n");
        let (seconds, minutes) = (whole.as_secs(), whole.as_secs().div_ceil(60));
        text += &format!(
            "runcmd:\n- [sh, -c, \"systemd-run --quiet --unit=amiable-deadline \
             --on-active={seconds}s systemctl poweroff || shutdown -h +{minutes}\"]\n"
        );
        if ssh_user == "root" {
            // cloud-init would otherwise put a command before root's key that refuses the login.
            text += "disable_root: false\n";
        }
        text += &format!("ssh_authorized_keys:\n- {}\n", self.login_public());
        text += "ssh_deletekeys: true\nssh_keys:\n  ed25519_private: |\n";
        for line in private_text(&self.host).lines() {
            text += &format!("    {line}\n");
        }
        text += &format!("  ed25519_public: {}\n", public_line(&self.host));
        text
    }
}

/// A private key in OpenSSH's format.
pub(super) fn private_text(key: &PrivateKey) -> String {
    key.to_openssh(LineEnding::LF).expect("a key made here can be written").to_string()
}

/// A key's public half, without a comment.
pub(super) fn public_line(key: &PrivateKey) -> String {
    let mut public = key.public_key().clone();
    public.set_comment("");
    public.to_openssh().expect("a key made here can be written").trim().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn user_data_holds_the_host_key_whole_and_the_login_key_in_public_only() {
        let keys = BakeKeys::generate();
        let text = keys.user_data("debian", Duration::from_secs(90));
        assert!(text.contains("--on-active=90s systemctl poweroff || shutdown -h +2"), "{text}");
        let (_, block) = text.split_once("ed25519_private: |\n").unwrap();
        let (block, _) = block.split_once("  ed25519_public").unwrap();
        let key: String = block.lines().map(|line| line.trim().to_owned() + "\n").collect();
        let host = PrivateKey::from_openssh(key).unwrap();
        assert_eq!(host.public_key().key_data(), keys.host.public_key().key_data());
        assert!(text.contains(&keys.login_public()));
        assert_eq!(text.matches("PRIVATE KEY").count(), 2);
        assert!(!text.contains("disable_root"));
        assert!(keys.user_data("root", Duration::from_secs(1)).contains("disable_root: false"));
    }
}
