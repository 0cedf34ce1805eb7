//! Faults drawn at random from a seed, which is in the name of the case.
//!
//! `AMIABLE_FAULT_SEEDS=1000..1500 cargo test --test faults random` makes a long run. A
//! sample of the matrix has a few from its own seed on.

use std::ops::Range;
use std::sync::Arc;
use std::time::{Duration, Instant};

use libtest_mimic::{Failed, Trial};
use local_ec2::{Faults, Request};
use rand::rngs::StdRng;
use rand::seq::IndexedRandom;
use rand::{RngExt, SeedableRng};

use crate::Tally;
use crate::case::{Ended, end};
use crate::farm::Farm;
use crate::truth::{Truth, ask, check_launchable};

/// What the whole matrix draws from.
const SEEDS: Range<u64> = 0..12;
/// How many schedules a sample has.
const SAMPLE: u64 = 4;
/// How many commands a schedule has.
const COMMANDS: usize = 6;

fn seeds(sample: Option<u64>) -> Range<u64> {
    let Ok(text) = std::env::var("AMIABLE_FAULT_SEEDS") else {
        return sample.map_or(SEEDS, |seed| seed..seed + SAMPLE);
    };
    let range = text.split_once("..").and_then(|(from, to)| {
        let from: u64 = from.parse().ok()?;
        Some(from..to.parse().ok()?)
    });
    range.expect("AMIABLE_FAULT_SEEDS is FROM..TO")
}

/// The schedules of a whole matrix, or of a sample.
pub(crate) fn trials(sample: Option<u64>, tally: &Arc<Tally>) -> Vec<Trial> {
    let trial = |seed: u64| {
        let tally = tally.clone();
        Trial::test(format!("random/{seed}"), move || {
            run(seed)?;
            tally.count("random", "schedules", true);
            Ok(())
        })
    };
    seeds(sample).map(trial).collect()
}

const ACTIONS: [&str; 12] = [
    "*",
    "RunInstances",
    "DescribeInstances",
    "DescribeImages",
    "CreateImage",
    "CreateTags",
    "StopInstances",
    "TerminateInstances",
    "DeregisterImage",
    "DeleteSnapshot",
    "ssh",
    "ssh-login",
];
const STRIKES: [&str; 7] = [
    "cut",
    "cut,after",
    "InternalError",
    "RequestLimitExceeded",
    "UnauthorizedOperation",
    "InsufficientInstanceCapacity",
    "wait:300ms",
];

fn draw_faults(random: &mut StdRng) -> Faults {
    let count = random.random_range(0..3);
    let calls = (0..count).map(|_| {
        let (action, strike) = (ACTIONS.choose(random).unwrap(), STRIKES.choose(random).unwrap());
        let chance = [10, 30, 60].choose(random).unwrap();
        let times = random.random_range(1..5);
        format!("{action}={strike},times={times},chance={chance}").parse().unwrap()
    });
    let calls = calls.collect();
    let some = |random: &mut StdRng| Duration::from_millis(random.random_range(0..800));
    let (lag, not_found) = match random.random_range(0..4) {
        0 => (some(random), Duration::ZERO),
        1 => (Duration::ZERO, some(random)),
        _ => (Duration::ZERO, Duration::ZERO),
    };
    Faults { lag, not_found, seed: random.random(), calls, ..Faults::default() }
}

/// Commands under faults, some of them killed; then all faults end, an update succeeds,
/// and a sweep leaves nothing.
fn run(seed: u64) -> Result<(), Failed> {
    let mut random = StdRng::seed_from_u64(seed);
    let farm = Farm::with_example(&[]);
    farm.stdout(&["create", "agent", "-q"]);
    let mut told = vec![format!("seed {seed}")];
    for _ in 0..COMMANDS {
        let faults = draw_faults(&mut random);
        let command: &[&str] = match random.random_range(0..10) {
            0 => &["rollback", "agent"],
            1 => &["sweep", "--yes"],
            2 => &["verify", "agent"],
            _ => &["update", "agent"],
        };
        let kill = random.random_bool(0.4).then(|| random.random_range(0..900));
        told.push(format!("{command:?}, killed after {kill:?} ms, {faults:?}"));
        ask(&farm, &Request::SetFaults(faults));
        let ended = run_and_kill(&farm, command, kill)?;
        told.push(format!("{:?} {}", ended.status, ended.messages));
        ask(&farm, &Request::SetFaults(Faults::default()));
        let fail = |text: String| Failed::from(format!("{text}\n{}", told.join("\n")));
        let current = Truth::of(&farm).current.ok_or_else(|| fail("no current AMI".into()))?;
        check_launchable(&farm, &current).map_err(fail)?;
    }
    let fail = |text: String| Failed::from(format!("{text}\n{}", told.join("\n")));
    for command in [&["update", "agent"][..], &["sweep", "--yes"]] {
        let ended = end(farm.spawn(command))?;
        if ended.status != Some(0) {
            return Err(fail(format!("{command:?} at the end: {ended:#?}")));
        }
    }
    Truth::settled(&farm).nothing_is_left().map_err(fail)
}

fn run_and_kill(farm: &Farm, command: &[&str], kill: Option<u64>) -> Result<Ended, Failed> {
    let mut child = farm.spawn(command);
    if let Some(after) = kill {
        let at = Instant::now() + Duration::from_millis(after);
        while Instant::now() < at && child.try_wait()?.is_none() {
            std::thread::sleep(Duration::from_millis(5));
        }
        child.kill()?;
    }
    end(child)
}
