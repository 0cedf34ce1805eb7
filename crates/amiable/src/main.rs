//! amiable bakes and keeps the AMIs that CI build agents boot from.

// A bake is one future of many within each other: in a release build the compiler looks through all of them.
#![recursion_limit = "256"]

mod ami_id;
mod args;
mod ask;
mod cli;
mod commands;
mod complete;
mod config;
mod connect;
mod console;
mod credentials;
mod failure;
mod guard;
mod import;
mod interrupt;
mod local;
mod packer;
mod render;
mod report;
mod surroundings;
mod toml_text;

use std::process::ExitCode;

use clap::{CommandFactory, Parser};

use crate::cli::Cli;
use crate::commands::shell::COMPLETE;
use crate::console::Console;

fn main() -> ExitCode {
    // QEMU starts this program once for each metadata request of a guest, so that
    // way in is found before anything else is set up.
    if let Some(outcome) = local::relay_if_asked() {
        return outcome;
    }
    if let Some(outcome) = guard::guard_if_asked() {
        return outcome;
    }
    // A shell asks what could follow what was typed.
    clap_complete::CompleteEnv::with_factory(Cli::command).var(COMPLETE).complete();
    let cli = Cli::parse();
    anstream::ColorChoice::write_global(cli.global.color.into());
    let console = Console::new(cli.global.quiet);
    start_tracing(cli.global.verbose);
    let runtime = match tokio::runtime::Runtime::new() {
        Ok(runtime) => runtime,
        Err(error) => {
            console.complain(&format!("error: failed to start: {error}"));
            return ExitCode::FAILURE;
        }
    };
    let outcome = runtime.block_on(commands::run(cli, &console));
    // A connection or a name look-up that hangs must not keep the program.
    runtime.shutdown_background();
    if let Some(error) = console.unwritten() {
        console.complain(&format!("error: failed to write to standard output: {error}"));
    }
    match outcome {
        Ok(()) if console.unwritten().is_some() => ExitCode::FAILURE,
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            if !failure.silent {
                console.complain(&failure.text());
            }
            ExitCode::from(failure.status as u8)
        }
    }
}

/// Diagnostic logs, to standard error: `-v` is what amiable does, `-vv` the calls too.
fn start_tracing(verbose: u8) {
    let filter = match verbose {
        0 => "off",
        1 => "amiable=debug,ami_lifecycle=debug,local_ec2=info,qemu_machine=info",
        _ => "debug,h2=info,hyper_util=info,rustls=info",
    };
    tracing_subscriber::fmt()
        .with_env_filter(tracing_subscriber::EnvFilter::new(filter))
        .with_writer(std::io::stderr)
        .with_ansi(false)
        .init();
}
