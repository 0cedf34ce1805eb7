//! The faults, and at which points each of them makes sense.

use std::fmt;
use std::time::Duration;

use local_ec2::{CallFault, Faults, Strike};

/// How long a call takes that the program is killed in.
const LONG: Duration = Duration::from_secs(120);
/// How long a call takes that the program is interrupted in.
const SHORT: Duration = Duration::from_millis(600);
/// For how long descriptions lag, and new resources are not found.
const WHILE: Duration = Duration::from_millis(900);

/// Where a fault strikes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Point {
    /// The `count`th call of an action, from 1.
    Call { action: String, count: u32 },
    /// Everywhere.
    All,
}

impl Point {
    /// Whether a run may make fewer calls of this kind than another.
    pub(crate) fn is_polled(&self) -> bool {
        let polled = ["DescribeInstances", "DescribeImages", "GetConsoleOutput", "ssh-login"];
        matches!(self, Point::Call { action, .. } if polled.contains(&action.as_str()))
    }
}

impl fmt::Display for Point {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Point::Call { action, count } => write!(f, "{action}-{count}"),
            Point::All => f.write_str("all"),
        }
    }
}

/// What happens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
    /// Refused for good, before the effect.
    Refused,
    /// The connection is cut before the effect, once.
    Cut,
    /// The effect is done, and the answer is lost once.
    Lost,
    /// The effect is done, and no answer ever comes.
    Mute,
    /// Throttled three times.
    Throttled,
    /// InternalError, twice before the effect.
    Broken,
    /// InternalError once, after the effect.
    BrokenAfter,
    /// What the call names is not found, twice.
    NotFound,
    /// `kill -9` before the effect.
    KilledBefore,
    /// `kill -9` after the effect.
    KilledAfter,
    /// Ctrl-C during the call.
    Interrupted,
    /// The terminal is closed during the call.
    HungUp,
    /// Standard output has no room.
    FullOutput,
    /// A command fails with a status, a login is refused once.
    Fails,
    /// All descriptions are stale.
    Stale,
    /// All new resources are not found for a while.
    Unseen,
    /// Throttled by EC2's own buckets.
    Buckets,
}

