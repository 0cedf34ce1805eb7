//! A run on a simulated endpoint of its own, with its time, calls and memory measured.

use std::collections::BTreeMap;
use std::process::{Child, Command};
use std::time::{Duration, Instant};

use local_ec2::Delays;

use crate::farm::{DEFAULTS, Farm};

/// A farm whose endpoint takes as long as is said.
pub(crate) fn start(delays: Delays) -> Farm {
    let ms = |time: Duration| format!("{}ms", time.as_millis());
    let text = format!(
        "api={},running={},ssh={},stopped={},image={},terminated={},spread={}%,seed={}",
        ms(delays.api),
        ms(delays.running),
        ms(delays.ssh),
        ms(delays.stopped),
        ms(delays.image),
        ms(delays.terminated),
        delays.spread,
        delays.seed
    );
    Farm::new(&["--delays", &text])
}

/// The configuration of some templates, named t0, t1, …
pub(crate) fn configure(farm: &Farm, templates: usize) {
    let mut text = String::from(DEFAULTS);
    for index in 0..templates {
        text += &format!("[template.t{index}]\n");
    }
    farm.write("amiable.toml", &text);
    farm.write("init/setup", "#!/bin/sh\ntrue\n");
}

/// What a run took.
#[derive(Debug, Clone, Default)]
pub(crate) struct Taken {
    pub(crate) wall: Duration,
    /// The most memory of the whole tree of processes together, in KiB.
    pub(crate) peak: u64,
    pub(crate) calls: BTreeMap<String, u64>,
    pub(crate) connections: u64,
    pub(crate) throttled: u64,
    pub(crate) well: bool,
}

impl Taken {
    /// All calls of EC2's.
    pub(crate) fn all(&self) -> u64 {
        self.calls.iter().filter(|(action, _)| !action.starts_with("ssh")).map(|it| it.1).sum()
    }

    /// Those that only look.
    pub(crate) fn looks(&self) -> u64 {
        let looks = ["DescribeInstances", "DescribeImages", "DescribeInstanceStatus"];
        self.calls
            .iter()
            .filter(|(action, _)| looks.contains(&action.as_str()))
            .map(|it| it.1)
            .sum()
    }
}

/// Runs a program to its end, measured.
pub(crate) fn measure(farm: &Farm, mut command: Command) -> Taken {
    farm.stdout(&["local", "calls", "--reset"]);
    let log = std::fs::File::create(farm.path("log")).expect("a file");
    let errors = log.try_clone().expect("a file");
    let began = Instant::now();
    let mut child = command.stdout(log).stderr(errors).spawn().expect("it runs");
    let (peak, status) = watch(&mut child);
    let wall = began.elapsed();
    let counts = farm.stdout(&["local", "calls", "--output", "json"]);
    let counts: local_ec2::CallCounts = serde_json::from_str(&counts).expect("counts");
    if !status {
        let log = std::fs::read_to_string(farm.path("log")).unwrap_or_default();
        println!("failed: {}", log.lines().rev().take(5).collect::<Vec<_>>().join(" | "));
    }
    let local_ec2::CallCounts { made: calls, connections, throttled, .. } = counts;
    // The question after the counts has no call of its own: it goes over a socket.
    Taken { wall, peak, calls, connections, throttled, well: status }
}

/// How often memory is looked at: looking costs time, too.
const LOOK: Duration = Duration::from_millis(100);
/// What is shorter is looked at more often.
const SHORT: Duration = Duration::from_secs(2);

/// Waits for a process, and looks at the memory of all that it has begun.
fn watch(child: &mut Child) -> (u64, bool) {
    let began = Instant::now();
    let (mut peak, mut looked) = (0, began - LOOK);
    loop {
        let pause = if began.elapsed() < SHORT { LOOK / 10 } else { LOOK };
        if looked.elapsed() >= pause {
            looked = Instant::now();
            peak = peak.max(memory_of_tree(child.id()));
        }
        match child.try_wait().expect("it is a child") {
            Some(status) => return (peak, status.success()),
            None => std::thread::sleep(Duration::from_millis(5)),
        }
    }
}

/// The proportional set size of a process and its descendants, in KiB
/// (proc_pid_smaps_rollup(5)).
fn memory_of_tree(root: u32) -> u64 {
    let mut todo = vec![root];
    let mut sum = 0;
    while let Some(pid) = todo.pop() {
        let rollup =
            std::fs::read_to_string(format!("/proc/{pid}/smaps_rollup")).unwrap_or_default();
        let pss = rollup.lines().find_map(|line| line.strip_prefix("Pss:"));
        sum += pss.and_then(|it| it.split_whitespace().next()?.parse::<u64>().ok()).unwrap_or(0);
        let tasks = std::fs::read_dir(format!("/proc/{pid}/task")).into_iter().flatten().flatten();
        for task in tasks {
            let children =
                std::fs::read_to_string(task.path().join("children")).unwrap_or_default();
            todo.extend(children.split_whitespace().filter_map(|it| it.parse::<u32>().ok()));
        }
    }
    sum
}
