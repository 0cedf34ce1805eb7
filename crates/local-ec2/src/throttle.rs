//! EC2's request buckets, to be switched on
//! (<https://docs.aws.amazon.com/ec2/latest/devguide/ec2-api-throttling.html>): each
//! action has a bucket of tokens for its calls, some have another for the instances
//! that a call is about.

use std::collections::HashMap;
use std::time::Instant;

use crate::protocol::{ApiError, ApiResult};

/// How many tokens a bucket holds at most, and how many it gains in a second.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Size {
    capacity: f64,
    per_second: f64,
}

const fn size(capacity: u32, per_second: u32) -> Size {
    Size { capacity: capacity as f64, per_second: per_second as f64 }
}

const NON_MUTATING: Size = size(100, 20);
const UNFILTERED: Size = size(50, 10);
const MUTATING: Size = size(50, 5);

/// Actions whose calls without filters and pages have a smaller bucket.
const UNFILTERED_ACTIONS: [&str; 5] = [
    "DescribeInstances",
    "DescribeInstanceStatus",
    "DescribeSecurityGroups",
    "DescribeSnapshots",
    "DescribeVolumes",
];

/// The bucket for the calls of an action. Those that EC2 calls resource-intensive have
/// the size of the other mutating ones.
fn request_size(action: &str, unfiltered: bool) -> Size {
    match action {
        "RunInstances" | "StartInstances" => size(5, 2),
        "CopyImage" => size(100, 1),
        "CreateTags" | "DeleteTags" => size(100, 10),
        "CreateSnapshot"
        | "DeleteSnapshot"
        | "DeleteVolume"
        | "DeregisterImage"
        | "ModifyImageAttribute"
        | "ModifySnapshotAttribute"
        | "TerminateInstances" => size(100, 5),
        _ if unfiltered && UNFILTERED_ACTIONS.contains(&action) => UNFILTERED,
        _ if action.starts_with("Describe") || action.starts_with("Get") => NON_MUTATING,
        _ => MUTATING,
    }
}

/// The bucket for the instances that the calls of an action are about.
fn resource_size(action: &str) -> Option<Size> {
    match action {
        "RunInstances" | "StartInstances" => Some(size(1000, 2)),
        "StopInstances" | "TerminateInstances" => Some(size(1000, 20)),
        _ => None,
    }
}

#[derive(Debug)]
struct Bucket {
    size: Size,
    tokens: f64,
    filled: Instant,
}

impl Bucket {
    fn full(size: Size, now: Instant) -> Bucket {
        Bucket { size, tokens: size.capacity, filled: now }
    }

    fn fill(&mut self, now: Instant) {
        let gained = (now - self.filled).as_secs_f64() * self.size.per_second;
        self.tokens = (self.tokens + gained).min(self.size.capacity);
        self.filled = now;
    }
}

/// What a call takes from the buckets.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Demand<'a> {
    pub(crate) action: &'a str,
    /// Neither filters nor a page were asked for.
    pub(crate) unfiltered: bool,
    /// The instances that it is about.
    pub(crate) instances: u32,
}

/// All buckets; each is full when it is first looked at.
#[derive(Debug, Default)]
pub(crate) struct Throttle {
    requests: HashMap<(String, bool), Bucket>,
    resources: HashMap<String, Bucket>,
}

impl Throttle {
    /// Takes the tokens of a call, or none.
    ///
    /// # Errors
    /// `RequestLimitExceeded` when a bucket has too few.
    pub(crate) fn take(&mut self, demand: Demand<'_>, now: Instant) -> ApiResult<()> {
        let Demand { action, unfiltered, instances } = demand;
        let size = request_size(action, unfiltered);
        let key = (action.to_owned(), size == UNFILTERED);
        let request = self.requests.entry(key).or_insert_with(|| Bucket::full(size, now));
        request.fill(now);
        let mut resource = resource_size(action).map(|size| {
            let bucket = self.resources.entry(action.to_owned());
            let bucket = bucket.or_insert_with(|| Bucket::full(size, now));
            bucket.fill(now);
            bucket
        });
        let wanted = f64::from(instances);
        let enough = resource.as_ref().is_none_or(|bucket| bucket.tokens >= wanted);
        if request.tokens < 1.0 || !enough {
            return Err(ApiError::throttled());
        }
        request.tokens -= 1.0;
        if let Some(bucket) = &mut resource {
            bucket.tokens -= wanted;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn passes(throttle: &mut Throttle, demand: Demand<'_>, now: Instant, tries: usize) -> usize {
        (0..tries).filter(|_| throttle.take(demand, now).is_ok()).count()
    }

    #[test]
    fn a_bucket_gives_what_it_holds_and_then_what_it_gains() {
        let (mut throttle, now) = (Throttle::default(), Instant::now());
        let run = Demand { action: "RunInstances", unfiltered: true, instances: 1 };
        assert_eq!(passes(&mut throttle, run, now, 20), 5);
        assert_eq!(passes(&mut throttle, run, now + Duration::from_secs(1), 20), 2);
        assert_eq!(passes(&mut throttle, run, now + Duration::from_secs(60), 20), 5);
    }

    #[test]
    fn calls_without_filters_have_a_smaller_bucket_of_their_own() {
        let (mut throttle, now) = (Throttle::default(), Instant::now());
        let all = Demand { action: "DescribeInstances", unfiltered: true, instances: 0 };
        assert_eq!(passes(&mut throttle, all, now, 200), 50);
        assert_eq!(passes(&mut throttle, Demand { unfiltered: false, ..all }, now, 200), 100);
        let images = Demand { action: "DescribeImages", ..all };
        assert_eq!(passes(&mut throttle, images, now, 200), 100);
    }

    #[test]
    fn the_instances_of_a_call_count_too() {
        let (mut throttle, now) = (Throttle::default(), Instant::now());
        let run = Demand { action: "RunInstances", unfiltered: true, instances: 600 };
        assert_eq!(passes(&mut throttle, run, now, 3), 1);
        assert_eq!(passes(&mut throttle, Demand { instances: 400, ..run }, now, 3), 1);
    }
}