impl Fault {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Fault::Refused => "refused",
            Fault::Cut => "cut",
            Fault::Lost => "lost",
            Fault::Mute => "mute",
            Fault::Throttled => "throttled",
            Fault::Broken => "5xx",
            Fault::BrokenAfter => "5xx-after",
            Fault::NotFound => "not-found",
            Fault::KilledBefore => "killed-before",
            Fault::KilledAfter => "killed-after",
            Fault::Interrupted => "interrupted",
            Fault::HungUp => "hung-up",
            Fault::FullOutput => "full-output",
            Fault::Fails => "fails",
            Fault::Stale => "stale",
            Fault::Unseen => "unseen",
            Fault::Buckets => "buckets",
        }
    }

    /// Whether the program is sent a signal when the fault strikes.
    pub(crate) fn signal(self) -> Option<rustix::process::Signal> {
        match self {
            Fault::KilledBefore | Fault::KilledAfter => Some(rustix::process::Signal::KILL),
            Fault::Interrupted => Some(rustix::process::Signal::INT),
            Fault::HungUp => Some(rustix::process::Signal::HUP),
            _ => None,
        }
    }

    /// Whether the operation must get over it and succeed.
    pub(crate) fn is_got_over(self, point: &Point) -> bool {
        let is_command = matches!(point, Point::Call { action, .. } if action == "ssh");
        match self {
            Fault::Fails => !is_command,
            // A connection that is lost is made again, and the command with it.
            Fault::Cut
            | Fault::Lost
            | Fault::Throttled
            | Fault::Broken
            | Fault::BrokenAfter
            | Fault::NotFound
            | Fault::Stale
            | Fault::Unseen
            | Fault::Buckets => true,
            // What EC2 has made is found by its tag, even when its answer never comes.
            Fault::Mute => {
                matches!(point, Point::Call { action, .. } if MAKE.contains(&action.as_str()))
            }
            Fault::Refused
            | Fault::KilledBefore
            | Fault::KilledAfter
            | Fault::Interrupted
            | Fault::HungUp
            | Fault::FullOutput => false,
        }
    }

    /// The rules for `amiable local fault`.
    pub(crate) fn rules(self, point: &Point) -> Faults {
        let Point::Call { action, count } = point else {
            return match self {
                Fault::Stale => Faults { lag: WHILE, ..Faults::default() },
                Fault::Unseen => Faults { not_found: WHILE, ..Faults::default() },
                Fault::FullOutput => Faults::default(),
                _ => Faults { throttle: true, ..Faults::default() },
            };
        };
        let error = |code: &str| Strike::Error(code.to_owned());
        let (strike, after, times) = match self {
            Fault::Refused => (error("UnauthorizedOperation"), false, Some(1)),
            Fault::Cut => (Strike::Cut, false, Some(1)),
            Fault::Lost => (Strike::Cut, true, Some(1)),
            Fault::Mute => (Strike::Cut, true, None),
            Fault::Throttled => (error("RequestLimitExceeded"), false, Some(3)),
            Fault::Broken => (error("InternalError"), false, Some(2)),
            Fault::BrokenAfter => (error("InternalError"), true, Some(1)),
            Fault::NotFound => (error(not_found(action).unwrap_or_default()), false, Some(2)),
            Fault::KilledBefore => (Strike::Wait(LONG), false, Some(1)),
            Fault::KilledAfter => (Strike::Wait(LONG), true, Some(1)),
            Fault::Interrupted | Fault::HungUp => (Strike::Wait(SHORT), false, Some(1)),
            Fault::Fails => (error("3"), false, Some(1)),
            Fault::Stale | Fault::Unseen | Fault::Buckets | Fault::FullOutput => {
                unreachable!("these are everywhere")
            }
        };
        let action = action.clone();
        let fault =
            CallFault { action, strike, region: None, after, skip: count - 1, times, chance: 100 };
        Faults { calls: vec![fault], ..Faults::default() }
    }
}

/// Actions that make something, and whose answer names it.
const MAKE: [&str; 3] = ["RunInstances", "CreateImage", "CopyImage"];

/// The code for what an action's calls name; `None` when they name nothing that might not
/// be known yet.
fn not_found(action: &str) -> Option<&'static str> {
    match action {
        "StopInstances" | "TerminateInstances" | "CreateImage" | "GetConsoleOutput" => {
            Some("InvalidInstanceID.NotFound")
        }
        "RunInstances" | "DeregisterImage" | "CopyImage" | "CreateTags" => {
            Some("InvalidAMIID.NotFound")
        }
        "DeleteSnapshot" => Some("InvalidSnapshot.NotFound"),
        _ => None,
    }
}

/// The faults that a point meets.
pub(crate) fn of(point: &Point) -> Vec<Fault> {
    let Point::Call { action, .. } = point else {
        return vec![Fault::Stale, Fault::Unseen, Fault::Buckets, Fault::FullOutput];
    };
    if action.starts_with("ssh") {
        return vec![Fault::Fails, Fault::Cut, Fault::KilledBefore, Fault::Interrupted];
    }
    let mut faults = vec![
        Fault::Refused,
        Fault::Cut,
        Fault::Lost,
        Fault::Throttled,
        Fault::Broken,
        Fault::BrokenAfter,
        Fault::KilledBefore,
        Fault::KilledAfter,
        Fault::Interrupted,
    ];
    if MAKE.contains(&action.as_str()) {
        faults.extend([Fault::Mute, Fault::HungUp]);
    }
    if not_found(action).is_some() {
        faults.push(Fault::NotFound);
    }
    faults
}
