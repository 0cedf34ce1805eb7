//! A sample of the matrix: each operation meets each of its points and each fault, and each
//! action meets each fault, once at least. Which cases these are depends on a seed.

use std::collections::HashSet;
use std::hash::Hash;

use rand::SeedableRng;
use rand::rngs::StdRng;
use rand::seq::SliceRandom;

/// The variable that has the seed, such as today's date; without it all cases are run.
const VARIABLE: &str = "AMIABLE_FAULT_SAMPLE";

/// The seed of this run's sample; `None` when all is to be run.
pub(crate) fn seed() -> Option<u64> {
    let text = std::env::var(VARIABLE).ok().filter(|text| !text.is_empty())?;
    Some(text.parse().unwrap_or_else(|_| panic!("{VARIABLE} is a number, not {text}")))
}

/// As few of the cases as a simple choice finds, so that each pair that any of them has is
/// in one that is chosen.
pub(crate) fn covering<T, P: Eq + Hash, const N: usize>(
    mut cases: Vec<T>,
    pairs: impl Fn(&T) -> [P; N],
    seed: u64,
) -> Vec<T> {
    cases.shuffle(&mut StdRng::seed_from_u64(seed));
    let mut covered = HashSet::new();
    let mut chosen = Vec::new();
    // Those that bring the most come first.
    for wanted in (1..=N).rev() {
        let mut rest = Vec::new();
        for case in cases {
            let pairs = pairs(&case);
            let new = pairs.iter().filter(|pair| !covered.contains(*pair)).count();
            if new >= wanted {
                covered.extend(pairs);
                chosen.push(case);
            } else {
                rest.push(case);
            }
        }
        cases = rest;
    }
    chosen
}
