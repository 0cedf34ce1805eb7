//! The real AWS SDK against every action, on simulated machines: one module an action.

mod auth;
mod bench;
mod create_image;
mod describe_images;
mod identity;
mod instances;
mod key_pairs;
mod places;
mod register_image;
mod restart;
mod run_instances;
mod snapshots;
mod tags;
mod volumes;
