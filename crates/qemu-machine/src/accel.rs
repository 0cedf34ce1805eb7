//! Whether the host's KVM works, found by a real trial.
//!
//! `/dev/kvm` may exist and still be of no use: nested virtualisation that aborts,
//! hangs, or runs a thousand times slower than TCG. So a small machine is run under
//! it, and only its own word, given in time, counts.

use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use tokio::process::Command;

use crate::{Accelerator, Architecture};

/// How long the trial may take. A working KVM needs a small part of a second for it,
/// and TCG half a second on the machine this was written on, where KVM took over eight.
const TRIAL_DEADLINE: Duration = Duration::from_secs(4);

/// The status with which QEMU ends when the trial's code has written 0x10 to the
/// isa-debug-exit device: twice the value and one.
const TRIAL_STATUS: i32 = 0x10 * 2 + 1;

/// A boot sector that enters 64-bit mode, counts from 100 million down to 0, and
/// writes 0x10 to port 0xf4. In assembly:
///
/// ```text
///     cli; ax, ds, es, ss = 0; sp = 0x7c00; cld
///     page tables at 0x1000, 0x2000, 0x3000: one identity-mapped page of 2 MiB
///     cr3 = 0x1000; cr4 = PAE; EFER.LME = 1; lgdt; cr0 |= PG | PE; ljmp 8:long
///     long: mov $100000000, %ecx
///     1:    dec %ecx; jnz 1b
///           mov $0xf4, %dx; mov $0x10, %al; out %al, %dx
///     2:    hlt; jmp 2b
///     gdt:  0, 0x00209a0000000000 (64-bit code)
/// ```
#[rustfmt::skip]
const TRIAL_CODE: [u8; 132] = [
    0xfa, 0x31, 0xc0, 0x8e, 0xd8, 0x8e, 0xc0, 0x8e, 0xd0, 0xbc, 0x00, 0x7c,
    0xfc, 0x66, 0xbf, 0x00, 0x10, 0x00, 0x00, 0x0f, 0x22, 0xdf, 0x66, 0x31,
    0xc0, 0xb9, 0x00, 0x0c, 0x66, 0xf3, 0xab, 0xc7, 0x06, 0x00, 0x10, 0x03,
    0x20, 0xc7, 0x06, 0x00, 0x20, 0x03, 0x30, 0xc7, 0x06, 0x00, 0x30, 0x83,
    0x00, 0x66, 0xb8, 0x20, 0x00, 0x00, 0x00, 0x0f, 0x22, 0xe0, 0x66, 0xb9,
    0x80, 0x00, 0x00, 0xc0, 0x0f, 0x32, 0x0d, 0x00, 0x01, 0x0f, 0x30, 0x0f,
    0x01, 0x16, 0x80, 0x7c, 0x0f, 0x20, 0xc0, 0x66, 0x0d, 0x01, 0x00, 0x00,
    0x80, 0x0f, 0x22, 0xc0, 0xea, 0x5d, 0x7c, 0x08, 0x00, 0xb9, 0x00, 0xe1,
    0xf5, 0x05, 0xff, 0xc9, 0x75, 0xfc, 0x66, 0xba, 0xf4, 0x00, 0xb0, 0x10,
    0xee, 0xf4, 0xeb, 0xfd, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
    0x00, 0x00, 0x00, 0x00, 0x00, 0x9a, 0x20, 0x00, 0x0f, 0x00, 0x70, 0x7c,
];

/// Tries KVM and falls back to TCG. `scratch` is a folder to write the trial's disk to.
pub async fn probe(scratch: &Path) -> Accelerator {
    let works = Path::new("/dev/kvm").exists() && runs_in_time("kvm", scratch).await;
    let found = if works { Accelerator::Kvm } else { Accelerator::Tcg };
    tracing::info!("machines run under {found:?}");
    found
}

async fn runs_in_time(accelerator: &str, scratch: &Path) -> bool {
    let disk = scratch.join(format!("trial-{accelerator}-{}.img", std::process::id()));
    let mut sector = [0; 512];
    sector[..TRIAL_CODE.len()].copy_from_slice(&TRIAL_CODE);
    sector[510..].copy_from_slice(&[0x55, 0xaa]);
    if std::fs::write(&disk, sector).is_err() {
        return false;
    }
    let mut command = Command::new(Architecture::X86_64.system());
    command
        .args(["-machine", "pc", "-accel", accelerator, "-nodefaults", "-no-user-config"])
        .args(["-display", "none", "-no-reboot"])
        .args(["-device", "isa-debug-exit,iobase=0xf4,iosize=0x04"])
        .arg("-drive")
        .arg(format!("if=floppy,format=raw,readonly=on,file={}", disk.display()))
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .kill_on_drop(true);
    let status = tokio::time::timeout(TRIAL_DEADLINE, command.status()).await;
    let _ = std::fs::remove_file(&disk);
    matches!(status, Ok(Ok(status)) if status.code() == Some(TRIAL_STATUS))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The trial itself must be sound: where any accelerator works, TCG does.
    #[tokio::test]
    async fn the_trial_succeeds_under_tcg_and_fails_under_nothing() {
        let scratch = tempfile::tempdir().unwrap();
        assert!(runs_in_time("tcg", scratch.path()).await);
        assert!(!runs_in_time("nosuch", scratch.path()).await);
        assert_eq!(std::fs::read_dir(scratch.path()).unwrap().count(), 0, "the trial cleans up");
    }
}
