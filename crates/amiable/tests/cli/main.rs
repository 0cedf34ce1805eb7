//! The command line against simulated machines: snapshots of standard output,
//! standard error and exit status, in an environment of their own.

mod accesses;
mod aws_cli;
mod backups;
mod bakes;
mod boto3;
mod cloud_errors;
mod configuration;
mod credentials;
mod deletions;
mod doctor;
mod farm;
mod imports;
mod interrupts;
mod jenkins_files;
mod jenkins_server;
mod local;
mod meanings;
mod moto;
mod names;
mod output;
mod plans;
mod policies;
mod proxies;
mod prunes;
mod races;
mod reference;
mod regions;
mod rollbacks;
mod rolls;
mod shells;
mod sweeps;
mod takeovers;
mod tampering;
mod tunnels;
mod verifications;
