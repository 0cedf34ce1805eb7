//! How a call of AWS is made: in its turn, again where that helps, and with an error that names its action.

use std::fmt::Debug;
use std::future::Future;
use std::time::Duration;

use aws_sdk_ec2::config::http::HttpResponse;
use aws_sdk_ec2::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_ec2::operation::RequestId;
use aws_smithy_async::future::pagination_stream::PaginationStream;
use rand::RngExt;

use crate::ec2::action::Action;
use crate::ec2::client::Cloud;
use crate::ec2::error::{CloudError, CloudErrorKind};

/// A call that names something is made again while EC2 does not know it: what was made a
/// moment ago may not be known everywhere
/// (<https://docs.aws.amazon.com/ec2/latest/devguide/eventual-consistency.html>). The
/// pauses double, and are drawn at random; with these all of them take about 8 s.
const UNSEEN_TRIES: u32 = 6;
const UNSEEN_PAUSE: Duration = Duration::from_millis(250);

/// How often a call gets another turn after the SDK has given it up as throttled: with the
/// SDK's own attempts that lasts for minutes.
const THROTTLED_TRIES: u32 = 10;

impl Cloud {
    /// Makes a call in its turn. `about` is what `-vv` shows of it.
    pub(super) async fn call<T, E>(
        &self,
        action: Action,
        about: impl Debug,
        answer: impl Future<Output = Result<T, SdkError<E, HttpResponse>>>,
    ) -> Result<T, CloudError>
    where
        E: ProvideErrorMetadata + std::error::Error + 'static,
        SdkError<E, HttpResponse>: RequestId,
    {
        self.turn(action, about).await;
        answer.await.map_err(|error| CloudError::new(action, error))
    }

    /// The same for an answer in pages: all of them.
    pub(super) async fn pages<T, E>(
        &self,
        action: Action,
        about: impl Debug,
        mut pages: PaginationStream<Result<T, SdkError<E, HttpResponse>>>,
    ) -> Result<Vec<T>, CloudError>
    where
        E: ProvideErrorMetadata + std::error::Error + 'static,
        SdkError<E, HttpResponse>: RequestId,
    {
        self.turn(action, about).await;
        let mut all = Vec::new();
        while let Some(item) = pages.next().await {
            all.push(item.map_err(|error| CloudError::new(action, error))?);
        }
        Ok(all)
    }

    /// Makes a call in its turn, and again while EC2 does not know what it names.
    pub(super) async fn call_until_seen<T, E>(
        &self,
        action: Action,
        about: impl Debug,
        send: impl AsyncFn() -> Result<T, SdkError<E, HttpResponse>>,
    ) -> Result<T, CloudError>
    where
        E: ProvideErrorMetadata + std::error::Error + 'static,
        SdkError<E, HttpResponse>: RequestId,
    {
        self.turn(action, about).await;
        self.until_seen(action, send).await
    }

    /// The same in a turn that was waited for.
    pub(super) async fn until_seen<T, E>(
        &self,
        action: Action,
        send: impl AsyncFn() -> Result<T, SdkError<E, HttpResponse>>,
    ) -> Result<T, CloudError>
    where
        E: ProvideErrorMetadata + std::error::Error + 'static,
        SdkError<E, HttpResponse>: RequestId,
    {
        self.patient(async || send().await.map_err(|error| CloudError::new(action, error))).await
    }

    /// Waits until a call of EC2's may be made, and tells that it is.
    pub(crate) async fn turn(&self, action: Action, about: impl std::fmt::Debug) {
        self.paces.before(action).await;
        tracing::debug!("{action} {about:?}");
    }

    /// Makes a call again while what it names is not found, and in its turn after EC2 has
    /// refused it more often than the SDK tries: what was refused was not done.
    pub(super) async fn patient<T>(
        &self,
        call: impl AsyncFn() -> Result<T, CloudError>,
    ) -> Result<T, CloudError> {
        let (mut unseen, mut throttled) = (0, 0);
        loop {
            match call().await {
                Err(error)
                    if error.kind == CloudErrorKind::NotFound && unseen + 1 < UNSEEN_TRIES =>
                {
                    tracing::debug!("{error}: trying again");
                    let share = rand::rng().random_range(0.5..1.5);
                    tokio::time::sleep(UNSEEN_PAUSE.mul_f64(share) * 2u32.pow(unseen)).await;
                    unseen += 1;
                }
                Err(error)
                    if error.kind == CloudErrorKind::Throttled && throttled < THROTTLED_TRIES =>
                {
                    throttled += 1;
                    self.turn(error.action, format!("again, because {error}")).await;
                }
                other => return other,
            }
        }
    }
}
