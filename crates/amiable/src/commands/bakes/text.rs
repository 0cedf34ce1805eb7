//! What is told of a bake that has ended.

use std::fs::File;
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use ami_lifecycle::{BakeError, Baked, FailedIn, KeptInstance};

use crate::failure::{self, Failure};

/// How a bake failed, what was kept, and what a repeat does. `log` is the file with the whole output.
pub(super) fn failed(template: &str, failed: &FailedIn, log: &Path) -> Failure {
    let mut failure = failure::of_bake(template, failed, &log.display().to_string());
    if let Some(kept) = &failed.kept {
        failure.details.extend(kept_text(kept, log));
    }
    if let Some(pending) = &failed.pending {
        let text = "stays pending: the same command resumes from it; delete it with `amiable \
                    delete` to bake from scratch";
        failure.details.push(format!("{pending} {text}"));
    }
    if let Some(current) = &failed.current
        && !matches!(failed.error, BakeError::Refused(_) | BakeError::Busy(_))
    {
        failure.details.push(format!("{current} is still the current AMI of {template}"));
    }
    failure
}

pub(super) fn tried_text(template: &str) -> String {
    format!("{template}: the scripts ran and the machine was sealed; no AMI was made")
}

pub(super) fn done_text(template: &str, baked: &Baked) -> String {
    if !baked.promoted {
        return format!(
            "{template}: {} (generation {}) is pending; `amiable verify {template}` verifies it \
             and makes it current",
            baked.ami, baked.generation
        );
    }
    let text = format!("{template}: {} is current (generation {})", baked.ami, baked.generation);
    match &baked.previous {
        Some(previous) => format!("{text}; {previous} is kept as backup"),
        None => text,
    }
}

/// How to look at an instance that was kept. The bake's key is written beside the log,
/// and the host key too, so that this login is as strict as the bake's own.
fn kept_text(kept: &KeptInstance, log: &Path) -> Vec<String> {
    let mut lines = vec![format!("kept as requested: {}", kept.instance)];
    if let Some(login) = &kept.login {
        let (key, known) = (log.with_extension("key"), log.with_extension("known_hosts"));
        let host = match login.port {
            22 => format!("{} {}\n", login.address, login.host_key),
            port => format!("[{}]:{port} {}\n", login.address, login.host_key),
        };
        let written =
            write_private(&key, &login.private_key).and_then(|()| write_private(&known, &host));
        lines.push(match written {
            Ok(()) => format!(
                "log in: ssh -i {} -o IdentitiesOnly=yes -o StrictHostKeyChecking=yes -o \
                 UserKnownHostsFile={}{} -p {} {}@{}",
                key.display(),
                known.display(),
                login.proxy_option(),
                login.port,
                login.user,
                login.address
            ),
            Err(error) => format!("its key could not be written to {}: {error}", key.display()),
        });
    }
    lines.push(format!(
        "it shuts down by itself at {}. To keep it longer, run `sudo systemctl stop \
         amiable-deadline.timer` on it; after that, `amiable sweep` removes it",
        kept.until.strftime("%Y-%m-%d %H:%M UTC")
    ));
    lines.push(format!(
        "to terminate it: aws ec2 terminate-instances --instance-ids {}",
        kept.instance
    ));
    lines
}

fn write_private(path: &Path, text: &str) -> std::io::Result<()> {
    let mut file = File::options().write(true).create_new(true).mode(0o600).open(path)?;
    file.write_all(text.as_bytes())
}
