//! Waiting for a login, and telling what keeps it from coming.

use std::mem::{Discriminant, discriminant};
use std::net::IpAddr;
use std::pin::pin;
use std::time::Duration;

use tokio::time::Instant;

use crate::ec2::own_address;
use crate::guest::error::GuestError;
use crate::guest::site::Site;
use crate::guest::ssh::{Login, Ssh};
use crate::guest::ssh_error::SshError;
use crate::model::event::Event;
use crate::model::ingress;
use crate::model::template::{Base, HostKey};

/// The pause between two attempts: an attempt is refused at once while there is no sshd, and
/// costs the network little.
const PAUSE: Duration = Duration::from_millis(200);
/// The pause where each attempt starts a program.
const TUNNEL_PAUSE: Duration = Duration::from_secs(2);
/// The longest pause after a refused login: sshd punishes who fails too often
/// (`PerSourcePenalties` in <https://man.openbsd.org/sshd_config>).
const LONGEST_PAUSE: Duration = Duration::from_secs(5);
/// When the terminal says what is seen: most machines let in before that.
const PATIENCE: Duration = Duration::from_secs(45);
/// With the right host key shown, cloud-init has put the login key in place, or will do so within
/// this time.
const REFUSED_LIMIT: Duration = Duration::from_secs(60);
/// The lines of the console that the error has.
const CONSOLE_LINES: usize = 20;

/// What is known of the machine.
pub(super) struct Awaited<'a> {
    pub(super) site: Site<'a>,
    pub(super) instance: &'a str,
    pub(super) is_public: bool,
    /// Its security groups, by name or id.
    pub(super) groups: &'a [String],
    pub(super) login: &'a Login,
    pub(super) deadline: Instant,
}

/// Tries until there is a login. Until cloud-init has put the keys in place there may be no
/// sshd, another host key, or a refusal: none of them is trusted, and all may pass.
pub(super) async fn log_in(awaited: &Awaited<'_>) -> Result<Ssh, GuestError> {
    let Awaited { site, login, deadline, .. } = *awaited;
    let began = Instant::now();
    let tell_at = began + PATIENCE;
    let mut told: Option<Discriminant<SshError>> = None;
    let mut last: Option<SshError> = None;
    let mut logged: Option<Discriminant<SshError>> = None;
    let mut refused: Option<Instant> = None;
    let shortest = if login.route.is_some() { TUNNEL_PAUSE } else { PAUSE };
    let mut pause = shortest;
    loop {
        let mut attempt = pin!(Ssh::connect(login));
        let attempt = tokio::select! {
            outcome = &mut attempt => outcome,
            // An attempt may take long: what the one before has seen is told meanwhile.
            () = tokio::time::sleep_until(tell_at), if told.is_none() && last.is_some() => {
                if let Some(error) = &last {
                    told = Some(discriminant(error));
                    tell(awaited, error).await;
                }
                attempt.await
            }
        };
        let error = match attempt {
            Ok(ssh) => return Ok(ssh),
            Err(error) => error,
        };
        let kind = discriminant(&error);
        if logged.replace(kind) != Some(kind) {
            tracing::debug!("no login at {}:{} yet: {error}", login.address, login.port);
        }
        let is_refused = matches!(error, SshError::Refused { .. });
        if is_refused {
            refused.get_or_insert_with(Instant::now);
            pause = (pause * 2).min(LONGEST_PAUSE);
        } else {
            (refused, pause) = (None, shortest);
        }
        let is_proven = site.template.host_key != HostKey::FirstContact;
        let for_good = is_proven && refused.is_some_and(|since| since.elapsed() > REFUSED_LIMIT)
            || error.is_for_good();
        if for_good || Instant::now() > deadline {
            return Err(no_login(awaited, &error, began.elapsed()).await);
        }
        if began.elapsed() > PATIENCE && told.replace(kind) != Some(kind) {
            tell(awaited, &error).await;
        }
        last = Some(error);
        tokio::time::sleep(pause).await;
    }
}

async fn tell(awaited: &Awaited<'_>, error: &SshError) {
    let text = format!("no login yet: {}", explain(awaited, error).await);
    awaited.site.observer.event(Event::Note(text));
}

async fn no_login(awaited: &Awaited<'_>, error: &SshError, after: Duration) -> GuestError {
    let login = awaited.login;
    let console = awaited.site.cloud.console(awaited.instance).await.unwrap_or_default();
    GuestError::NoLogin {
        user: login.user.clone(),
        address: login.address,
        port: login.port,
        after,
        last: explain(awaited, error).await,
        by_program: error.is_of_program(),
        console: last_lines(&console),
    }
}

/// The last lines that say something. Pure.
fn last_lines(console: &str) -> Vec<String> {
    let text = |line: &str| {
        let line = line.rsplit('\r').find(|part| !part.trim().is_empty()).unwrap_or_default();
        line.chars().filter(|it| !it.is_control()).collect::<String>()
    };
    let mut is_key = false;
    // Host keys tell nothing here.
    let tells = |line: &&str| {
        is_key |= line.contains("-----BEGIN SSH HOST KEY");
        let was_key = is_key;
        is_key &= !line.contains("-----END SSH HOST KEY");
        !was_key
    };
    let lines = console.lines().filter(tells).map(text);
    let lines: Vec<String> = lines.filter(|it| !it.trim().is_empty()).collect();
    lines[lines.len().saturating_sub(CONSOLE_LINES)..].to_vec()
}

