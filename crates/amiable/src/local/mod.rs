//! `amiable local`: the EC2-compatible endpoint of this machine.

mod control;
mod faults;
mod server;

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use clap::{Args, Subcommand, ValueEnum};
use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use local_ec2::{
    Answer, Delays, Endpoint, Folder, ImageUse, Import, MachineKind, Reply, Request, Status,
};

use self::faults::FaultArgs;
use self::server::{RELAY, Settings};
use crate::args::Output;
use crate::ask::confirm;
use crate::config::parse_days;
use crate::config::settings::{CloudEndpoint, CloudSettings};
use crate::console::Console;
use crate::failure::{Failure, Outcome};
use crate::local::control::{ask, is_running, other_answer, read_endpoint};
use crate::surroundings;

#[derive(Debug, Subcommand)]
pub(crate) enum LocalCommand {
    /// Start it; does nothing if it is already running
    Start(StartArgs),
    /// Shut down its instances and stop it; disks and AMIs are kept
    Stop,
    /// Show whether it is running and what it contains
    Status {
        /// Output format
        #[arg(long, value_enum, default_value = "text")]
        output: Output,
    },
    /// Print shell exports that make any AWS client use it
    Env,
    /// Make an AMI from a cloud image: qcow2, raw, or another format that QEMU reads
    Import(ImportArgs),
    /// Pretend that another account uses a shared AMI, for usage reports
    Used(UsedArgs),
    /// Take a Spot Instance back, as EC2 does when it needs the capacity
    Interrupt {
        /// Its id
        #[arg(value_name = "INSTANCE")]
        instance: String,
    },
    /// Terminate its instances and delete everything; address and keys are kept
    Reset {
        /// Do not ask for confirmation
        #[arg(long, short)]
        yes: bool,
    },
    /// Inject faults, as they occur on AWS now and then
    Fault(FaultArgs),
    /// Show how often each action was called since the start
    Calls {
        /// Reset the counters
        #[arg(long)]
        reset: bool,
        /// Output format
        #[arg(long, value_enum, default_value = "text")]
        output: Output,
    },
    /// Print its log
    Logs {
        /// Follow the log
        #[arg(long, short)]
        follow: bool,
    },
    /// Serve in the foreground, with the settings of the last start
    #[command(hide = true)]
    Serve,
}

