//! Where a machine is brought up.

use std::sync::Arc;

use tokio_util::sync::CancellationToken;

use super::error::GuestError;
use crate::ec2::client::Cloud;
use crate::model::event::{Event, Observer};
use crate::model::template::Template;
use crate::model::variable::Environment;

/// Where a machine is brought up, and who is told about it.
#[derive(Clone, Copy)]
pub(crate) struct Site<'a> {
    pub(crate) cloud: &'a Cloud,
    pub(crate) template: &'a Template,
    pub(crate) observer: &'a Arc<dyn Observer>,
    pub(crate) cancel: &'a CancellationToken,
    /// Where variables come from that scripts are given.
    pub(crate) environment: Environment<'a>,
}

impl Site<'_> {
    /// Drops what is under way when it is cancelled.
    pub(crate) async fn or_cancel<T>(
        &self,
        work: impl Future<Output = T>,
    ) -> Result<T, GuestError> {
        tokio::select! {
            () = self.cancel.cancelled() => Err(GuestError::Cancelled),
            result = work => Ok(result),
        }
    }

    pub(super) fn warn(&self, text: String) {
        self.observer.event(Event::Warning(text));
    }
}
