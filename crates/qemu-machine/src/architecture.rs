//! What differs between machines of different processors, and how their code is run.

use std::path::Path;

/// How a guest's code is run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Accelerator {
    /// The processor's virtualisation, through Linux' KVM.
    Kvm,
    /// Translation in software: slow, and works everywhere.
    Tcg,
}

impl Accelerator {
    pub(crate) fn argument(self) -> &'static str {
        match self {
            Accelerator::Kvm => "kvm",
            Accelerator::Tcg => "tcg,thread=multi",
        }
    }
}

/// A guest's processor architecture.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Architecture {
    /// 64-bit x86, booted through BIOS.
    X86_64,
    /// 64-bit Arm, booted through UEFI.
    Arm64,
}

/// The UEFI firmware of Arm machines, where Debian and Ubuntu have it (package
/// `qemu-efi-aarch64`). Without variables of its own: it boots the file that UEFI looks for on a
/// disk it does not know, as on a new EC2 instance.
const ARM64_FIRMWARE: &str = "/usr/share/qemu-efi-aarch64/QEMU_EFI.fd";

impl Architecture {
    /// The system emulator that is started for each machine.
    #[must_use]
    pub fn system(self) -> &'static str {
        match self {
            Architecture::X86_64 => "qemu-system-x86_64",
            Architecture::Arm64 => "qemu-system-aarch64",
        }
    }

    /// What the emulator needs beside itself.
    #[must_use]
    pub fn firmware(self) -> Option<&'static Path> {
        match self {
            Architecture::X86_64 => None,
            Architecture::Arm64 => Some(Path::new(ARM64_FIRMWARE)),
        }
    }

    /// How machines of it run, where the host's own run under `native`. Arm ones are emulated
    /// on every host: KVM has not been tried with them.
    #[must_use]
    pub fn accelerator(self, native: Accelerator) -> Accelerator {
        match self {
            Architecture::X86_64 => native,
            Architecture::Arm64 => Accelerator::Tcg,
        }
    }

    pub(crate) fn machine(self) -> &'static str {
        match self {
            // Without graphics the firmware and the boot loader talk to the serial console,
            // where it is read why a disk does not boot.
            Architecture::X86_64 => "q35,usb=off,vmport=off,hpet=off,graphics=off",
            Architecture::Arm64 => "virt,usb=off",
        }
    }

    pub(crate) fn cpu(self, accelerator: Accelerator) -> &'static str {
        match (self, accelerator) {
            (_, Accelerator::Kvm) => "host",
            // TCG repeats `rep movsb` byte by byte, with which the kernel copies and clears pages
            // where the processor says that it is fast: without, writing a file takes 40 % less.
            (Architecture::X86_64, Accelerator::Tcg) => "max,erms=off,fsrm=off",
            // The core of AWS' Graviton2. It has no pointer authentication, which is slow to emulate.
            (Architecture::Arm64, Accelerator::Tcg) => "neoverse-n1",
        }
    }
}
