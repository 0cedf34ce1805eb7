//! Two commands that change something, at the same time: one is held up at each of its calls in turn
//! while the other runs from its beginning to its end. A template that had a current AMI has one all the
//! while, and what a command says it made current is there.
//!
//! A case is named `together/HELD/POINT/OTHER`.

use std::sync::Arc;
use std::time::Duration;

use libtest_mimic::{Failed, Trial};
use local_ec2::{CallFault, Faults, Request, Strike};

use crate::Tally;
use crate::case::{Ended, end, kill_when_struck, set_faults, wait_until_struck};
use crate::copy::copy;
use crate::farm::Farm;
use crate::faults::Point;
use crate::operation::{of_generation, points_of};
use crate::sample;
use crate::truth::{Truth, ask, tag};

/// How long the one is held up: the other takes less where the machine is not busy.
const HOLD: Duration = Duration::from_secs(2);

/// Where it is held up: what reads AMIs, and what changes something.
const ACTIONS: [&str; 8] = [
    "CopyImage",
    "CreateImage",
    "CreateTags",
    "DeregisterImage",
    "DescribeImages",
    "DisableImage",
    "RunInstances",
    "TerminateInstances",
];

/// The commands, by name; AMIs are named by their generation.
const COMMANDS: [(&str, &str); 12] = [
    ("delete-1", "delete AMI-1 --yes"),
    ("delete-2", "delete AMI-2 --yes"),
    // By a configuration of its own, so that the others act in one region.
    ("distribute", "--config regions.toml update agent"),
    ("prune", "prune --yes --keep 0 --younger 1ms"),
    ("restore", "restore AMI-3"),
    ("retire", "--config retire.toml prune --yes --keep 0 --younger 1ms"),
    ("roll", "roll agent --write"),
    ("rollback-1", "rollback agent --to 1"),
    ("rollback-2", "rollback agent --to 2"),
    ("sweep", "sweep --yes"),
    ("update", "update agent"),
    ("verify", "verify agent"),
];

