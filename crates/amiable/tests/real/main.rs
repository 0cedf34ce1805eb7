//! The same commands on real virtual machines, from an image of demo/build-base-image.
//! `make test` builds that image, names it in AMIABLE_TEST_BASE_IMAGE and runs this.

#![expect(clippy::print_stdout, clippy::print_stderr, reason = "these tests say what they see")]

mod agent;
mod bakes;
mod canaries;
mod endpoint;
#[path = "../cli/farm.rs"]
#[expect(dead_code, reason = "the simulated lane uses more of it")]
mod farm;
mod packer;
mod plain;
