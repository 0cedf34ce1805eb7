//! What a farm costs: amiable beside Debian's packer, a script of `aws` calls and the floor,
//! on the simulated endpoint with delays like EC2's. `make bench` writes docs/benchmarks.md.
//!
//! Each run has an endpoint of its own, so that the draws of its delays are the same for
//! every tool of a round.

#![expect(clippy::print_stdout, clippy::print_stderr, reason = "that is what it is for")]

#[path = "../../tests/real/agent.rs"]
#[expect(dead_code, reason = "the tests use more of it")]
mod agent;
mod endpoint;
#[path = "../../tests/cli/farm.rs"]
#[expect(dead_code, reason = "the tests use more of it")]
mod farm;
mod fleet;
mod machines;
mod report;
mod single;
mod tools;

use std::ops::Range;
use std::time::Duration;

use local_ec2::{Delays, Transition};

use crate::report::Report;

/// EC2's delays, as measured by people who wait for it.
pub(crate) fn delays(seed: u64) -> Delays {
    let seconds = Duration::from_secs;
    Delays {
        api: Duration::from_millis(50),
        running: seconds(10),
        ssh: seconds(15),
        stopped: seconds(8),
        image: seconds(30),
        terminated: seconds(20),
        launched: Duration::ZERO,
        report: Duration::ZERO,
        spread: 10,
        seed,
    }
}

/// What no tool can be quicker than: the delays on the critical path of the instance that
/// takes longest, of those that are started as these, and seven calls.
pub(crate) fn floor(seed: u64, ordinals: Range<u64>) -> Duration {
    let delays = delays(seed);
    let path = [Transition::Running, Transition::Ssh, Transition::Stopped, Transition::Image];
    let of = |ordinal| path.iter().map(|it| delays.drawn(*it, ordinal)).sum::<Duration>();
    ordinals.map(of).max().unwrap_or_default() + delays.api * 7
}

fn main() {
    // `cargo test --benches` only asks whether it runs.
    if std::env::args().any(|it| it == "--test") {
        return;
    }
    let only = std::env::var("AMIABLE_BENCH").unwrap_or_default();
    let wanted = |name: &str| only.is_empty() || only.split(',').any(|it| it == name);
    let mut report = Report::begin();
    if wanted("unchanged") {
        fleet::unchanged(&mut report);
    }
    if wanted("plan") {
        fleet::plan(&mut report);
    }
    if wanted("list") {
        fleet::list(&mut report);
    }
    if wanted("single") {
        single::rounds(&mut report);
    }
    if wanted("many") {
        fleet::many(&mut report);
    }
    if wanted("written") {
        machines::written(&mut report);
    }
    if wanted("local") || wanted("images") {
        machines::local(&mut report, wanted("local"));
    }
    report.write(only.is_empty());
}
