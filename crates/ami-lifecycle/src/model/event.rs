//! What happens during a bake, as typed events. Whoever calls renders them.

use std::time::Duration;

use anstream::adapter::strip_str;

/// Where a bake is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stage {
    /// Reading what there is, and finding the base.
    Resolve,
    /// Checking out the source on this machine.
    Checkout,
    /// RunInstances, until there is a login.
    Launch,
    /// Until cloud-init has finished.
    CloudInit,
    /// Bringing the checkout to the instance.
    Deliver,
    /// Running the init script.
    Script,
    /// Removing what no AMI should have.
    Seal,
    /// StopInstances, until `stopped`.
    Stop,
    /// CopyImage of the AMI whose name the new one gets, until `available`.
    Backup,
    /// CreateImage, until `available`.
    Image,
    /// Proving the new AMI by an instance.
    Verify,
    /// Making the new AMI the current one.
    Promote,
    /// TerminateInstances.
    Terminate,
    /// Making the AMI current in all of the template's regions.
    Distribute,
    /// Undoing after a failure.
    Undo,
}

impl Stage {
    /// Its name, as `amiable:durations` has it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Stage::Resolve => "resolve",
            Stage::Checkout => "checkout",
            Stage::Launch => "launch",
            Stage::CloudInit => "cloud-init",
            Stage::Deliver => "deliver",
            Stage::Script => "script",
            Stage::Seal => "seal",
            Stage::Stop => "stop",
            Stage::Backup => "backup",
            Stage::Image => "image",
            Stage::Verify => "verify",
            Stage::Promote => "promote",
            Stage::Terminate => "terminate",
            Stage::Distribute => "distribute",
            Stage::Undo => "undo",
        }
    }

    /// A few words for people.
    #[must_use]
    pub fn label(self) -> &'static str {
        match self {
            Stage::Resolve => "looking up the base AMI",
            Stage::Checkout => "checking out the source",
            Stage::Launch => "starting the instance",
            Stage::CloudInit => "waiting for cloud-init",
            Stage::Deliver => "copying the source to the instance",
            Stage::Script => "running the init script",
            Stage::Seal => "sealing the machine",
            Stage::Stop => "stopping the instance",
            Stage::Backup => "backing up the AMI that has the name",
            Stage::Image => "creating the image",
            Stage::Verify => "verifying the AMI",
            Stage::Promote => "making it current",
            Stage::Terminate => "terminating the instance",
            Stage::Distribute => "distributing the AMI",
            Stage::Undo => "cleaning up",
        }
    }
}

/// Which output of a command.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stream {
    /// Standard output.
    Stdout,
    /// Standard error.
    Stderr,
}

/// A line that a script wrote, or a part of one, without its end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OutputLine {
    /// Its bytes as they came: for a log.
    pub bytes: Vec<u8>,
    /// It goes on with a line that was too long, or not finished for a while.
    pub is_continued: bool,
}

impl OutputLine {
    /// As it may be shown on a terminal: without what would change that, and of a progress bar, which
    /// overwrites a line by carriage returns, what stands there last.
    #[must_use]
    pub fn text(&self) -> String {
        let text = String::from_utf8_lossy(&self.bytes);
        let text = text.trim_end_matches('\r');
        strip_str(text.rsplit('\r').next().unwrap_or_default()).to_string()
    }
}

impl From<String> for OutputLine {
    fn from(text: String) -> OutputLine {
        OutputLine { bytes: text.into_bytes(), is_continued: false }
    }
}

/// Something that happened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// A stage has begun.
    Stage(Stage),
    /// A fact worth a line: an id, a revision.
    Note(String),
    /// Something to look at, though the bake goes on.
    Warning(String),
    /// A line that a script wrote, or a command.
    Output(Stream, OutputLine),
    /// A line that a program wrote which connects to a machine: for the log.
    Tunnel(String),
    /// How long each stage of the template's last bake took, by its name.
    Expected(Vec<(String, Duration)>),
    /// A stage has ended well.
    Done(Stage, Duration),
}

/// Takes events in.
pub trait Observer: Send + Sync {
    /// Called for each event, in order; must not block for long.
    fn event(&self, event: Event);
}

impl<F: Fn(Event) + Send + Sync> Observer for F {
    fn event(&self, event: Event) {
        self(event);
    }
}
