//! How long simulated machines take, for each transition.

use std::str::FromStr;
use std::time::Duration;

use serde::{Deserialize, Serialize};

/// Delays of simulated machines; all zero unless said otherwise.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Delays {
    /// Of every API call.
    pub api: Duration,
    /// From `pending` to `running`.
    pub running: Duration,
    /// From `running` to an SSH server that answers.
    pub ssh: Duration,
    /// From `stopping` to `stopped`.
    pub stopped: Duration,
    /// From `pending` to `available`, of an image.
    pub image: Duration,
    /// From `shutting-down` to `terminated`.
    pub terminated: Duration,
}

/// A text that is no set of delays.
#[derive(Debug, thiserror::Error)]
#[error(
    "{0:?} is not a delay: write NAME=DURATION[,…] with NAME one of api, running, ssh, stopped, image, terminated and DURATION such as 50ms or 10s"
)]
pub struct DelaysError(String);

impl FromStr for Delays {
    type Err = DelaysError;

    /// Reads `running=10s,ssh=500ms`.
    fn from_str(text: &str) -> Result<Self, DelaysError> {
        let mut delays = Delays::default();
        for part in text.split(',').filter(|part| !part.is_empty()) {
            let wrong = || DelaysError(part.to_owned());
            let (name, value) = part.split_once('=').ok_or_else(wrong)?;
            let slot = match name {
                "api" => &mut delays.api,
                "running" => &mut delays.running,
                "ssh" => &mut delays.ssh,
                "stopped" => &mut delays.stopped,
                "image" => &mut delays.image,
                "terminated" => &mut delays.terminated,
                _ => return Err(wrong()),
            };
            *slot = parse_duration(value).ok_or_else(wrong)?;
        }
        Ok(delays)
    }
}

/// Reads `50ms`, `10s`, `1.5s`.
#[must_use]
pub fn parse_duration(text: &str) -> Option<Duration> {
    let (number, unit) = match text.strip_suffix("ms") {
        Some(number) => (number, 0.001),
        None => (text.strip_suffix('s')?, 1.0),
    };
    Duration::try_from_secs_f64(number.parse::<f64>().ok()? * unit).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_several_delays() {
        let delays: Delays = "running=10s,api=50ms".parse().unwrap();
        assert_eq!(delays.running, Duration::from_secs(10));
        assert_eq!(delays.api, Duration::from_millis(50));
        assert_eq!(delays.ssh, Duration::ZERO);
    }

    #[test]
    fn refuses_what_it_does_not_know_by_name() {
        for text in ["boot=1s", "running", "running=fast", "running=-1s"] {
            let error = text.parse::<Delays>().unwrap_err().to_string();
            assert!(error.starts_with(&format!("{text:?} is not a delay")), "{error}");
        }
    }
}
