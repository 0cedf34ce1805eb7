//! One case: an operation meets a fault, is called again, and is swept after.

use std::io::Read;
use std::process::Child;
use std::sync::Arc;
use std::time::{Duration, Instant};

use libtest_mimic::Failed;
use local_ec2::{Faults, Reply, Request};
use rustix::process::{Pid, Signal, kill_process};

use crate::farm::Farm;
use crate::faults::{Fault, Point};
use crate::operation::Prepared;
use crate::truth::{Truth, ask};

/// How long a program may take; only a failure takes so long.
const PATIENCE: Duration = Duration::from_secs(90);
/// What has no room for a byte (full(4)).
const FULL: &str = "/dev/full";
/// The pause between two looks.
const PAUSE: Duration = Duration::from_millis(5);

pub(crate) struct Case {
    pub(crate) prepared: Arc<Prepared>,
    pub(crate) point: Point,
    pub(crate) fault: Fault,
}

/// What a run of the program came to.
#[derive(Debug)]
pub(crate) struct Ended {
    /// The exit status; `None` when a signal ended it.
    pub(crate) status: Option<i32>,
    /// It has printed results.
    pub(crate) has_printed: bool,
    pub(crate) messages: String,
}

impl Case {
    pub(crate) fn name(&self) -> String {
        format!("{}/{}/{}", self.prepared.operation.name, self.point, self.fault.name())
    }

    /// What each sample has once at least: where the operation meets a fault, which fault it
    /// meets, and which fault the action meets, whatever calls it.
    pub(crate) fn pairs(&self) -> [(String, String); 3] {
        let operation = self.prepared.operation.name.to_owned();
        let fault = self.fault.name().to_owned();
        let action = match &self.point {
            Point::Call { action, .. } => action.clone(),
            Point::All => "all".to_owned(),
        };
        [(operation.clone(), self.point.to_string()), (operation, fault.clone()), (action, fault)]
    }

    /// Runs it; whether the fault has struck.
    pub(crate) fn run(&self) -> Result<bool, Failed> {
        let farm = self.prepared.farm();
        let before = &self.prepared.before;
        let (first, struck) = self.first(&farm)?;
        set_faults(&farm, &[]);
        let told = |text: String| Failed::from(format!("{text}\n--- first run\n{first:#?}"));
        if struck {
            self.check_end(&first).map_err(&told)?;
        } else if !self.point.is_polled() {
            return Err(told("the fault has not struck".into()));
        }
        let between = self.settled(&farm, &first);
        between
            .check_current(&farm, before)
            .map_err(|text| told(format!("after the first run: {text}")))?;
        if self.prepared.operation.name == "roll" {
            between.nothing_is_lost().map_err(&told)?;
        }
        let again = (first.status != Some(0)).then(|| end(farm.spawn(&self.arguments())));
        let again = again.transpose().map_err(|failed| told(format!("again: {failed:?}")))?;
        let told = |text: String| told(format!("{text}\n--- second run\n{again:#?}"));
        if !self.may_leave(&first) {
            between.nothing_runs().map_err(|text| told(format!("after the first run: {text}")))?;
        }
        if let Some(again) = &again {
            self.check_repeat(again, before, &between).map_err(&told)?;
            if self.prepared.operation.images > 0 && again.status == Some(0) {
                // Whatever died, the next bake has cleared away, without a sweep.
                let repeated = Truth::settled_machines(&farm);
                repeated
                    .nothing_runs()
                    .map_err(|text| told(format!("after the repeat: {text}")))?;
            }
        }
        let swept = end(farm.spawn(&["sweep", "--yes"]))?;
        let told = |text: String| told(format!("{text}\n--- sweep\n{swept:#?}"));
        if swept.status != Some(0) {
            return Err(told("the sweep failed".into()));
        }
        let after = Truth::settled(&farm);
        after.nothing_is_left().map_err(&told)?;
        let may_fail = self.fault == Fault::Fails || self.prepared.operation.status != 0;
        if after.quarantined > 0 && !may_fail {
            return Err(told("an AMI is quarantined through no fault of its own".into()));
        }
        after.check_current(&farm, before).map_err(|text| told(format!("at the end: {text}")))?;
        self.check_images(before, &between, &after, again.is_some()).map_err(&told)?;
        self.check_which(before, &after).map_err(&told)?;
        if self.prepared.operation.name == "distribute" && after.elsewhere != after.generation {
            return Err(told(format!("generation {:?} is current elsewhere", after.elsewhere)));
        }
        if self.prepared.operation.name == "roll" {
            after.all_is_rolled().map_err(&told)?;
        }
        Ok(struck)
    }