#[derive(Debug, Args)]
pub(crate) struct StartArgs {
    /// Kind of its instances [default: as at the last start, initially qemu]
    #[arg(long, value_enum)]
    machines: Option<Machines>,
    /// TCP port on 127.0.0.1 [default: as at the last start, initially a free one]
    #[arg(long)]
    port: Option<u16>,
    /// Port on an instance's address that leads to its sshd
    #[arg(long, default_value_t = 2222)]
    ssh_port: u16,
    /// How long simulated machines take, such as running=10s,ssh=15s,api=50ms; spread=10%,seed=1
    /// varies each of them
    #[arg(long, value_name = "NAME=TIME,…", default_value = "")]
    delays: Delays,
    /// How long its Recycle Bin keeps deleted resources, such as 7d [default: as at the last start,
    /// initially no Recycle Bin]
    #[arg(long, value_name = "TIME", value_parser = kept)]
    recycle_bin: Option<Duration>,
    /// Exit status of simulated machines for SSH commands that contain a text
    #[arg(long, value_name = "TEXT=STATUS")]
    answer: Vec<Answer>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Machines {
    /// Virtual machines
    Qemu,
    /// States, delays and an SSH server that runs nothing
    Simulated,
}

#[derive(Debug, Args)]
pub(crate) struct ImportArgs {
    /// The image file
    file: PathBuf,
    /// The AMI's name
    #[arg(long)]
    name: String,
    /// The AMI's description
    #[arg(long)]
    description: Option<String>,
    /// The AMI's architecture
    #[arg(long, default_value = "x86_64", value_parser = ["x86_64", "arm64"])]
    arch: String,
    /// Account that owns it, or amazon or aws-marketplace; everybody may then launch it
    /// [default: your own]
    #[arg(long, value_name = "ACCOUNT")]
    owner: Option<String>,
    /// Date of its deprecation, such as 2026-01-31
    #[arg(long, value_name = "DATE", value_parser = day)]
    deprecated: Option<Timestamp>,
    /// If an AMI with the name exists, print its id and import nothing
    #[arg(long)]
    if_missing: bool,
}

#[derive(Debug, Args)]
pub(crate) struct UsedArgs {
    /// Id of the AMI
    ami: String,
    /// Account that the AMI is shared with
    #[arg(long, value_name = "ACCOUNT")]
    account: String,
    /// How many of its instances were started from it
    #[arg(long, value_name = "N", default_value_t = 0)]
    instances: u64,
    /// How many of its launch templates name it
    #[arg(long, value_name = "N", default_value_t = 0)]
    launch_templates: u64,
}

/// A length of time.
fn kept(text: &str) -> Result<Duration, String> {
    parse_days(text).ok_or_else(|| "write 7d, 6w or 36h".to_owned())
}

/// A day, or a time.
fn day(text: &str) -> Result<Timestamp, String> {
    let day = text.parse::<Date>().ok().and_then(|day| day.to_zoned(TimeZone::UTC).ok());
    let time = day.map(|day| day.timestamp()).or_else(|| text.parse().ok());
    time.ok_or_else(|| "write a day such as 2026-01-31".to_owned())
}

/// Relays a metadata connection when the program was started for that.
pub(crate) fn relay_if_asked() -> Option<ExitCode> {
    let mut args = std::env::args_os().skip(1);
    if args.next()? != RELAY {
        return None;
    }
    let socket = PathBuf::from(args.next()?);
    Some(match local_ec2::relay_stdio(&socket) {
        Ok(()) => ExitCode::SUCCESS,
        Err(_) => ExitCode::FAILURE,
    })
}

pub(crate) async fn run(command: LocalCommand, console: &Console) -> Outcome {
    let folder = folder()?;
    match command {
        LocalCommand::Start(args) => {
            server::start(&folder, &args.into_settings(&folder)?, console).await.map(drop)
        }
        LocalCommand::Stop => stop(&folder, console).await,
        LocalCommand::Status { output } => status(&folder, output, console).await,
        LocalCommand::Env => env(&folder, console).await,
        LocalCommand::Import(args) => import(&folder, args, console).await,
        LocalCommand::Used(args) => used(&folder, args).await,
        LocalCommand::Interrupt { instance } => interrupt(&folder, instance).await,
        LocalCommand::Reset { yes } => reset(&folder, yes, console).await,
        LocalCommand::Fault(args) => faults::run(&folder, args, console).await,
        LocalCommand::Calls { reset, output } => calls(&folder, reset, output, console).await,
        LocalCommand::Logs { follow } => logs(&folder, follow, console).await,
        LocalCommand::Serve => server::serve(&folder).await,
    }
}

fn folder() -> Result<Folder, Failure> {
    Ok(Folder::new(surroundings::local_folder()?))
}

/// Whether the endpoint of a configuration could be asked without starting the local one.
pub(crate) async fn is_ready_for(cloud: &CloudSettings) -> bool {
    if cloud.endpoint != CloudEndpoint::Local {
        return true;
    }
    match folder() {
        Ok(folder) => is_running(&folder).await,
        Err(_) => false,
    }
}

/// The endpoint, started if need be with the settings of its last start.
pub(crate) async fn ensure_running(console: &Console) -> Result<Endpoint, Failure> {
    let folder = folder()?;
    let settings = Settings::read(&folder)?.unwrap_or_default();
    server::start(&folder, &settings, console).await
}

impl StartArgs {
    fn into_settings(self, folder: &Folder) -> Result<Settings, Failure> {
        let last = Settings::read(folder)?;
        let last_kind = last.as_ref().map(|last| match last.machines {
            MachineKind::Qemu => Machines::Qemu,
            MachineKind::Simulated { .. } => Machines::Simulated,
        });
        let kind = self.machines.or(last_kind).unwrap_or(Machines::Qemu);
        if last_kind.is_some_and(|last| last != kind) {
            // Disks of one kind mean nothing to the other.
            let names = |kind| if kind == Machines::Qemu { "QEMU" } else { "simulated" };
            let message = format!(
                "the endpoint in {} has {} machines",
                folder.path().display(),
                names(last_kind.unwrap_or(kind))
            );
            let hint = format!(
                "for {} ones set AMIABLE_LOCAL_DIR to another folder, or remove this one",
                names(kind)
            );
            return Err(Failure::usage(message).hint(hint));
        }
        Ok(Settings {
            port: self.port,
            ssh_port: self.ssh_port,
            recycle_bin: self.recycle_bin.or(last.and_then(|last| last.recycle_bin)),
            machines: match kind {
                Machines::Qemu => MachineKind::Qemu,
                Machines::Simulated => {
                    MachineKind::Simulated { delays: self.delays, answers: self.answer }
                }
            },
        })
    }
}

async fn stop(folder: &Folder, console: &Console) -> Outcome {
    if !is_running(folder).await {
        console.message("the local endpoint is not running");
        return Ok(());
    }
    console.message("shutting the instances down");
    ask(folder, &Request::Stop).await?;
    server::wait_until_it_is_gone(folder).await;
    console.message("stopped");
    Ok(())
}

async fn interrupt(folder: &Folder, instance: String) -> Outcome {
    match ask(folder, &Request::Interrupt(instance)).await? {
        Reply::Interrupted => Ok(()),
        _ => Err(other_answer()),
    }
}

async fn reset(folder: &Folder, yes: bool, console: &Console) -> Outcome {
    ensure_running(console).await?;
    let Reply::Status(status) = ask(folder, &Request::Status).await? else {
        return Err(other_answer());
    };
    console.message(&format!(
        "{} instances, {} images and {} snapshots in {}",
        status.instances.len(),
        status.images,
        status.snapshots,
        folder.path().display()
    ));
    confirm(console, yes, "Delete them all?", "nothing was deleted")?;
    match ask(folder, &Request::Reset).await? {
        Reply::Reset => {
            console.message("everything is deleted");
            Ok(())
        }
        _ => Err(other_answer()),
    }
}

async fn status(folder: &Folder, output: Output, console: &Console) -> Outcome {
    let Reply::Status(status) = ask(folder, &Request::Status)
        .await
        .map_err(|failure| failure.hint("run `amiable local start`"))?
    else {
        return Err(other_answer());
    };
    let endpoint = read_endpoint(folder)?;
    if output == Output::Json {
        let value = serde_json::json!({
            "folder": folder.path(),
            "endpoint": endpoint.url(),
            "status": status,
        });
        console.result(&crate::render::json::json(&value));
        return Ok(());
    }
    console.result(&status_text(folder, &endpoint, &status));
    Ok(())
}

fn status_text(folder: &Folder, endpoint: &Endpoint, status: &Status) -> String {
    let mut lines = vec![
        format!("running     {} (process {})", endpoint.url(), status.pid),
        format!("folder      {}", folder.path().display()),
        format!("machines    {}", status.machines),
        format!("images      {}", status.images),
        format!("snapshots   {}", status.snapshots),
        format!("volumes     {}", status.volumes),
        format!("disk layers {} MiB", status.layer_bytes >> 20),
        format!("instances   {}", status.instances.len()),
    ];
    for (id, state, image) in &status.instances {
        lines.push(format!("  {id} {state} (from {image})"));
    }
    lines.join("\n")
}

async fn env(folder: &Folder, console: &Console) -> Outcome {
    let endpoint = ensure_running(console).await?;
    // Current clients read AWS_ENDPOINT_URL; older ones find their way by AWS_DATA_PATH.
    console.result(&format!(
        "export AWS_ENDPOINT_URL={}\n\
         export AWS_DATA_PATH='{}'\n\
         export AWS_ACCESS_KEY_ID={}\n\
         export AWS_SECRET_ACCESS_KEY={}\n\
         export AWS_DEFAULT_REGION=us-east-1\n\
         export AWS_REGION=us-east-1\n\
         unset AWS_SESSION_TOKEN AWS_PROFILE",
        endpoint.url(),
        folder.botocore_data().display(),
        endpoint.access_key_id,
        endpoint.secret_access_key
    ));
    Ok(())
}

async fn used(folder: &Folder, args: UsedArgs) -> Outcome {
    let UsedArgs { ami: image, account, instances, launch_templates } = args;
    let used = ImageUse { image, account, instances, launch_templates };
    match ask(folder, &Request::Use(used)).await? {
        Reply::Counted => Ok(()),
        _ => Err(other_answer()),
    }
}

async fn import(folder: &Folder, args: ImportArgs, console: &Console) -> Outcome {
    let file = std::path::absolute(&args.file).unwrap_or(args.file);
    if !file.is_file() {
        return Err(Failure::usage(format!("there is no file {}", file.display())));
    }
    ensure_running(console).await?;
    let request = Request::Import(Import {
        file,
        name: args.name,
        description: args.description,
        architecture: args.arch,
        owner: args.owner,
        deprecated: args.deprecated,
        if_missing: args.if_missing,
    });
    match ask(folder, &request).await? {
        Reply::Imported(id) => {
            console.result(&id);
            Ok(())
        }
        _ => Err(other_answer()),
    }
}

async fn calls(folder: &Folder, reset: bool, output: Output, console: &Console) -> Outcome {
    let Reply::Calls(counts) = ask(folder, &Request::Calls { reset }).await? else {
        return Err(other_answer());
    };
    if output == Output::Json {
        console.result(&crate::render::json::json(&counts));
        return Ok(());
    }
    for (action, count) in &counts.made {
        console.result(&format!("{count:6} {action}"));
    }
    console.message(&format!(
        "over {} connections; {} throttled, {} struck by faults",
        counts.connections, counts.throttled, counts.struck
    ));
    Ok(())
}

async fn logs(folder: &Folder, follow: bool, console: &Console) -> Outcome {
    use std::io::{Read, Seek};
    let path = folder.log();
    let wrong = |error| Failure::failed(format!("failed to read {}: {error}", path.display()));
    let mut file = std::fs::File::open(&path).map_err(wrong)?;
    loop {
        let mut text = String::new();
        file.read_to_string(&mut text).map_err(wrong)?;
        if !text.is_empty() {
            console.result(text.trim_end_matches('\n'));
        }
        if !follow {
            return Ok(());
        }
        // A log that was begun anew is shorter than what was read of it.
        let length = file.metadata().map_err(wrong)?.len();
        if file.stream_position().map_err(wrong)? > length {
            file.rewind().map_err(wrong)?;
        }
        tokio::time::sleep(std::time::Duration::from_millis(500)).await;
    }
}
