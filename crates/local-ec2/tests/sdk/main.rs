//! The real AWS SDK against every action, on simulated machines.

mod actions;
mod auth;
mod bench;
mod faults;
mod fuzz;
mod gates;
mod outside;
mod random;
mod raw;
mod reference;
mod regions;
mod reset;
mod restart;
mod scale;
mod scaling;
mod tunnels;
