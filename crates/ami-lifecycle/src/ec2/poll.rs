//! Polling together: one poll serves all who wait for something of its kind in a region, so that
//! the number of calls does not grow with what is waited for.
//!
//! Whoever's next poll is due first polls for everybody; all others take what it has seen. Nothing
//! runs in the background: who waits polls.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::Instant;

use crate::ec2::error::CloudError;

/// The shortest pause between two polls, and the longest: that of EC2's own waiters.
const SHORTEST: Duration = Duration::from_millis(250);
const LONGEST: Duration = Duration::from_secs(15);
/// The usual pause.
const USUAL: Duration = Duration::from_secs(1);

/// The pause after a poll by someone who has waited for so long: short at first, as what is quick
/// is quick on other endpoints; and little beside that time in the end.
fn pause(waited: Duration) -> Duration {
    (waited / 20).max(waited.min(USUAL)).clamp(SHORTEST, LONGEST)
}

/// What was seen in a round.
#[derive(Debug)]
pub(crate) struct Round<T> {
    began: Option<Instant>,
    pub(crate) found: Vec<T>,
}

/// All who wait for one kind of thing in one region.
#[derive(Debug)]
pub(crate) struct Poller<T> {
    /// How many wait for which id.
    awaited: Mutex<BTreeMap<String, usize>>,
    rounds: watch::Sender<Arc<Round<T>>>,
    /// When somebody polled last, whether or not that failed.
    polled: tokio::sync::Mutex<Option<Instant>>,
}

impl<T> Default for Poller<T> {
    fn default() -> Self {
        let none = Round { began: None, found: Vec::new() };
        Poller {
            awaited: Mutex::default(),
            rounds: watch::Sender::new(Arc::new(none)),
            polled: tokio::sync::Mutex::default(),
        }
    }
}

/// One who waits.
pub(crate) struct Waiting<'w, T> {
    poller: &'w Poller<T>,
    id: String,
    since: Instant,
    /// The beginning of the last round that was seen.
    seen: Option<Instant>,
}

impl<T> Poller<T> {
    /// Waits for `id` from now on.
    pub(crate) fn wait_for(&self, id: &str) -> Waiting<'_, T> {
        let mut awaited = self.awaited.lock().expect("no panic holds this lock");
        *awaited.entry(id.to_owned()).or_default() += 1;
        Waiting { poller: self, id: id.to_owned(), since: Instant::now(), seen: None }
    }

    fn awaited(&self) -> Vec<String> {
        self.awaited.lock().expect("no panic holds this lock").keys().cloned().collect()
    }
}

impl<T> Drop for Waiting<'_, T> {
    fn drop(&mut self) {
        let mut awaited = self.poller.awaited.lock().expect("no panic holds this lock");
        if let Some(count) = awaited.get_mut(&self.id) {
            *count -= 1;
            if *count == 0 {
                awaited.remove(&self.id);
            }
        }
    }
}

impl<T> Waiting<'_, T> {
    /// The next round: another's that began after the last one seen, or an own one when it is due.
    /// `ask` polls for all of the ids that are awaited.
    ///
    /// # Errors
    /// When the poll failed; the next one is due after a pause then.
    pub(crate) async fn look(
        &mut self,
        ask: impl AsyncFn(Vec<String>) -> Result<Vec<T>, CloudError>,
    ) -> Result<Arc<Round<T>>, CloudError> {
        let mut rounds = self.poller.rounds.subscribe();
        loop {
            let last = rounds.borrow_and_update().clone();
            if last.began > self.seen.or(Some(self.since)) {
                self.seen = last.began;
                return Ok(last);
            }
            let previous = last.began.max(self.seen);
            let due = previous.map(|began| began + pause(self.since.elapsed()));
            tokio::select! {
                _ = rounds.changed() => continue,
                () = tokio::time::sleep_until(due.unwrap_or(self.since)) => {}
            }
            let mut polled = self.poller.polled.lock().await;
            if rounds.has_changed().unwrap_or(false) {
                continue;
            }
            // What has failed for others a moment ago is not tried again by each of them.
            if let Some(last) = polled.filter(|last| *last > self.seen.unwrap_or(self.since)) {
                self.seen = Some(last);
                continue;
            }
            let began = Instant::now();
            *polled = Some(began);
            // A poll that fails is not made again at once.
            self.seen = Some(began);
            let found = ask(self.poller.awaited()).await?;
            let round = Arc::new(Round { began: Some(began), found });
            self.poller.rounds.send_replace(round.clone());
            return Ok(round);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;
    use crate::ec2::action::Action;

    /// So many wait for what comes between 10 s and 11 s: how many polls that takes, and how late
    /// the last one sees it, in milliseconds.
    async fn polls(many: usize) -> (usize, u128) {
        let (poller, polls) = (Poller::default(), AtomicUsize::new(0));
        let began = Instant::now();
        let one = async |index: usize| {
            let mut waiting = poller.wait_for(&index.to_string());
            let comes = Duration::from_millis(10_000 + 1000 * index as u64 / many as u64);
            let ask = async |ids: Vec<String>| {
                polls.fetch_add(1, Ordering::Relaxed);
                Ok(ids)
            };
            loop {
                let round = waiting.look(&ask).await.unwrap();
                assert!(round.found.contains(&index.to_string()));
                if began.elapsed() >= comes {
                    return (began.elapsed() - comes).as_millis();
                }
            }
        };
        let late = futures::future::join_all((0..many).map(one)).await;
        (polls.load(Ordering::Relaxed), late.into_iter().max().unwrap())
    }

    #[tokio::test(start_paused = true)]
    async fn many_need_hardly_more_polls_than_one() {
        let ((one, late), (many, latest)) = (polls(1).await, polls(200).await);
        assert!((10..16).contains(&one), "{one}");
        assert!(many <= one + 3, "{many} and {one}");
        assert!(late.max(latest) <= 1000, "{late} and {latest}");
    }

    #[tokio::test(start_paused = true)]
    async fn a_poll_that_failed_is_made_again_after_a_pause() {
        let poller: Poller<u8> = Poller::default();
        let mut waiting = poller.wait_for("x");
        let began = Instant::now();
        for pause in [0, 250] {
            let refused = async |_| Err(CloudError::answer(Action::DescribeInstances, "no"));
            waiting.look(refused).await.unwrap_err();
            assert_eq!(began.elapsed().as_millis(), pause);
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_poll_that_failed_is_not_made_by_each_who_waits() {
        let (poller, polls) = (Poller::<u8>::default(), AtomicUsize::new(0));
        let one = async |index: usize| {
            let mut waiting = poller.wait_for(&index.to_string());
            let refused = async |_| {
                polls.fetch_add(1, Ordering::Relaxed);
                tokio::time::sleep(Duration::from_millis(100)).await;
                Err(CloudError::answer(Action::DescribeInstances, "no"))
            };
            let limit = Duration::from_secs(2);
            let _ = tokio::time::timeout(limit, async {
                loop {
                    let _ = waiting.look(refused).await;
                }
            })
            .await;
        };
        futures::future::join_all((0..100).map(one)).await;
        assert!(polls.load(Ordering::Relaxed) < 20, "{polls:?}");
    }

    #[test]
    fn pauses_grow_with_what_was_waited() {
        let pauses = [0, 500, 5000, 60_000, 3_600_000];
        let pauses = pauses.map(|waited| pause(Duration::from_millis(waited)).as_millis());
        assert_eq!(pauses, [250, 500, 1000, 3000, 15_000]);
    }
}
