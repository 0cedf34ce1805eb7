//! One bake without verification, each tool beside the floor, interleaved.

use crate::endpoint::{Taken, configure, measure, start};
use crate::report::{Report, Target, ratio};
use crate::{delays, floor, tools};

/// Rounds, unless AMIABLE_BENCH_ROUNDS says otherwise; each has draws of its own.
const ROUNDS: u64 = 2;

pub(crate) fn rounds(report: &mut Report) {
    let rounds = std::env::var("AMIABLE_BENCH_ROUNDS").ok().and_then(|it| it.parse().ok());
    let (mut rows, mut ratios) = (Vec::new(), Vec::new());
    for round in 0..rounds.unwrap_or(ROUNDS) {
        let seed = 100 + round;
        let first = floor(seed, 0..1);
        let mut add = |tool: &str, taken: &Taken, floor: std::time::Duration| {
            println!("{seed} {tool}: {:?}", taken.wall);
            rows.push(report.row(tool, seed, taken, floor));
        };
        let farm = start(delays(seed));
        configure(&farm, 1);
        let update =
            || farm.command("amiable", &["update", "t0", "--no-verify", "--no-roll", "-q"]);
        // Each instance has draws of its own, and so its own floor.
        for ordinal in 0..4 {
            let taken = measure(&farm, update());
            let floor = floor(seed, ordinal..ordinal + 1);
            add("amiable", &taken, floor);
            ratios.push(ratio(taken.wall, floor));
        }
        for tuned in [false, true] {
            let farm = start(delays(seed));
            let name = if tuned { "packer, tuned" } else { "packer" };
            add(name, &measure(&farm, tools::packer(&farm, 1, tuned)), first);
        }
        let farm = start(delays(seed));
        add("aws script", &measure(&farm, tools::script(&farm)), first);
    }
    report.section("One bake without verification", &[
        "Wall is the time until the program ends. The floor is the sum of the delays on the critical path that were drawn for that instance, plus seven calls. Target: a ratio of at most 1.05, over one connection.",
    ]);
    report.rows(&rows);
    let why = "Polls are a second apart, or a twentieth of the time waited.";
    report.targets(&[Target {
        what: "Wall over floor",
        wanted: 1.05,
        got: ratios,
        decimals: 3,
        why,
    }]);
}
