//! Faults as a client meets them on AWS, to be switched on: see [`Faults`].

use std::str::FromStr;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use serde::{Deserialize, Serialize};

use crate::protocol::{ApiError, ApiResult};
use crate::throttle::{Demand, Throttle};

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
    /// Calls that fail.
    pub calls: Vec<CallFault>,
}

/// A call that fails.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CallFault {
    /// The action, or `*` for any.
    pub action: String,
    /// An error code such as `InternalError`; `None` cuts the connection.
    pub code: Option<String>,
    /// The call takes effect all the same.
    pub after: bool,
    /// So many calls pass first.
    pub skip: u32,
    /// So many fail then; `None` for all.
    pub times: Option<u32>,
    /// The chance of each to fail, in percent.
    pub chance: u8,
}

impl FromStr for CallFault {
    type Err = String;

    /// Reads `ACTION=CODE[,after][,skip=N][,times=N][,chance=PERCENT]`, where CODE may
    /// be `cut`.
    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || {
            format!(
                "{text:?} is not ACTION=CODE|cut[,after][,skip=N][,times=N][,chance=PERCENT], \
                 such as CreateImage=cut,after,times=1"
            )
        };
        let (action, rest) = text.split_once('=').ok_or_else(wrong)?;
        let mut words = rest.split(',');
        let code = words.next().filter(|code| !code.is_empty()).ok_or_else(wrong)?;
        let mut fault = CallFault {
            action: action.to_owned(),
            code: (code != "cut").then(|| code.to_owned()),
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
        write!(f, "{}={}", self.action, self.code.as_deref().unwrap_or("cut"))?;
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
        Ok(())
    }
}

/// What becomes of one call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Fate {
    Passes,
    /// Nothing is done, and this is the answer; `None`: there is none.
    Fails(Option<ApiError>),
    /// All is done, and this is the answer; `None`: there is none.
    FailsAfterwards(Option<ApiError>),
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
}

impl Default for FaultControl {
    fn default() -> Self {
        FaultControl(Mutex::new(Progress::new(Faults::default())))
    }
}

impl FaultControl {
    /// Begins anew with other faults.
    pub(crate) fn set(&self, faults: Faults) {
        *self.progress() = Progress::new(faults);
    }

    pub(crate) fn get(&self) -> Faults {
        self.progress().faults.clone()
    }

    /// # Errors
    /// `RequestLimitExceeded` when the call is throttled.
    pub(crate) fn throttle(&self, demand: Demand<'_>) -> ApiResult<()> {
        let mut progress = self.progress();
        if !progress.faults.throttle {
            return Ok(());
        }
        progress.throttle.take(demand, Instant::now())
    }

    pub(crate) fn fate(&self, action: &str) -> Fate {
        self.progress().fate(action)
    }

    fn progress(&self) -> std::sync::MutexGuard<'_, Progress> {
        self.0.lock().expect("no panic holds this lock")
    }
}

impl Progress {
    fn new(faults: Faults) -> Progress {
        Progress {
            counts: vec![(0, 0); faults.calls.len()],
            random: StdRng::seed_from_u64(faults.seed),
            throttle: Throttle::default(),
            faults,
        }
    }

    /// The first fault that strikes decides.
    fn fate(&mut self, action: &str) -> Fate {
        let calls = self.faults.calls.iter().zip(&mut self.counts);
        for (fault, (met, failed)) in
            calls.filter(|(it, _)| it.action == "*" || it.action == action)
        {
            *met += 1;
            let strikes = *met > fault.skip
                && fault.times.is_none_or(|times| *failed < times)
                && self.random.random_range(0..100) < u32::from(fault.chance);
            if strikes {
                *failed += 1;
                let answer = fault.code.as_deref().map(ApiError::injected);
                return if fault.after {
                    Fate::FailsAfterwards(answer)
                } else {
                    Fate::Fails(answer)
                };
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
            "RunInstances=InsufficientInstanceCapacity,skip=2",
        ] {
            assert_eq!(text.parse::<CallFault>().unwrap().to_string(), text);
        }
        for text in ["CreateImage", "CreateImage=", "X=cut,later", "X=cut,chance=101"] {
            assert!(text.parse::<CallFault>().is_err(), "{text}");
        }
    }

    #[test]
    fn faults_strike_when_and_as_often_as_told() {
        let control = FaultControl::default();
        let calls = vec!["StopInstances=cut,skip=1,times=2".parse().unwrap()];
        control.set(Faults { calls, ..Faults::default() });
        let fates: Vec<bool> =
            (0..5).map(|_| control.fate("StopInstances") == Fate::Fails(None)).collect();
        assert_eq!(fates, [false, true, true, false, false]);
        assert_eq!(control.fate("StartInstances"), Fate::Passes);
    }

    #[test]
    fn the_same_seed_gives_the_same_faults() {
        let run = |seed| {
            let control = FaultControl::default();
            let calls = vec!["*=InternalError,chance=50".parse().unwrap()];
            control.set(Faults { calls, seed, ..Faults::default() });
            (0..64).map(|_| control.fate("X") == Fate::Passes).collect::<Vec<_>>()
        };
        assert_eq!(run(7), run(7));
        assert_ne!(run(7), run(8));
    }
}