/// What all pairs begin with: two AMIs before the current one, which a consumer names, one that was
/// deleted, one that waits to be verified, and what a dead bake has left.
struct Beginning {
    /// Its endpoint is stopped.
    farm: Farm,
    commands: Vec<(&'static str, Vec<String>)>,
}

fn begin() -> Beginning {
    let farm = Farm::with_example(&["--recycle-bin", "7d"]);
    let consumer = "[[template.agent.consumer]]\ntag = { channel = \"stable\" }\n\
                    [template.agent.metadata]";
    farm.edit("amiable.toml", "[template.agent.metadata]", consumer);
    farm.stdout(&["create", "agent", "-q"]);
    for _ in 0..3 {
        farm.stdout(&["update", "agent", "-q"]);
    }
    let three = of_generation(&farm, 3);
    farm.stdout(&["delete", &three, "--yes"]);
    farm.stdout(&["update", "agent", "-q", "--no-verify"]);
    set_faults(&farm, &["TerminateInstances=wait:60s,times=1"]);
    kill_when_struck(&farm, &["update", "agent"]);
    set_faults(&farm, &[]);
    let regions = "[template.agent]\nregions = [\"us-east-1\", \"eu-west-1\"]\n";
    let config = std::fs::read_to_string(farm.path("amiable.toml")).unwrap();
    farm.write("regions.toml", &config.replace("[template.agent]\n", regions));
    let (one, two) = (of_generation(&farm, 1), of_generation(&farm, 2));
    // What comes next for these is that they are disabled.
    for ami in [&one, &two] {
        tag(&farm, ami, "amiable:retired", "deprecated 2026-01-01T00:00:00Z");
    }
    let retire = "[defaults]\nretire_after = \"30d\"\n";
    farm.write("retire.toml", &config.replace("[defaults]\n", retire));
    let words = |text: &str| {
        let text = text.replace("AMI-1", &one).replace("AMI-2", &two).replace("AMI-3", &three);
        text.split(' ').map(String::from).collect()
    };
    let commands = COMMANDS.map(|(name, text)| (name, words(text))).into();
    farm.stdout(&["local", "stop"]);
    Beginning { farm, commands }
}

#[derive(Clone)]
struct Pair {
    held: usize,
    point: Point,
    other: usize,
}

/// All pairs, or a sample: each command is held up at each of its points, and meets each other one.
pub(crate) fn trials(seed: Option<u64>, tally: &Arc<Tally>) -> Vec<Trial> {
    let beginning = Arc::new(begin());
    let count = beginning.commands.len();
    let pairs = std::thread::scope(|scope| {
        let beginning = &beginning;
        let found: Vec<_> = (0..count)
            .map(|held| {
                scope.spawn(move || {
                    points_of(&beginning.farm, &beginning.commands[held].1, &ACTIONS)
                })
            })
            .collect();
        let found = found.into_iter().map(|thread| thread.join().unwrap()).enumerate();
        let pairs = found.flat_map(|(held, points)| {
            points.into_iter().flat_map(move |point| {
                (0..count).map(move |other| Pair { held, point: point.clone(), other })
            })
        });
        pairs.collect::<Vec<Pair>>()
    });
    let pairs = match seed {
        None => pairs,
        Some(seed) => sample::covering(
            pairs,
            |it: &Pair| [(it.held, it.point.to_string()), (it.held, it.other.to_string())],
            seed,
        ),
    };
    let trial = |pair: Pair| {
        let (beginning, tally) = (beginning.clone(), tally.clone());
        let name = |index: usize| beginning.commands[index].0;
        let name = format!("together/{}/{}/{}", name(pair.held), pair.point, name(pair.other));
        Trial::test(name, move || {
            let struck = run(&beginning, &pair)?;
            tally.count("together", beginning.commands[pair.held].0, struck);
            Ok(())
        })
    };
    pairs.into_iter().map(trial).collect()
}

fn run(beginning: &Beginning, pair: &Pair) -> Result<bool, Failed> {
    let farm = copy(&beginning.farm);
    let before = Truth::of(&farm);
    let Point::Call { action, count } = &pair.point else { unreachable!("calls only") };
    let hold = CallFault {
        action: action.clone(),
        strike: Strike::Wait(HOLD),
        region: None,
        after: false,
        skip: count - 1,
        times: Some(1),
        chance: 100,
    };
    ask(&farm, &Request::Calls { reset: true });
    ask(&farm, &Request::SetFaults(Faults { calls: vec![hold], ..Faults::default() }));
    let arguments = |index: usize| -> Vec<&str> {
        beginning.commands[index].1.iter().map(String::as_str).collect()
    };
    let mut held = farm.spawn(&arguments(pair.held));
    let struck = wait_until_struck(&farm, &mut held, 1);
    let other = end(farm.spawn(&arguments(pair.other)))?;
    let between = Truth::of(&farm).check_current(&farm, &before);
    let held = end(held)?;
    let told =
        |text: String| Failed::from(format!("{text}\n--- held\n{held:#?}\n--- other\n{other:#?}"));
    between.map_err(|text| told(format!("while one was held: {text}")))?;
    let after = Truth::of(&farm);
    after.check_current(&farm, &before).map_err(|text| told(format!("at the end: {text}")))?;
    for ended in [&held, &other] {
        if ended.messages.contains("panicked") || ended.status.is_none() {
            return Err(told("it ended by itself".into()));
        }
        let can_be_launched = |id: &&str| after.images.get(*id).is_some_and(|it| it == "available");
        if let Some(id) = said_current(ended).find(|id| !can_be_launched(id)) {
            let state = after.images.get(id);
            return Err(told(format!("{id} was made current, and is {state:?}")));
        }
    }
    let swept = end(farm.spawn(&["sweep", "--yes"]))?;
    let settled = Truth::settled_machines(&farm);
    settled.nothing_runs().map_err(|text| told(format!("after the sweep: {text}\n{swept:#?}")))?;
    settled.check_current(&farm, &before).map_err(&told)?;
    match settled.orphans.first() {
        None => Ok(struck),
        Some(orphan) => Err(told(format!("{orphan} has no image\n{swept:#?}"))),
    }
}

/// The AMIs that a command which has ended well says are current.
fn said_current(ended: &Ended) -> impl Iterator<Item = &str> {
    let lines = ended.messages.lines().filter(|_| ended.status == Some(0));
    let before = lines.filter_map(|line| Some(line.split_once(" is current")?.0));
    before
        .filter_map(|text| text.rsplit_once(' ').map_or(Some(text), |(_, id)| Some(id)))
        .filter(|id| id.starts_with("ami-"))
}
