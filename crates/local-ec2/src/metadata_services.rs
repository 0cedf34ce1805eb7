//! The metadata services that run.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard};

use tokio_util::sync::CancellationToken;

/// The metadata services of all instances.
#[derive(Debug, Default)]
pub(crate) struct MetadataServices {
    /// What ends each.
    running: Mutex<HashMap<String, CancellationToken>>,
}

impl MetadataServices {
    /// Ends an earlier service of an instance, and notes a new one. Returns what ends it.
    pub(crate) fn begin(&self, instance_id: &str) -> CancellationToken {
        self.end(instance_id);
        let end = CancellationToken::new();
        self.running().insert(instance_id.to_owned(), end.clone());
        end
    }

    /// Ends the service of an instance, if it has one.
    pub(crate) fn end(&self, instance_id: &str) {
        if let Some(end) = self.running().remove(instance_id) {
            end.cancel();
        }
    }

    fn running(&self) -> MutexGuard<'_, HashMap<String, CancellationToken>> {
        self.running.lock().expect("no panic holds this lock")
    }
}
