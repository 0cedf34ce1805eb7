//! `amiable local fault`: lets things go wrong on purpose.

use std::time::Duration;

use clap::Args;
use local_ec2::{CallFault, Faults, Folder, Reply, Request};

use crate::console::Console;
use crate::failure::Outcome;
use crate::local::control::{ask, other_answer};

#[derive(Debug, Args)]
pub(crate) struct FaultArgs {
    /// Describe calls show the state of this long ago, such as 2s or 500ms
    #[arg(long, value_name = "TIME", value_parser = duration)]
    lag: Option<Duration>,
    /// New resources are not found for this long, whichever call names them
    #[arg(long, value_name = "TIME", value_parser = duration)]
    not_found: Option<Duration>,
    /// Throttle calls with token buckets of the sizes that EC2 documents
    #[arg(long)]
    throttle: bool,
    /// Make a call fail: ACTION=CODE|cut|wait:TIME[,after][,skip=N][,times=N][,chance=PERCENT][,region=REGION]
    ///
    /// ACTION may be `*`, and with simulated machines `ssh` for a command or `ssh-login`.
    /// `cut` closes the connection without an answer; `wait` makes the call take longer. With
    /// `after`, the call takes effect first. `skip` lets the first N calls pass, and `times` makes
    /// N calls fail. `region` limits the fault to calls in that region.
    #[arg(long, value_name = "FAULT")]
    call: Vec<CallFault>,
    /// Allow only these actions, as IAM would, such as 'Describe*'
    #[arg(long, value_name = "ACTION")]
    allow: Vec<String>,
    /// Seed for random choices
    #[arg(long, default_value_t = 0)]
    seed: u64,
    /// Remove all faults
    #[arg(long, conflicts_with_all = ["lag", "not_found", "throttle", "call", "allow"])]
    off: bool,
}

fn duration(text: &str) -> Result<Duration, String> {
    local_ec2::parse_duration(text).ok_or_else(|| "write 500ms, 2s or 1.5s".into())
}

/// Without options, shows the active faults; with options, these replace the active ones.
pub(super) async fn run(folder: &Folder, args: FaultArgs, console: &Console) -> Outcome {
    let off = args.off;
    let wanted = Faults {
        lag: args.lag.unwrap_or_default(),
        not_found: args.not_found.unwrap_or_default(),
        throttle: args.throttle,
        seed: args.seed,
        allow: (!args.allow.is_empty()).then_some(args.allow),
        calls: args.call,
    };
    let request = if off || wanted != Faults::default() {
        Request::SetFaults(wanted)
    } else {
        Request::Faults
    };
    let Reply::Faults(faults) = ask(folder, &request).await? else { return Err(other_answer()) };
    console.result(&text(&faults));
    Ok(())
}

fn text(faults: &Faults) -> String {
    let mut lines = Vec::new();
    if faults.lag > Duration::ZERO {
        lines.push(format!("lag         {:?}", faults.lag));
    }
    if faults.not_found > Duration::ZERO {
        lines.push(format!("not found   {:?}", faults.not_found));
    }
    if faults.throttle {
        lines.push("throttle    as EC2 documents it".into());
    }
    if let Some(allowed) = &faults.allow {
        lines.push(format!("allowed     {}", allowed.join(", ")));
    }
    for call in &faults.calls {
        lines.push(format!("call        {call}"));
    }
    if lines.is_empty() {
        return "no faults are injected".into();
    }
    lines.push(format!("seed        {}", faults.seed));
    lines.join("\n")
}
