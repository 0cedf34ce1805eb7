//! Faults as a client meets them on AWS, to be switched on: see [`Faults`]. Every call of a service that
//! is served passes by here, so that it is counted here too.

use std::collections::BTreeMap;
use std::str::FromStr;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use serde::{Deserialize, Serialize};

use crate::machines::parse_duration;
use crate::protocol::{ApiError, ApiResult};
use crate::throttle::{Demand, Throttle};

/// Stands for a command that a simulated machine is given.
pub(crate) const SSH_COMMAND: &str = "ssh";
/// Stands for a login at a simulated machine.
pub(crate) const SSH_LOGIN: &str = "ssh-login";

/// What goes wrong on purpose. All of it is off by default, and off again when the
/// server ends.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Faults {
    /// Descriptions tell what was so long ago.
    pub lag: Duration,
    /// A new resource is not found for so long, whichever call names it.
    pub not_found: Duration,
    /// Calls are throttled by buckets of the sizes that EC2 documents.
    pub throttle: bool,
    /// What the chances in `calls` are drawn from.
    pub seed: u64,
    /// The only actions that are allowed, as IAM would; `*` stands for any letters.
    pub allow: Option<Vec<String>>,
    /// Calls that fail.
    pub calls: Vec<CallFault>,
}

/// What happens to a call.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Strike {
    /// It is answered with an error code such as `InternalError`; a command with an exit
    /// status.
    Error(String),
    /// Its connection is cut.
    Cut,
    /// It takes so much longer.
    Wait(Duration),
}

/// A call that fails.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CallFault {
    /// The action, or `*` for any. `ssh` is a command that a simulated machine is given,
    /// `ssh-login` a login there.
    pub action: String,
    /// What happens to it.
    pub strike: Strike,
    /// Only calls in this region, where one is named.
    #[serde(default)]
    pub region: Option<String>,
    /// The call takes effect all the same, before that.
    pub after: bool,
    /// So many calls pass first.
    pub skip: u32,
    /// So many fail then; `None` for all.
    pub times: Option<u32>,
    /// The chance of each to fail, in percent.
    pub chance: u8,
}

impl FromStr for Strike {
    type Err = ();

    /// Reads `CODE`, `cut` or `wait:TIME`.
    fn from_str(text: &str) -> Result<Self, ()> {
        match (text, text.strip_prefix("wait:")) {
            ("", _) => Err(()),
            ("cut", _) => Ok(Strike::Cut),
            (_, Some(time)) => parse_duration(time).map(Strike::Wait).ok_or(()),
            (code, None) => Ok(Strike::Error(code.to_owned())),
        }
    }
}

impl std::fmt::Display for Strike {
    /// Writes what [`Strike::from_str`] reads.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Strike::Error(code) => f.write_str(code),
            Strike::Cut => f.write_str("cut"),
            Strike::Wait(time) => write!(f, "wait:{}ms", time.as_millis()),
        }
    }
}

impl FromStr for CallFault {
    type Err = String;

    /// Reads `ACTION=CODE[,after][,skip=N][,times=N][,chance=PERCENT][,region=REGION]`, where
    /// CODE may be `cut` or `wait:TIME`.
    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || {
            format!(
                "{text:?} is not ACTION=CODE|cut|wait:TIME[,after][,skip=N][,times=N][,chance=PERCENT]\
                 [,region=REGION], such as CreateImage=cut,after,times=1"
            )
        };
        let (action, rest) = text.split_once('=').ok_or_else(wrong)?;
        let mut words = rest.split(',');
        let strike = words.next().and_then(|word| word.parse().ok()).ok_or_else(wrong)?;
        let has_form =
            action == "*" || action.chars().all(|it| it.is_ascii_alphanumeric() || it == '-');
        if action.is_empty() || !has_form || strike == Strike::Error("wait".into()) {
            return Err(wrong());
        }
        let mut fault = CallFault {
            action: action.to_owned(),
            strike,
            region: None,
            after: false,
            skip: 0,
            times: None,
            chance: 100,
        };
        for word in words {
            match word.split_once('=') {
                None if word == "after" => fault.after = true,
                Some(("skip", number)) => fault.skip = number.parse().map_err(|_| wrong())?,
                Some(("times", number)) => {
                    fault.times = Some(number.parse().map_err(|_| wrong())?);
                }
                Some(("region", name)) if !name.is_empty() => fault.region = Some(name.to_owned()),
                Some(("chance", number)) => {
                    let percent = number.trim_end_matches('%').parse();
                    fault.chance = percent.ok().filter(|it| *it <= 100).ok_or_else(wrong)?;
                }
                _ => return Err(wrong()),
            }
        }
        Ok(fault)
    }
}