    /// Whether the run may have left something running: it was killed, or says so itself.
    /// What the operation begins with counts too.
    fn may_leave(&self, first: &Ended) -> bool {
        let told = [
            "left behind: ",
            "was not removed",
            "was not deleted",
            "was not terminated",
            "stopped. Left behind: ",
        ];
        first.status.is_none()
            || told.iter().any(|word| first.messages.contains(word))
            || self.prepared.before.nothing_runs().is_err()
    }

    /// What there is after the first run, when what it has requested has come to pass.
    fn settled(&self, farm: &Farm, first: &Ended) -> Truth {
        if self.may_leave(first) { Truth::of(farm) } else { Truth::settled_machines(farm) }
    }

    /// What was there and was not meant is still there; and what was wanted is current.
    fn check_which(&self, before: &Truth, after: &Truth) -> Result<(), String> {
        let operation = self.prepared.operation;
        let may_go = |id: &String| match operation.name {
            "delete" => self.prepared.arguments.contains(id),
            "sweep" => before.unproven.contains(id),
            // How many go is counted, and the current one is looked at.
            "prune" => before.current.as_ref() != Some(id),
            // Those that give their name up.
            "backup" => before.current.as_ref() == Some(id),
            _ => false,
        };
        let gone = before.images.keys().find(|id| !after.images.contains_key(*id) && !may_go(id));
        if let Some(id) = gone {
            return Err(format!("{id} is gone"));
        }
        let generation = after.generation.unwrap_or_default();
        let fits = match operation.name {
            "disable" | "rollback" | "unretire" | "roll" => generation == operation.generation,
            "verify" if self.fault == Fault::Fails => true,
            _ => generation >= operation.generation,
        };
        if fits { Ok(()) } else { Err(format!("generation {generation} is current")) }
    }

    fn arguments(&self) -> Vec<&str> {
        self.prepared.arguments.iter().map(String::as_str).collect()
    }

    /// The run that meets the fault.
    fn first(&self, farm: &Farm) -> Result<(Ended, bool), Failed> {
        ask(farm, &Request::Calls { reset: true });
        let mut faults = self.fault.rules(&self.point);
        let operation = self.prepared.operation;
        if let Some(action) = operation.interrupted_at {
            faults.calls.insert(0, interruption(action));
        }
        ask(farm, &Request::SetFaults(faults));
        let mut child = match self.fault {
            // Whoever runs the tests may have been started by nohup.
            Fault::HungUp => farm.spawn_with(&["env", "--default-signal=HUP"], &self.arguments()),
            Fault::FullOutput => farm.spawn_into(&self.arguments(), FULL),
            _ => farm.spawn(&self.arguments()),
        };
        let mut awaited = 0;
        if operation.interrupted_at.is_some() {
            awaited += 1;
            if wait_until_struck(farm, &mut child, awaited) {
                kill_process(Pid::from_child(&child), Signal::INT)?;
            }
        }
        if let Some(signal) = self.fault.signal() {
            awaited += 1;
            if wait_until_struck(farm, &mut child, awaited) {
                kill_process(Pid::from_child(&child), signal)?;
            }
        }
        let ended = end(child)?;
        let everywhere = self.point == Point::All;
        let wanted = 1 + u64::from(operation.interrupted_at.is_some());
        Ok((ended, everywhere || struck(farm) >= wanted))
    }

    /// The exit status and message of the run that met the fault.
    fn check_end(&self, first: &Ended) -> Result<(), String> {
        let was_interrupted = self.prepared.operation.interrupted_at.is_some();
        let usual = self.prepared.operation.status;
        let right = match self.fault {
            Fault::KilledBefore | Fault::KilledAfter => first.status.is_none(),
            // What is done by then is done; what has nothing to undo just ends.
            Fault::FullOutput if self.prepared.prints => {
                first.status == Some(1) && {
                    let why = "failed to write to standard output: No space left on device";
                    first.messages.contains(why)
                }
            }
            Fault::FullOutput => first.status == Some(usual),
            _ if matches!(self.fault, Fault::Interrupted | Fault::HungUp) && !was_interrupted => {
                matches!(first.status, None | Some(130)) || first.status == Some(usual)
            }
            _ if was_interrupted => first.status == Some(130),
            _ if self.fault.is_got_over(&self.point) => first.status == Some(usual),
            // An AMI that fails a check stays, and never becomes current.
            Fault::Fails if first.status == Some(0) => first.messages.contains("warning: "),
            // What only tidies up does not fail the whole.
            Fault::Refused => {
                // EC2's word for it, and that of the other services.
                let words = ["UnauthorizedOperation", "AccessDenied"];
                matches!(first.status, Some(0 | 1))
                    && words.iter().any(|word| first.messages.contains(word))
            }
            _ => first.status == Some(1),
        };
        let told = ["error: ", "stopped. Left behind", "stopped; nothing"]
            .map(|word| first.messages.contains(word));
        let is_told = matches!(first.status, None | Some(0)) || told.contains(&true);
        if !right || !is_told || first.messages.contains("panicked") {
            return Err("not the right exit status or message".into());
        }
        Ok(())
    }

