//! What was deleted, and is kept in the Recycle Bin.

use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::image::Image;
use super::storage::Snapshot;
use super::table::Record;

/// A row of another table, and how long it can be brought back.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Binned<T> {
    pub(crate) row: T,
    pub(crate) entered: Timestamp,
    pub(crate) exits: Timestamp,
}

impl<T> Binned<T> {
    /// A row that is deleted now.
    pub(crate) fn now(row: T, kept: Duration) -> Binned<T> {
        let entered = Timestamp::now();
        Binned { row, entered, exits: entered.checked_add(kept).unwrap_or(Timestamp::MAX) }
    }
}

impl Record for Binned<Image> {
    const TABLE: &'static str = "binned-images";

    fn id(&self) -> &str {
        &self.row.id
    }
}

impl Record for Binned<Snapshot> {
    const TABLE: &'static str = "binned-snapshots";

    fn id(&self) -> &str {
        &self.row.id
    }
}
