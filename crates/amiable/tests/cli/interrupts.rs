//! Ctrl-C.

use std::io::Read;
use std::process::Child;

use rustix::process::{Pid, Signal, kill_process};

use crate::farm::{Farm, wait_for_line};

pub(crate) fn interrupt(child: &Child) {
    kill_process(Pid::from_child(child), Signal::INT).unwrap();
}

/// Lets a bake come to a stage, interrupts it, and returns its status and messages.
fn interrupted_at(farm: &Farm, stage: &str) -> (Option<i32>, String) {
    let mut child = farm.spawn(&["update", "agent"]);
    let mut seen = wait_for_line(&mut child, stage);
    interrupt(&child);
    let status = child.wait().unwrap();
    child.stderr.unwrap().read_to_string(&mut seen).unwrap();
    (status.code(), seen)
}

#[test]
fn an_interrupted_bake_is_undone_at_every_stage() {
    let farm = Farm::with_example(&["--delays", "running=2s,ssh=2s,stopped=2s,image=2s"]);
    for stage in ["starting the instance", "  instance i-", "stopping the instance", "  image ami-"]
    {
        let (status, text) = interrupted_at(&farm, stage);
        assert_eq!(status, Some(130), "{stage}: {text}");
        assert!(text.contains("error: agent: interrupted while "), "{stage}: {text}");
        farm.wait_until_empty();
        assert_eq!(farm.status()["images"], 1, "{stage}: only the base is left");
    }
}

#[test]
fn a_second_interrupt_ends_at_once_and_says_how_to_find_what_is_left() {
    // A call takes so long that the undo is still under way.
    let farm = Farm::with_example(&["--delays", "api=2s"]);
    let mut child = farm.spawn(&["create", "agent"]);
    wait_for_line(&mut child, "  instance i-");
    interrupt(&child);
    wait_for_line(&mut child, "interrupted: cleaning up");
    interrupt(&child);
    let text = wait_for_line(&mut child, "`amiable sweep` removes it");
    assert!(text.contains("stopped. Left behind: "), "{text}");
    assert_eq!(child.wait().unwrap().code(), Some(130));
}

/// The shell hangs up, and then the kernel.
fn hang_up(child: &Child) {
    for _ in 0..2 {
        kill_process(Pid::from_child(child), Signal::HUP).unwrap();
        std::thread::sleep(std::time::Duration::from_millis(50));
    }
}

#[test]
fn a_terminal_that_is_closed_undoes_once_and_nohup_goes_on() {
    let farm = Farm::with_example(&["--delays", "running=1s,ssh=1s,image=1s"]);
    let start = |wrapper: &[&str]| {
        let mut child = farm.spawn_with(wrapper, &["create", "agent"]);
        wait_for_line(&mut child, "  instance i-");
        child
    };
    // Whoever runs the tests may have been started by nohup, too.
    let mut child = start(&["env", "--default-signal=HUP"]);
    hang_up(&child);
    assert_eq!(child.wait().unwrap().code(), Some(130));
    farm.wait_until_empty();
    assert_eq!(farm.status()["images"], 1, "only the base is left");

    let mut child = start(&["nohup"]);
    hang_up(&child);
    assert!(child.wait().unwrap().success(), "it goes on");
}
