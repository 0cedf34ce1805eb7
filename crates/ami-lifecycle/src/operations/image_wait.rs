//! Waiting for an image.

use std::time::{Duration, Instant};

use tokio_util::sync::CancellationToken;

use crate::ec2::client::Cloud;
use crate::ec2::wait;
use crate::model::facts::ImageFacts;
use crate::operations::error::BakeError;

/// An image that nobody has seen for so long is gone: EC2's descriptions lag by less.
const UNSEEN_LIMIT: Duration = Duration::from_secs(60);

/// Waits for an image; `what` is waited for.
pub(crate) async fn until_available(
    cloud: &Cloud,
    ami: &str,
    limit: Duration,
    cancel: &CancellationToken,
    what: &'static str,
) -> Result<ImageFacts, BakeError> {
    let mut waiting = cloud.images_awaited().wait_for(ami);
    // Looks may be minutes apart: what counts is for how long it is missing in them.
    let mut missing: Option<Instant> = None;
    let judge = |found: &[ImageFacts]| {
        let image = found.iter().find(|it| it.id == ami);
        let since = match image {
            Some(_) => None,
            None => Some(missing.unwrap_or_else(Instant::now)),
        };
        missing = since;
        let is_new = since.is_some_and(|since| since.elapsed() < UNSEEN_LIMIT);
        match image {
            Some(image) if image.state == "available" => Ok(Some(image.clone())),
            Some(image) if image.state == "pending" => Ok(None),
            // A new image may not be seen for a moment.
            None if is_new => Ok(None),
            None => Err(BakeError::ImageFailed {
                image: ami.to_owned(),
                state: "gone".into(),
                reason: None,
            }),
            Some(image) => Err(BakeError::ImageFailed {
                image: image.id.clone().into(),
                state: image.state.clone(),
                reason: image.state_reason.clone(),
            }),
        }
    };
    let ask = async |ids| cloud.images_with(ids).await;
    let waited = wait::together(limit, cancel, &mut waiting, ask, judge).await;
    waited.map_err(|error| BakeError::waiting(what, error))
}
