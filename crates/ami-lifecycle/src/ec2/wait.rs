//! Waiting: look again and again until a deadline or a cancellation, alone or together with
//! others.

use std::time::Duration;

use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::ec2::error::CloudError;
use crate::ec2::poll::Waiting;

/// The first pause between two looks: most local transitions take about that long.
const FIRST_PAUSE: Duration = Duration::from_millis(250);
/// The longest pause: EC2's own waiters pause for 15 s, which wastes up to as much.
const LONGEST_PAUSE: Duration = Duration::from_secs(5);

/// Why a wait ended without what was waited for.
#[derive(Debug)]
pub(crate) enum WaitError<E> {
    /// The deadline has passed.
    TimedOut(Duration),
    /// Someone asked to stop.
    Cancelled,
    /// A look failed for good.
    Failed(E),
}

/// An error after which a look may succeed all the same.
pub(crate) trait IsTransient {
    fn is_transient(&self) -> bool;
}

/// Looks until `look` finds something. Errors that may pass are told only when the
/// deadline has come.
pub(crate) async fn until<T, E: IsTransient>(
    limit: Duration,
    cancel: &CancellationToken,
    mut look: impl AsyncFnMut() -> Result<Option<T>, E>,
) -> Result<T, WaitError<E>> {
    let deadline = Instant::now() + limit;
    let mut pause = FIRST_PAUSE;
    loop {
        let found = tokio::select! {
            () = cancel.cancelled() => return Err(WaitError::Cancelled),
            found = look() => found,
        };
        let error = match found {
            Ok(Some(found)) => return Ok(found),
            Ok(None) => None,
            Err(error) if error.is_transient() => Some(error),
            Err(error) => return Err(WaitError::Failed(error)),
        };
        if Instant::now() + pause > deadline {
            return Err(error.map_or(WaitError::TimedOut(limit), WaitError::Failed));
        }
        tokio::select! {
            () = cancel.cancelled() => return Err(WaitError::Cancelled),
            () = tokio::time::sleep(pause) => {}
        }
        pause = (pause * 3 / 2).min(LONGEST_PAUSE);
    }
}

/// Waits together with others until `judge` finds what is awaited in what was seen.
pub(crate) async fn together<T, U, E: IsTransient + From<CloudError>>(
    limit: Duration,
    cancel: &CancellationToken,
    waiting: &mut Waiting<'_, T>,
    ask: impl AsyncFn(Vec<String>) -> Result<Vec<T>, CloudError>,
    mut judge: impl FnMut(&[T]) -> Result<Option<U>, E>,
) -> Result<U, WaitError<E>> {
    let mut last = None;
    let look = async {
        loop {
            match waiting.look(&ask).await {
                Ok(round) => match judge(&round.found) {
                    Ok(Some(found)) => return Ok(found),
                    Ok(None) => last = None,
                    Err(error) => return Err(error),
                },
                Err(error) if error.is_transient() => last = Some(error),
                Err(error) => return Err(error.into()),
            }
        }
    };
    let outcome = tokio::select! {
        () = cancel.cancelled() => return Err(WaitError::Cancelled),
        outcome = tokio::time::timeout(limit, look) => outcome,
    };
    match outcome {
        Ok(Ok(found)) => Ok(found),
        Ok(Err(error)) => Err(WaitError::Failed(error)),
        Err(_) => Err(last.map_or(WaitError::TimedOut(limit), |it| WaitError::Failed(it.into()))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Whether it may pass.
    impl IsTransient for bool {
        fn is_transient(&self) -> bool {
            *self
        }
    }

    #[tokio::test]
    async fn an_error_that_may_pass_is_told_at_the_deadline_only() {
        let cancel = CancellationToken::new();
        let mut answers = vec![Ok(Some(7)), Err(true)];
        let limit = Duration::from_secs(60);
        let found = until(limit, &cancel, async || answers.pop().unwrap()).await;
        assert!(matches!(found, Ok(7)), "{found:?}");
        for (is_transient, limit) in [(true, Duration::ZERO), (false, limit)] {
            let ended = until(limit, &cancel, async || Err::<Option<()>, _>(is_transient)).await;
            assert!(matches!(ended, Err(WaitError::Failed(it)) if it == is_transient), "{ended:?}");
        }
    }

    #[tokio::test]
    async fn a_deadline_ends_the_wait() {
        let cancel = CancellationToken::new();
        let limit = Duration::from_millis(1);
        let ended = until(limit, &cancel, async || Ok::<Option<()>, bool>(None)).await;
        assert!(matches!(ended, Err(WaitError::TimedOut(_))), "{ended:?}");
    }

    #[tokio::test]
    async fn a_cancellation_ends_a_look_that_hangs() {
        let cancel = CancellationToken::new();
        let other = cancel.clone();
        tokio::spawn(async move { other.cancel() });
        let limit = Duration::from_secs(60);
        let ended = until(limit, &cancel, async || {
            std::future::pending::<()>().await;
            Ok::<Option<()>, bool>(None)
        })
        .await;
        assert!(matches!(ended, Err(WaitError::Cancelled)), "{ended:?}");
    }
}
