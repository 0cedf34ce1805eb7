//! The commands, as far as their permissions differ.

/// What a person does with amiable.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Operation {
    /// `create` and `update`.
    Bake,
    /// `verify`.
    Verify,
    /// `plan`.
    Plan,
    /// `list`.
    Look,
    /// `info`.
    Info,
    /// `roll`.
    Roll,
    /// `rollback`.
    Rollback,
    /// `delete`.
    Delete,
    /// `prune`.
    Prune,
    /// `report`.
    Report,
    /// `restore`.
    Restore,
    /// `adopt`.
    Adopt,
    /// `sweep`.
    Sweep,
    /// `doctor`.
    Doctor,
}

impl Operation {
    /// All of them.
    pub const ALL: [Operation; 14] = [
        Operation::Bake,
        Operation::Verify,
        Operation::Plan,
        Operation::Look,
        Operation::Info,
        Operation::Roll,
        Operation::Rollback,
        Operation::Delete,
        Operation::Prune,
        Operation::Report,
        Operation::Restore,
        Operation::Adopt,
        Operation::Sweep,
        Operation::Doctor,
    ];
}