impl std::fmt::Display for CallFault {
    /// Writes what [`CallFault::from_str`] reads.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}={}", self.action, self.strike)?;
        if self.after {
            f.write_str(",after")?;
        }
        if self.skip > 0 {
            write!(f, ",skip={}", self.skip)?;
        }
        if let Some(times) = self.times {
            write!(f, ",times={times}")?;
        }
        if self.chance < 100 {
            write!(f, ",chance={}", self.chance)?;
        }
        if let Some(region) = &self.region {
            write!(f, ",region={region}")?;
        }
        Ok(())
    }
}

/// How often each action was called, and how many calls a fault has struck.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct CallCounts {
    /// By action; `ssh` are commands and `ssh-login` logins at simulated machines.
    pub made: BTreeMap<String, u64>,
    /// All that a [`CallFault`] has struck.
    pub struck: u64,
    /// Calls that were throttled.
    pub throttled: u64,
    /// Connections that were made.
    pub connections: u64,
}

/// What becomes of one call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Fate {
    Passes,
    /// This comes first.
    Before(Strike),
    /// All is done, and then this comes instead of the answer, or before it.
    After(Strike),
}

/// The faults of a server, and how far each has come.
#[derive(Debug)]
pub(crate) struct FaultControl(Mutex<Progress>);

#[derive(Debug)]
struct Progress {
    faults: Faults,
    /// For each of the calls that fail: those that it met, and those that it let fail.
    counts: Vec<(u32, u32)>,
    random: StdRng,
    throttle: Throttle,
    calls: CallCounts,
}

impl Default for FaultControl {
    fn default() -> Self {
        FaultControl(Mutex::new(Progress::new(Faults::default())))
    }
}

impl FaultControl {
    /// Begins anew with other faults. Counts go on.
    pub(crate) fn set(&self, faults: Faults) {
        let mut progress = self.progress();
        let calls = std::mem::take(&mut progress.calls);
        *progress = Progress { calls, ..Progress::new(faults) };
    }

    pub(crate) fn get(&self) -> Faults {
        self.progress().faults.clone()
    }

    /// How often each action was called; `reset` begins to count anew.
    pub(crate) fn calls(&self, reset: bool) -> CallCounts {
        let calls = &mut self.progress().calls;
        if reset { std::mem::take(calls) } else { calls.clone() }
    }

    /// # Errors
    /// `UnauthorizedOperation` when the action is not allowed.
    pub(crate) fn authorize(&self, action: &str) -> ApiResult<()> {
        match &self.progress().faults.allow {
            Some(allowed) if !allowed.iter().any(|pattern| matches(pattern, action)) => {
                Err(ApiError::unauthorized())
            }
            _ => Ok(()),
        }
    }

    /// # Errors
    /// `RequestLimitExceeded` when the call is throttled.
    pub(crate) fn throttle(&self, demand: Demand<'_>) -> ApiResult<()> {
        let mut progress = self.progress();
        if !progress.faults.throttle {
            return Ok(());
        }
        let taken = progress.throttle.take(demand, Instant::now());
        progress.calls.throttled += u64::from(taken.is_err());
        taken
    }

    /// Counts a connection.
    pub(crate) fn connected(&self) {
        self.progress().calls.connections += 1;
    }

    /// Counts a call and decides what becomes of it.
    pub(crate) fn fate(&self, action: &str, region: &str) -> Fate {
        self.progress().fate(action, region)
    }

    fn progress(&self) -> std::sync::MutexGuard<'_, Progress> {
        self.0.lock().expect("no panic holds this lock")
    }
}

/// Whether an action is one of those that a pattern of IAM's means, such as
/// `ec2:Describe*`. The service may be left out.
fn matches(pattern: &str, action: &str) -> bool {
    let pattern = pattern.split_once(':').map_or(pattern, |(_, action)| action);
    match pattern.split_once('*') {
        None => pattern == action,
        Some((head, tail)) => {
            let Some(rest) = action.strip_prefix(head) else { return false };
            let mut ends = (0..=rest.len()).filter(|end| rest.is_char_boundary(*end));
            ends.any(|end| matches(tail, &rest[end..]))
        }
    }
}

