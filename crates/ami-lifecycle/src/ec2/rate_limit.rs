//! Throttling, respected ahead of time: a bucket of tokens for each class of call, shared by
//! all bakes of a process, and made slower by what EC2 refuses.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use aws_smithy_runtime_api::box_error::BoxError;
use aws_smithy_runtime_api::client::interceptors::Intercept;
use aws_smithy_runtime_api::client::interceptors::context::FinalizerInterceptorContextRef;
use aws_smithy_runtime_api::client::orchestrator::Metadata;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_types::config_bag::ConfigBag;
use tokio::time::Instant;

use crate::ec2::action::{Action, Pace};

/// What a refusal leaves of the pace.
const SLOWER: f64 = 0.5;
/// It never gets slower than this share of what is documented.
const SLOWEST: f64 = 0.05;
/// Refusals that come so soon after one another are about calls that were sent together.
const SETTLING: Duration = Duration::from_secs(10);
/// How long it takes from there to the full pace.
const RECOVERY: Duration = Duration::from_secs(120);
/// The share of what is documented that is used: others use the account too, and clocks
/// differ.
const SHARE: f64 = 0.95;

/// How often an endpoint may be called.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Limits {
    /// As AWS documents.
    Documented,
    /// Nobody knows, until it refuses a call.
    Learned,
}

/// A bucket. Pure but for the times that it is told.
#[derive(Debug)]
struct Bucket {
    capacity: f64,
    /// What it gains in a second at most.
    rate: f64,
    /// Which share of that it gains now.
    share: f64,
    tokens: f64,
    filled: Instant,
    /// Nothing was refused yet, and nothing is known.
    open: bool,
    /// When it was made slower last.
    slowed: Option<Instant>,
}

impl Bucket {
    fn full(pace: Pace, limits: Limits, now: Instant) -> Bucket {
        let capacity = f64::from(pace.capacity - 1);
        let rate = f64::from(pace.rate) * SHARE;
        let open = limits == Limits::Learned;
        Bucket { capacity, rate, share: 1.0, tokens: capacity, filled: now, open, slowed: None }
    }

    fn fill(&mut self, now: Instant) {
        let time = now.saturating_duration_since(self.filled);
        self.tokens =
            (self.tokens + time.as_secs_f64() * self.rate * self.share).min(self.capacity);
        self.share = (self.share + time.as_secs_f64() / RECOVERY.as_secs_f64()).min(1.0);
        self.filled = now;
    }

    /// Takes a token, and tells how long to wait for it.
    fn take(&mut self, now: Instant) -> Duration {
        if self.open {
            return Duration::ZERO;
        }
        self.fill(now);
        self.tokens -= 1.0;
        Duration::from_secs_f64((-self.tokens).max(0.0) / (self.rate * self.share))
    }

    /// EC2 has refused a call: the bucket is empty there.
    fn refused(&mut self, now: Instant) {
        self.fill(now);
        self.tokens = self.tokens.min(0.0);
        let just_now = |slowed: Instant| now.saturating_duration_since(slowed) < SETTLING;
        if std::mem::take(&mut self.open) || self.slowed.is_some_and(just_now) {
            self.slowed = self.slowed.or(Some(now));
            return;
        }
        self.slowed = Some(now);
        self.share = (self.share * SLOWER).max(SLOWEST);
    }
}

/// The buckets of an account in a region.
#[derive(Debug)]
pub(crate) struct RateLimiter {
    limits: Limits,
    buckets: Mutex<HashMap<Action, Bucket>>,
}

impl RateLimiter {
    pub(crate) fn new(limits: Limits) -> RateLimiter {
        RateLimiter { limits, buckets: Mutex::default() }
    }

    fn with<T>(&self, action: Action, change: impl FnOnce(&mut Bucket, Instant) -> T) -> T {
        let now = Instant::now();
        let mut buckets = self.buckets.lock().expect("no panic holds this lock");
        let full = || Bucket::full(action.pace(), self.limits, now);
        let bucket = buckets.entry(action).or_insert_with(full);
        change(bucket, now)
    }

    /// Waits until a call may be made. Those who wait are served in their order.
    pub(crate) async fn before(&self, action: Action) {
        let wait = self.with(action, Bucket::take);
        if !wait.is_zero() {
            tracing::debug!("{action} waits {:.1} s for its turn", wait.as_secs_f64());
            tokio::time::sleep(wait).await;
        }
    }
}

/// Tells the buckets what EC2 refuses, also where the SDK tries again by itself.
#[derive(Debug)]
pub(crate) struct Feedback(pub(crate) Arc<RateLimiter>);

/// The code of a refused call
/// (<https://docs.aws.amazon.com/AWSEC2/latest/APIReference/errors-overview.html>).
const REFUSED: &str = "RequestLimitExceeded";

impl Intercept for Feedback {
    fn name(&self) -> &'static str {
        "Feedback"
    }

    fn read_after_attempt(
        &self,
        context: &FinalizerInterceptorContextRef<'_>,
        _: &RuntimeComponents,
        config: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let body = context.response().and_then(|response| response.body().bytes());
        let refused = body.is_some_and(|body| {
            body.windows(REFUSED.len()).any(|window| window == REFUSED.as_bytes())
        });
        let action = || config.load::<Metadata>().and_then(|it| Action::named(it.name()));
        if refused && let Some(action) = action() {
            tracing::debug!("{action} is refused: {REFUSED}");
            self.0.with(action, Bucket::refused);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bucket_lets_its_fill_pass_and_then_its_rate() {
        let now = Instant::now();
        let mut bucket = Bucket::full(Action::RunInstances.pace(), Limits::Documented, now);
        let waits: Vec<f64> = (0..6).map(|_| bucket.take(now).as_secs_f64()).collect();
        assert_eq!(waits[..4], [0.0; 4]);
        assert!((waits[5] - 2.0 / 1.9).abs() < 0.001, "{waits:?}");
        let later = now + Duration::from_secs(60);
        assert_eq!(bucket.take(later), Duration::ZERO);
    }

    #[test]
    fn a_refusal_halves_the_pace_and_time_restores_it() {
        let now = Instant::now();
        let mut bucket = Bucket::full(Action::RunInstances.pace(), Limits::Documented, now);
        bucket.refused(now);
        assert!((bucket.take(now).as_secs_f64() - 2.0 / 1.9).abs() < 0.001);
        bucket.refused(now);
        assert!((bucket.share - SLOWER).abs() < 1e-9, "those that were sent together count once");
        for _ in 0..20 {
            bucket.slowed = None;
            bucket.refused(now);
        }
        assert!((bucket.share - SLOWEST).abs() < 1e-9);
        bucket.fill(now + RECOVERY);
        assert!((bucket.share - 1.0).abs() < 1e-9);
    }

    #[test]
    fn limits_that_nobody_knows_are_learned_from_the_first_refusal() {
        let now = Instant::now();
        let mut bucket = Bucket::full(Action::RunInstances.pace(), Limits::Learned, now);
        assert!((0..100).all(|_| bucket.take(now).is_zero()));
        bucket.refused(now);
        assert!((bucket.take(now).as_secs_f64() - 1.0 / 1.9).abs() < 0.001);
    }
}
