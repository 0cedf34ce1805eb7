//! Whose everything is.

/// The account that owns everything here. EC2 has no account of this number.
pub(crate) const ACCOUNT: &str = "000000000000";