impl Progress {
    fn new(faults: Faults) -> Progress {
        Progress {
            counts: vec![(0, 0); faults.calls.len()],
            random: StdRng::seed_from_u64(faults.seed),
            throttle: Throttle::default(),
            calls: CallCounts::default(),
            faults,
        }
    }

    /// The first fault that strikes decides.
    fn fate(&mut self, action: &str, region: &str) -> Fate {
        *self.calls.made.entry(action.to_owned()).or_default() += 1;
        let is_ssh = [SSH_COMMAND, SSH_LOGIN].contains(&action);
        let calls = self.faults.calls.iter().zip(&mut self.counts);
        let concerned =
            calls.filter(|(it, _)| it.action == action || (it.action == "*" && !is_ssh));
        let concerned =
            concerned.filter(|(it, _)| it.region.as_ref().is_none_or(|it| it == region));
        for (fault, (met, failed)) in concerned {
            *met += 1;
            let strikes = *met > fault.skip
                && fault.times.is_none_or(|times| *failed < times)
                && self.random.random_range(0..100) < u32::from(fault.chance);
            if strikes {
                *failed += 1;
                self.calls.struck += 1;
                let strike = fault.strike.clone();
                return if fault.after { Fate::After(strike) } else { Fate::Before(strike) };
            }
        }
        Fate::Passes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn call_faults_are_read_and_written_alike() {
        for text in [
            "CreateImage=cut,after,times=1",
            "*=InternalError,chance=30",
            "CopyImage=cut,times=1,region=eu-west-1",
            "RunInstances=InsufficientInstanceCapacity,skip=2",
            "ssh=wait:1500ms,after,times=1",
        ] {
            assert_eq!(text.parse::<CallFault>().unwrap().to_string(), text);
        }
        for text in [
            "CreateImage",
            "CreateImage=",
            "X=cut,later",
            "X=cut,chance=101",
            "X=cut,region=",
            "X=wait:long",
            "X=wait",
            "=cut",
        ] {
            assert!(text.parse::<CallFault>().is_err(), "{text}");
        }
    }

    #[test]
    fn faults_strike_when_and_as_often_as_told() {
        let control = FaultControl::default();
        let calls = vec!["StopInstances=cut,skip=1,times=2".parse().unwrap()];
        control.set(Faults { calls, ..Faults::default() });
        let fates: Vec<bool> = (0..5)
            .map(|_| control.fate("StopInstances", "r") == Fate::Before(Strike::Cut))
            .collect();
        assert_eq!(fates, [false, true, true, false, false]);
        assert_eq!(control.fate("StartInstances", "r"), Fate::Passes);
    }

    #[test]
    fn the_same_seed_gives_the_same_faults() {
        let run = |seed| {
            let control = FaultControl::default();
            let calls = vec!["*=InternalError,chance=50".parse().unwrap()];
            control.set(Faults { calls, seed, ..Faults::default() });
            (0..64).map(|_| control.fate("X", "r") == Fate::Passes).collect::<Vec<_>>()
        };
        assert_eq!(run(7), run(7));
        assert_ne!(run(7), run(8));
    }

    #[test]
    fn every_call_is_counted_and_any_does_not_mean_ssh() {
        let control = FaultControl::default();
        control.set(Faults { calls: vec!["*=cut".parse().unwrap()], ..Faults::default() });
        let fates = ["X", "ssh", "ssh-login", "X"].map(|action| control.fate(action, "r"));
        assert_eq!(fates.map(|fate| fate == Fate::Passes), [false, true, true, false]);
        let counts = control.calls(true);
        assert_eq!(counts.struck, 2);
        assert_eq!(counts.made["X"], 2);
        assert_eq!(control.calls(false), CallCounts::default());
    }

    #[test]
    fn nothing_but_what_is_allowed_is_allowed() {
        let control = FaultControl::default();
        assert!(control.authorize("RunInstances").is_ok());
        let allow = Some(vec!["ec2:Describe*".into(), "*Tags".into()]);
        control.set(Faults { allow, ..Faults::default() });
        let allowed = ["DescribeImages", "CreateTags", "RunInstances", "Tags"]
            .map(|action| control.authorize(action).is_ok());
        assert_eq!(allowed, [true, true, false, true]);
    }
}