/// What is seen at the port, and what it means.
async fn explain(awaited: &Awaited<'_>, error: &SshError) -> String {
    match error {
        SshError::Unanswered(_) => {
            let firewall = firewall(awaited).await.map(|text| format!(": {text}"));
            format!("{error}{}{}", firewall.unwrap_or_default(), without_public(awaited))
        }
        SshError::PortRefused(_) => {
            format!("{error}: the machine is up, but no sshd listens on that port")
        }
        SshError::HostKey(address) => format!(
            "{address} has a different host key from the one this machine was given: cloud-init \
             has not set it, or another machine answers"
        ),
        SshError::Refused { user } => {
            let usual = usual_user(&awaited.site.template.base).filter(|usual| usual != user);
            let usual = usual.map(|it| format!(" (the usual user of this base is {it})"));
            format!(
                "sshd has the expected host key, but refuses the login as {user}{}",
                usual.unwrap_or_default()
            )
        }
        _ => error.to_string(),
    }
}

/// The way out where a private address is used for want of a public one.
fn without_public(awaited: &Awaited<'_>) -> &'static str {
    let reach = &awaited.site.template.reach;
    if awaited.is_public || reach.address.is_some() || reach.connect.is_some() {
        return "";
    }
    "; the instance has no public address: `public_ip = true` requests one, `connect` sets another \
     way in, and `address = \"private\"` confirms that the private one can be reached (by a VPN)"
}

/// What the security groups say of a port that does not answer; `None` when EC2 does not tell.
async fn firewall(awaited: &Awaited<'_>) -> Option<String> {
    let Awaited { site, groups, login, .. } = awaited;
    let names: Vec<String> =
        if groups.is_empty() { vec!["default".into()] } else { groups.to_vec() };
    let groups = site.cloud.ingress(&names).await.ok()?;
    let own = own_address_towards(site, login.address).await?;
    let port = site.template.ssh_port;
    let rules = ingress::describe(&groups, port);
    Some(if ingress::admits(&groups, port, own) {
        format!(
            "the security groups allow {own} on port {port} ({rules}), so the machine is not up \
             yet, or a route, network ACL or firewall blocks the way"
        )
    } else {
        format!("no rule allows {own} on port {port}: {rules}")
    })
}

/// The address that a machine at `other` sees.
async fn own_address_towards(site: &Site<'_>, other: IpAddr) -> Option<IpAddr> {
    if is_private(other) {
        own_address::towards(other).ok()
    } else {
        site.cloud.own_address().await.ok()
    }
}

fn is_private(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(it) => it.is_private() || it.is_loopback() || it.is_link_local(),
        IpAddr::V6(it) => it.is_loopback() || it.is_unique_local() || it.is_unicast_link_local(),
    }
}

/// The user that well-known bases let in
/// (<https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/managing-users.html>), as far as the
/// template's words tell. Pure.
fn usual_user(base: &Base) -> Option<&'static str> {
    let text = match base {
        // Under any name, one's own base lets in whom one likes.
        Base::Newest(choice) if choice.owner == "self" => return None,
        Base::Newest(choice) => format!("{} {}", choice.owner, choice.name),
        Base::Ssm(parameter) => parameter.clone(),
        Base::Ami(_) | Base::Template(_) => return None,
    };
    let text = text.to_ascii_lowercase();
    const USERS: [(&str, &str); 12] = [
        ("ubuntu", "ubuntu"),
        ("099720109477", "ubuntu"),
        ("136693071363", "admin"),
        ("debian", "admin"),
        ("al2023", "ec2-user"),
        ("amzn2", "ec2-user"),
        ("amazon-linux", "ec2-user"),
        ("rhel", "ec2-user"),
        ("rocky", "rocky"),
        ("almalinux", "ec2-user"),
        ("suse", "ec2-user"),
        ("fedora", "fedora"),
    ];
    USERS.iter().find(|(part, _)| text.contains(part)).map(|(_, user)| *user)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::template::ImageFilter;

    #[test]
    fn well_known_bases_have_a_usual_user() {
        let newest = |owner: &str, name: &str| {
            Base::Newest(ImageFilter {
                owner: owner.into(),
                name: name.into(),
                tags: Default::default(),
            })
        };
        for (base, user) in [
            (newest("099720109477", "ubuntu/images/hvm-ssd/*"), Some("ubuntu")),
            (newest("136693071363", "debian-12-amd64-*"), Some("admin")),
            (newest("amazon", "al2023-ami-2023.*-x86_64"), Some("ec2-user")),
            (newest("792107900819", "Rocky-9-EC2-Base-*"), Some("rocky")),
            (Base::Ssm("/aws/service/canonical/ubuntu/server/24.04".into()), Some("ubuntu")),
            (newest("self", "debian-12-*"), None),
            (Base::Ami("ami-12345678".into()), None),
        ] {
            assert_eq!(usual_user(&base), user, "{base}");
        }
    }

    #[test]
    fn the_consoles_last_lines_are_plain_text() {
        let keys = "-----BEGIN SSH HOST KEY KEYS-----\nkey\n-----END SSH HOST KEY KEYS-----\n";
        let old = "old\n".repeat(40);
        let console = format!("{old}\r\n\u{1b}[0mbooting\r\n{keys}\r\n10%\rpanic\r\n");
        let lines = last_lines(&console);
        assert_eq!(lines.len(), CONSOLE_LINES);
        assert_eq!(lines[CONSOLE_LINES - 2..], ["[0mbooting", "panic"]);
        assert!(last_lines("").is_empty());
    }
}
