//! The same commands on real virtual machines, from images of demo/build-base-image.
//! `make real-test` builds these images, names them in `AMIABLE_TEST_…_IMAGE` and runs this.

#![expect(clippy::print_stderr, reason = "tests of minutes should not be mute")]

mod agent;
mod arm64;
mod bakes;
mod canaries;
mod endpoint;
#[path = "../cli/farm.rs"]
#[expect(dead_code, reason = "the simulated lane uses more of it")]
mod farm;
mod first_boot;
mod packer;
mod plain;
mod tunnels;

use libtest_mimic::{Arguments, Completion, Trial};

/// How many tests run at once: each has one guest of one CPU most of the time, and some
/// only wait.
const AT_ONCE: usize = 3;

/// A test, and the program without which it is skipped.
struct RealTest {
    name: &'static str,
    program: &'static str,
    /// Set by `make weekly-test` alone, which is the only one to run this.
    weekly: Option<&'static str>,
    run: fn(),
}

const fn test(name: &'static str, run: fn()) -> RealTest {
    RealTest { name, program: "qemu-system-x86_64", weekly: None, run }
}

/// Those that take longest come first; the very first mostly waits, and so does the third.
const TESTS: [RealTest; 12] = [
    test("bakes::a_builder_that_nobody_owns_any_more_ends_itself", bakes::nobody_owns_it),
    test("bakes::the_demo_is_baked_and_an_ami_based_on_it_outlives_it", bakes::demo),
    test("endpoint::three_generations_live_through_crashes", endpoint::three_generations),
    test("canaries::none_is_in_the_ami_and_two_instances_of_it_differ", canaries::none_is_left),
    test(
        "first_boot::the_bases_own_package_work_is_over_when_the_script_runs",
        first_boot::package_work,
    ),
    test("plain::a_base_without_cloud_init_is_baked_on", plain::is_baked_on),
    RealTest {
        program: "packer",
        ..test("packer::builds_an_ami_and_leaves_nothing", packer::builds)
    },
    test("tunnels::a_bake_goes_on_when_its_tunnel_breaks", tunnels::broken),
    test("bakes::a_failing_script_leaves_nothing", bakes::failing_script),
    test("endpoint::the_console_says_why_an_ami_does_not_boot", endpoint::console),
    RealTest {
        program: "sshd",
        ..test("tunnels::a_real_sshd_leads_to_machines", tunnels::bastion)
    },
    RealTest {
        program: "qemu-system-aarch64",
        weekly: Some("AMIABLE_TEST_ARM64_IMAGE"),
        ..test("arm64::an_ami_is_baked_from_an_arm64_base", arm64::is_baked)
    },
];

fn main() {
    let mut arguments = Arguments::from_args();
    arguments.test_threads = arguments.test_threads.or(Some(AT_ONCE));
    let trials = TESTS.into_iter().map(|RealTest { name, program, weekly, run }| {
        Trial::ignorable_test(name, move || {
            if !is_there(program) {
                let reason = format!(
                    "{program} is not on this machine: `make setup-test` installs what it may \
                     where the distribution has it"
                );
                return Ok(Completion::ignored_with(reason));
            }
            if weekly.is_some_and(|image| std::env::var_os(image).is_none()) {
                return Ok(Completion::ignored_with("`make weekly-test` runs it"));
            }
            run();
            Ok(Completion::Completed)
        })
    });
    libtest_mimic::run(&arguments, trials.collect()).exit();
}

fn is_there(program: &str) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let mut folders = std::env::split_paths(&path).chain(["/usr/sbin".into()]);
    folders.any(|folder| folder.join(program).is_file())
}