    /// The same command again.
    fn check_repeat(&self, again: &Ended, before: &Truth, between: &Truth) -> Result<(), String> {
        let done_already = match self.prepared.operation.name {
            "create" => between.generation != before.generation && again.status == Some(2),
            "delete" => {
                let gone = again.status == Some(1) && again.messages.contains("there is no ami-");
                gone && between.orphans.is_empty()
            }
            _ => false,
        };
        if again.status == Some(self.prepared.operation.status) || done_already {
            return Ok(());
        }
        Err("the same command again did not succeed".into())
    }

    /// No more images than what was done once, or twice where the first run had done it.
    fn check_images(
        &self,
        before: &Truth,
        between: &Truth,
        after: &Truth,
        repeated: bool,
    ) -> Result<(), String> {
        let once = i64::try_from(before.images.len()).unwrap() + self.prepared.operation.images;
        let is_a_bake = self.prepared.operation.images > 0;
        let twice = repeated && is_a_bake && between.generation != before.generation;
        // These do only what is left to do.
        let finishes = ["create", "distribute", "many"].contains(&self.prepared.operation.name);
        let expected = once + i64::from(twice && !finishes);
        // What a bake quarantines is one more than it should leave; verification makes none.
        let more = if is_a_bake { after.quarantined } else { 0 };
        let images = i64::try_from(after.images.len() - more).unwrap();
        if images == expected {
            return Ok(());
        }
        Err(format!("{images} images instead of {expected}: {before:#?} {between:#?} {after:#?}"))
    }
}

fn interruption(action: &str) -> local_ec2::CallFault {
    format!("{action}=wait:600ms,after,times=1").parse().unwrap()
}

/// Sets the faults of a farm's endpoint, as `amiable local fault --call` does.
pub(crate) fn set_faults(farm: &Farm, calls: &[&str]) {
    let calls = calls.iter().map(|text| text.parse().unwrap()).collect();
    ask(farm, &Request::SetFaults(Faults { calls, ..Faults::default() }));
}

fn struck(farm: &Farm) -> u64 {
    match ask(farm, &Request::Calls { reset: false }) {
        Reply::Calls(counts) => counts.struck,
        other => panic!("{other:?}"),
    }
}

/// Waits until so many faults have struck; `false` when the program ends before that.
pub(crate) fn wait_until_struck(farm: &Farm, child: &mut Child, times: u64) -> bool {
    let end = Instant::now() + PATIENCE;
    while struck(farm) < times {
        if child.try_wait().unwrap().is_some() {
            return false;
        }
        assert!(Instant::now() < end, "no fault has struck");
        std::thread::sleep(PAUSE);
    }
    true
}

/// Runs the program until a fault strikes, and kills it there.
pub(crate) fn kill_when_struck(farm: &Farm, arguments: &[&str]) {
    ask(farm, &Request::Calls { reset: true });
    let mut child = farm.spawn(arguments);
    assert!(wait_until_struck(farm, &mut child, 1), "{:?}", end(child));
    child.kill().unwrap();
    child.wait().unwrap();
}

/// Runs the program, interrupts it in the first call of an action, and returns its status.
pub(crate) fn interrupt_at(farm: &Farm, action: &str, arguments: &[&str]) -> Option<i32> {
    let calls = vec![interruption(action)];
    ask(farm, &Request::SetFaults(Faults { calls, ..Faults::default() }));
    let mut child = farm.spawn(arguments);
    assert!(wait_until_struck(farm, &mut child, 1));
    kill_process(Pid::from_child(&child), Signal::INT).unwrap();
    end(child).unwrap().status
}

/// Waits for the end of a program, which must come.
pub(crate) fn end(mut child: Child) -> Result<Ended, Failed> {
    let (stdout, mut stderr) = (child.stdout.take(), child.stderr.take().unwrap());
    let reader = std::thread::spawn(move || {
        let mut text = Vec::new();
        stderr.read_to_end(&mut text).map(|_| String::from_utf8_lossy(&text).into_owned())
    });
    let results = std::thread::spawn(move || {
        let mut text = Vec::new();
        stdout.map(|mut stdout| stdout.read_to_end(&mut text)).transpose().map(|_| text)
    });
    let deadline = Instant::now() + PATIENCE;
    let status = loop {
        if let Some(status) = child.try_wait()? {
            break status;
        }
        if Instant::now() > deadline {
            child.kill()?;
            let messages = reader.join().unwrap()?;
            return Err(format!("it did not end within {PATIENCE:?}:\n{messages}").into());
        }
        std::thread::sleep(PAUSE);
    };
    let has_printed = !results.join().unwrap()?.is_empty();
    Ok(Ended { status: status.code(), has_printed, messages: reader.join().unwrap()? })
}
