//! Facts and decisions: no calls, no clock, no I/O.

pub(crate) mod ami;
pub(crate) mod consumer;
pub(crate) mod digest;
pub(crate) mod distribution;
pub(crate) mod event;
pub(crate) mod facts;
pub(crate) mod fingerprint;
pub(crate) mod fleet;
pub(crate) mod ingress;
pub(crate) mod keep;
pub(crate) mod lease;
pub(crate) mod leftover;
pub(crate) mod name_taken;
pub(crate) mod naming;
pub(crate) mod other_source;
pub(crate) mod ownership;
pub(crate) mod reach;
pub(crate) mod resume;
pub(crate) mod retirement;
pub(crate) mod schedule;
pub(crate) mod secrets;
pub(crate) mod standing;
pub mod tags;
pub(crate) mod tampering;
pub(crate) mod template;
pub(crate) mod unreadable;
