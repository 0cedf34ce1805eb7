//! How long simulated machines take, for each transition.

use std::str::FromStr;
use std::time::Duration;

use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
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
    /// From a launch to when DescribeImages tells of it.
    pub launched: Duration,
    /// From `pending` to `available`, of a usage report.
    #[serde(default)]
    pub report: Duration,
    /// How far each instance's delays differ from these: the standard deviation, in percent.
    pub spread: u8,
    /// What they are drawn from.
    pub seed: u64,
}

/// A delay that an instance has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Transition {
    /// [`Delays::running`].
    Running,
    /// [`Delays::ssh`].
    Ssh,
    /// [`Delays::stopped`].
    Stopped,
    /// [`Delays::image`].
    Image,
    /// [`Delays::terminated`].
    Terminated,
}

impl Delays {
    /// A delay of the instance that was started as the `ordinal`th: drawn from a normal
    /// distribution, cut off at three standard deviations. The same seed gives the same.
    #[must_use]
    pub fn drawn(&self, transition: Transition, ordinal: u64) -> Duration {
        let mean = match transition {
            Transition::Running => self.running,
            Transition::Ssh => self.ssh,
            Transition::Stopped => self.stopped,
            Transition::Image => self.image,
            Transition::Terminated => self.terminated,
        };
        if self.spread == 0 {
            return mean;
        }
        let place = (ordinal * 8 + transition as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        let mut random = StdRng::seed_from_u64(self.seed ^ place);
        // Box and Muller's way from two even draws to a normal one.
        let (one, two): (f64, f64) = (random.random(), random.random());
        let normal = (-2.0 * (1.0 - one).ln()).sqrt() * (std::f64::consts::TAU * two).cos();
        let factor = 1.0 + normal.clamp(-3.0, 3.0) * f64::from(self.spread) / 100.0;
        mean.mul_f64(factor.max(0.0))
    }
}

/// A text that is no set of delays.
#[derive(Debug, thiserror::Error)]
#[error(
    "{0:?} is not a delay: write NAME=DURATION[,…] with NAME one of api, running, ssh, stopped, image, terminated, launched, report and DURATION such as 50ms or 10s; spread=PERCENT and seed=NUMBER draw them around that"
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
            match name {
                "spread" => {
                    let percent = value.trim_end_matches('%').parse().ok();
                    delays.spread = percent.filter(|it| *it <= 30).ok_or_else(wrong)?;
                    continue;
                }
                "seed" => {
                    delays.seed = value.parse().map_err(|_| wrong())?;
                    continue;
                }
                _ => {}
            }
            let slot = match name {
                "api" => &mut delays.api,
                "running" => &mut delays.running,
                "ssh" => &mut delays.ssh,
                "stopped" => &mut delays.stopped,
                "image" => &mut delays.image,
                "terminated" => &mut delays.terminated,
                "launched" => &mut delays.launched,
                "report" => &mut delays.report,
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
    fn draws_lie_around_the_mean_and_come_again_with_the_seed() {
        let delays: Delays = "image=30s,spread=10%,seed=7".parse().unwrap();
        let draw = |ordinal| delays.drawn(Transition::Image, ordinal).as_secs_f64();
        let all: Vec<f64> = (0..1000).map(draw).collect();
        let mean = all.iter().sum::<f64>() / 1000.0;
        assert!((29.5..30.5).contains(&mean), "{mean}");
        let far = all.iter().filter(|it| (**it - 30.0).abs() > 3.0).count();
        assert!((200..450).contains(&far), "a third lies beyond one deviation: {far}");
        assert!(all.iter().all(|it| (21.0..=39.0).contains(it)));
        assert_eq!(all[3], draw(3));
        assert_ne!(draw(3), Delays { seed: 8, ..delays }.drawn(Transition::Image, 3).as_secs_f64());
    }

    #[test]
    fn refuses_what_it_does_not_know_by_name() {
        for text in ["boot=1s", "running", "running=fast", "running=-1s", "spread=40%", "seed=x"] {
            let error = text.parse::<Delays>().unwrap_err().to_string();
            assert!(error.starts_with(&format!("{text:?} is not a delay")), "{error}");
        }
    }
}
