//! The fault matrix: every operation, at every call and every SSH command of it in turn,
//! meets every fault; then the same command again, and `amiable sweep`. Whatever happened,
//! the invariants of [`truth`] hold.
//!
//! Where an answer is lost the SDK makes the call again, so that `lost` and `5xx-after` do
//! each effect twice, and in operation `undo` each undo.
//!
//! A case is named OPERATION/POINT/FAULT, such as `update/CreateImage-1/lost`, and can be
//! run alone by its name: `cargo test --test faults -- update/CreateImage-1/lost`.
//! Which points there are is found by counting the calls of a run without faults.
//!
//! `make test` runs a sample of them that is another one each day (`sample`), `make
//! fault-test` all.

#![expect(clippy::print_stdout, reason = "this test says what it covers")]

mod case;
mod copy;
#[path = "../cli/farm.rs"]
#[expect(dead_code, reason = "the other lanes use more of it")]
mod farm;
mod faults;
mod operation;
mod sample;
mod schedule;
mod together;
mod truth;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use libtest_mimic::{Arguments, Trial};

use crate::case::Case;
use crate::operation::Prepared;

/// How many cases run at once: they wait more than they work.
const AT_ONCE: usize = 8;

fn main() {
    let mut arguments = Arguments::from_args();
    arguments.test_threads = arguments.test_threads.or(Some(AT_ONCE));
    let began = Instant::now();
    let tally = Arc::new(Tally::default());
    let prepared = operation::prepare_all().into_iter().map(Arc::new);
    let all: Vec<Case> = prepared.flat_map(|prepared| matrix(&prepared, &tally)).collect();
    let (count, pairs) = (all.len(), pairs(&all));
    let seed = sample::seed();
    let cases = match seed {
        None => all,
        Some(seed) => sample::covering(all, Case::pairs, seed),
    };
    assert_eq!(self::pairs(&cases), pairs, "a sample leaves out no pair");
    if let Some(seed) = seed {
        println!("sample {seed}: {} of {count} cases", cases.len());
    }
    let mut trials: Vec<Trial> = cases.into_iter().map(|case| trial(case, &tally)).collect();
    trials.extend(schedule::trials(seed, &tally));
    trials.extend(together::trials(seed, &tally));
    let conclusion = libtest_mimic::run(&arguments, trials);
    println!("{}", tally.text());
    println!(
        "fault matrix: {} cases run, {} failed, in {} s",
        conclusion.num_passed + conclusion.num_failed,
        conclusion.num_failed,
        began.elapsed().as_secs()
    );
    conclusion.exit();
}

/// All cases of one operation.
fn matrix(prepared: &Arc<Prepared>, tally: &Tally) -> Vec<Case> {
    let points = prepared.points();
    tally.points(prepared.operation.name, points.len());
    let cases = points.into_iter().flat_map(|point| {
        let faults = faults::of(&point);
        faults.into_iter().map(move |fault| (point.clone(), fault))
    });
    cases.map(|(point, fault)| Case { prepared: prepared.clone(), point, fault }).collect()
}

fn pairs(cases: &[Case]) -> BTreeSet<(String, String)> {
    cases.iter().flat_map(Case::pairs).collect()
}

fn trial(case: Case, tally: &Arc<Tally>) -> Trial {
    let tally = tally.clone();
    Trial::test(case.name(), move || {
        let struck = case.run()?;
        tally.count(case.prepared.operation.name, case.fault.name(), struck);
        Ok(())
    })
}

/// What was run, for the summary.
#[derive(Default)]
pub(crate) struct Tally {
    points: std::sync::Mutex<BTreeMap<&'static str, usize>>,
    passed: std::sync::Mutex<BTreeMap<&'static str, BTreeMap<&'static str, usize>>>,
    missed: AtomicUsize,
}

impl Tally {
    fn points(&self, operation: &'static str, count: usize) {
        self.points.lock().unwrap().insert(operation, count);
    }

    fn count(&self, operation: &'static str, fault: &'static str, struck: bool) {
        let mut passed = self.passed.lock().unwrap();
        *passed.entry(operation).or_default().entry(fault).or_default() += 1;
        if !struck {
            self.missed.fetch_add(1, Ordering::Relaxed);
        }
    }

    fn text(&self) -> String {
        let (points, passed) = (self.points.lock().unwrap(), self.passed.lock().unwrap());
        let mut text = String::from("passed, by operation and fault:");
        for (operation, faults) in passed.iter() {
            let all: usize = faults.values().sum();
            let faults: Vec<String> =
                faults.iter().map(|(fault, count)| format!("{fault} {count}")).collect();
            let points = points.get(operation).copied().unwrap_or_default();
            text +=
                &format!("\n  {operation}: {points} points, {all} cases ({})", faults.join(", "));
        }
        let missed = self.missed.load(Ordering::Relaxed);
        text + &format!("\n  in {missed} of them the fault had no occasion to strike")
    }
}
