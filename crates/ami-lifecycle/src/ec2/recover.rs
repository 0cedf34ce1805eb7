//! Calls whose answer was lost.

use std::time::Duration;

use crate::ec2::error::CloudError;

/// How often, and how far apart, is looked for what a call may have made.
const LOST_TRIES: u32 = 8;
const LOST_PAUSE: Duration = Duration::from_secs(1);

/// What a call has made though it failed; the error when that is nothing. EC2 may need a
/// moment to show it.
pub(crate) async fn found_all_the_same<I>(
    error: CloudError,
    look: impl AsyncFn() -> Result<Vec<I>, CloudError>,
) -> Result<I, CloudError> {
    if !error.may_have_happened() {
        return Err(error);
    }
    for _ in 0..LOST_TRIES {
        if let Ok(Some(id)) = look().await.map(|ids| ids.into_iter().next()) {
            return Ok(id);
        }
        tokio::time::sleep(LOST_PAUSE).await;
    }
    Err(error)
}
