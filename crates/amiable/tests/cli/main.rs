//! The command line against simulated machines: snapshots of standard output,
//! standard error and exit status, in an environment of their own.

mod aws_cli;
mod backups;
mod bakes;
mod boto3;
mod cloud_errors;
mod configuration;
mod deletions;
mod doctor;
mod farm;
mod interrupts;
mod local;
mod moto;
mod policies;
mod reference;
mod rollbacks;
mod sweeps;
mod takeovers;
mod verifications;
