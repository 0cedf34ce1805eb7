//! Waiting together: one round of looking serves all who wait for something of its kind in a
//! region, so that the number of calls does not grow with what is waited for.
//!
//! Each who waits knows when a look would be worth it ([`Rhythm`]). The first whose time has
//! come looks for everybody; all others take what it has seen. Nothing runs in the
//! background: who waits looks.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::Instant;

use crate::ec2::error::CloudError;

/// The least pause between two looks, and the longest.
const SHORTEST: Duration = Duration::from_millis(40);
const LONGEST: Duration = Duration::from_secs(15);
/// The pause after the first look of those who have no experience.
const FIRST_APART: Duration = Duration::from_millis(250);

/// How far apart rounds for many may be, whatever they wait for; less where that is quick.
const UNHURRIED: Duration = Duration::from_millis(2800);

/// For so long it counts how many have waited at once.
const CROWD: Duration = Duration::from_secs(60);
/// The last few are less than this part of them.
const LAST_FEW: usize = 4;

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
    asking: tokio::sync::Mutex<()>,
    /// The most that have waited at once lately, and since when that counts.
    crowd: Mutex<(usize, Option<Instant>)>,
}

impl<T> Default for Poller<T> {
    fn default() -> Self {
        let none = Round { began: None, found: Vec::new() };
        Poller {
            awaited: Mutex::default(),
            rounds: watch::Sender::new(Arc::new(none)),
            asking: tokio::sync::Mutex::default(),
            crowd: Mutex::default(),
        }
    }
}

/// One who waits.
pub(crate) struct Waiting<'w, T> {
    watch: &'w Poller<T>,
    id: String,
    since: Instant,
    /// The beginning of the last round that was seen, and of the one before it.
    seen: Instant,
    before: Instant,
    /// How many rounds were seen.
    rounds: u64,
    rhythm: Rhythm,
}

impl<T> Poller<T> {
    /// Waits for `id` from now on.
    pub(crate) fn wait_for(&self, id: &str, rhythm: Rhythm) -> Waiting<'_, T> {
        let mut awaited = self.awaited.lock().expect("no panic holds this lock");
        *awaited.entry(id.to_owned()).or_default() += 1;
        let now = Instant::now();
        let id = id.to_owned();
        Waiting { watch: self, id, since: now, seen: now, before: now, rounds: 0, rhythm }
    }

    /// How many wait, or have lately: those who come first wait with the others. The last few
    /// are what all is waiting for: it is looked for them as for one.
    fn crowd(&self) -> usize {
        let now = Instant::now();
        let awaited = self.awaited.lock().expect("no panic holds this lock").len();
        let mut crowd = self.crowd.lock().expect("no panic holds this lock");
        let is_old = crowd.1.is_none_or(|since| now - since > CROWD);
        if awaited >= crowd.0 || is_old {
            *crowd = (awaited, Some(now));
        }
        if awaited < crowd.0 / LAST_FEW { 1 } else { crowd.0 }
    }

    fn awaited(&self) -> Vec<String> {
        self.awaited.lock().expect("no panic holds this lock").keys().cloned().collect()
    }
}

impl<T> Drop for Waiting<'_, T> {
    fn drop(&mut self) {
        let mut awaited = self.watch.awaited.lock().expect("no panic holds this lock");
        if let Some(count) = awaited.get_mut(&self.id) {
            *count -= 1;
            if *count == 0 {
                awaited.remove(&self.id);
            }
        }
    }
}

impl<T> Waiting<'_, T> {
    /// How long it has been waited.
    fn elapsed(&self) -> Duration {
        self.since.elapsed()
    }

    /// How long it has taken, for later ones. What was there at the first look was there for
    /// some time already, which nobody knows: less is told, so that the next looks earlier.
    /// Else it came between the last two looks.
    pub(crate) fn took(&self) -> Duration {
        match self.rounds {
            0 | 1 if self.rhythm.expected.is_some() => self.elapsed().mul_f64(0.75),
            0 | 1 => self.elapsed(),
            _ => ((self.before - self.since) + (self.seen - self.since)) / 2,
        }
    }

    /// Notes the beginning of a round that was seen.
    fn sees(&mut self, began: Instant) {
        self.before = self.seen;
        self.seen = began;
    }

    /// The next round: another's, or an own one when its time has come. `ask` looks for all
    /// of the ids that are awaited. `sign` says that it may have happened.
    ///
    /// # Errors
    /// When the look failed; the next one is due after a pause then.
    pub(crate) async fn look(
        &mut self,
        ask: impl AsyncFn(Vec<String>) -> Result<Vec<T>, CloudError>,
        mut sign: Option<&mut watch::Receiver<bool>>,
    ) -> Result<Arc<Round<T>>, CloudError> {
        let mut rounds = self.watch.rounds.subscribe();
        let mut due = self.since + self.rhythm.next(self.seen - self.since);
        loop {
            let last = rounds.borrow_and_update().clone();
            if let Some(began) = last.began.filter(|began| *began > self.seen) {
                self.sees(began);
                self.rounds += 1;
                return Ok(last);
            }
            let pause = self.rhythm.pause(self.watch.crowd(), self.elapsed());
            let free = last.began.map_or(due, |began| due.max(began + pause));
            tokio::select! {
                _ = rounds.changed() => continue,
                () = signed(&mut sign) => {
                    if self.rhythm.believes(self.elapsed()) {
                        due = Instant::now();
                    }
                    sign = None;
                    continue;
                }
                () = tokio::time::sleep_until(free) => {}
            }
            let _lock = self.watch.asking.lock().await;
            if rounds.has_changed().unwrap_or(false) {
                continue;
            }
            let began = Instant::now();
            // A look that fails is not made again at once.
            self.sees(began);
            let found = ask(self.watch.awaited()).await?;
            let round = Arc::new(Round { began: Some(began), found });
            self.watch.rounds.send_replace(round.clone());
            self.rounds += 1;
            return Ok(round);
        }
    }
}

/// Ends when the sign is given, and never without one.
async fn signed(sign: &mut Option<&mut watch::Receiver<bool>>) {
    match sign {
        Some(sign) => drop(sign.wait_for(|given| *given).await),
        None => std::future::pending().await,
    }
}

/// When it is worth to look again. Pure.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Rhythm {
    /// How long it has taken before.
    pub(crate) expected: Option<Duration>,
}

impl Rhythm {
    /// For a wait that usually takes `expected` and may take `limit`: there is time for looks
    /// in any case.
    pub(crate) fn within(expected: Option<Duration>, limit: Duration) -> Rhythm {
        Rhythm { expected: expected.map(|expected| expected.min(limit / 2)) }
    }

    /// When to look next, counted from the beginning; the last look was at `last`. Nobody
    /// looks long before what is awaited was ever there, and then often; without experience
    /// the pauses grow.
    fn next(&self, last: Duration) -> Duration {
        let Some(expected) = self.expected else {
            return if last.is_zero() { last } else { last + self.apart(last) };
        };
        let first = expected.mul_f64(0.9);
        if last < first { first } else { last + self.apart(last) }
    }

    /// The pause after a look at `last`: a few hundredths of what it takes, more as it takes
    /// longer than ever.
    fn apart(&self, last: Duration) -> Duration {
        let pause = match self.expected {
            Some(expected) if last < expected * 2 => {
                let late = last.saturating_sub(expected.mul_f64(0.9)).mul_f64(0.15);
                let least = (expected / 8).min(Duration::from_millis(750));
                expected.mul_f64(0.05).max(least).max(late)
            }
            // Soon at first: what nobody knows of may be quick.
            _ => (last / 6).max(FIRST_APART),
        };
        pause.clamp(SHORTEST, LONGEST)
    }

    /// The least pause between two rounds for so many: more who wait are served by rounds that
    /// are further apart, and each waits a little longer.
    fn pause(&self, awaited: usize, elapsed: Duration) -> Duration {
        let apart = self.apart(elapsed);
        if awaited < 2 {
            return apart;
        }
        let expected = self.expected.unwrap_or(UNHURRIED * 10);
        let most = (expected / 8).max(UNHURRIED).min(expected / 3);
        let many = 1.0 + (awaited as f64).log2() / 2.0;
        apart.mul_f64(many).min(most).clamp(SHORTEST, LONGEST)
    }

    /// Whether a sign so early can mean it.
    fn believes(&self, elapsed: Duration) -> bool {
        self.expected.is_none_or(|expected| elapsed >= expected.mul_f64(0.6))
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    fn looks(rhythm: Rhythm, until: Duration) -> Vec<f64> {
        let (mut at, mut looks) = (Duration::ZERO, Vec::new());
        loop {
            at = rhythm.next(at);
            looks.push((at.as_secs_f64() * 100.0).round() / 100.0);
            if at >= until {
                return looks;
            }
            at = at.max(Duration::from_millis(1));
        }
    }

    #[test]
    fn experience_saves_looks_and_time() {
        let ten = Duration::from_secs(10);
        let first = looks(Rhythm::default(), ten);
        assert!((12..25).contains(&first.len()), "{first:?}");
        let known = looks(Rhythm { expected: Some(ten) }, ten);
        assert_eq!(known, [9.0, 9.75, 10.5]);
        let long = looks(Rhythm { expected: Some(ten) }, ten * 30);
        assert!(long.len() < 60, "what takes far longer than ever is not asked for ever: {long:?}");
    }

    #[tokio::test(start_paused = true)]
    async fn who_expects_too_much_learns_and_looks_within_the_limit() {
        let watch: Poller<u8> = Poller::default();
        let (hour, minute) = (Duration::from_secs(3600), Duration::from_secs(60));
        let mut waiting = watch.wait_for("x", Rhythm::within(Some(hour), 2 * minute));
        waiting.look(async |_| Ok(Vec::new()), None).await.unwrap();
        assert_eq!(waiting.elapsed(), minute.mul_f64(0.9));
        assert_eq!(waiting.took(), minute.mul_f64(0.9 * 0.75));
    }

    #[tokio::test(start_paused = true)]
    async fn what_came_between_two_looks_came_in_the_middle() {
        let watch: Poller<u8> = Poller::default();
        let mut waiting = watch.wait_for("x", Rhythm { expected: Some(Duration::from_secs(10)) });
        for _ in 0..2 {
            waiting.look(async |_| Ok(Vec::new()), None).await.unwrap();
        }
        assert_eq!(waiting.took(), Duration::from_millis((9000 + 9750) / 2));
    }

    /// Some wait for what comes between 10 s and 11 s.
    async fn rounds(many: usize) -> usize {
        let (watch, calls) = (Poller::default(), AtomicUsize::new(0));
        let began = Instant::now();
        let one = async |index: usize| {
            let rhythm = Rhythm { expected: Some(Duration::from_secs(10)) };
            let mut waiting = watch.wait_for(&index.to_string(), rhythm);
            let wanted = Duration::from_millis(10_000 + 1000 * index as u64 / many as u64);
            let ask = async |ids: Vec<String>| {
                calls.fetch_add(1, Ordering::Relaxed);
                Ok(ids)
            };
            loop {
                let round = waiting.look(&ask, None).await.unwrap();
                assert!(round.found.contains(&index.to_string()));
                if began.elapsed() >= wanted {
                    break;
                }
            }
        };
        futures::future::join_all((0..many).map(one)).await;
        calls.load(Ordering::Relaxed)
    }

    #[tokio::test(start_paused = true)]
    async fn many_need_hardly_more_rounds_than_one() {
        let (one, many) = (rounds(1).await, rounds(200).await);
        assert!((2..=4).contains(&one), "{one}");
        assert!(many <= one + 1, "{many} and {one}");
    }

    #[tokio::test(start_paused = true)]
    async fn who_comes_first_waits_with_the_others_and_the_last_few_do_not() {
        let watch: Poller<u8> = Poller::default();
        let wait = |index: usize| watch.wait_for(&index.to_string(), Rhythm::default());
        let mut all: Vec<_> = (0..20).map(wait).collect();
        let mut crowds = vec![watch.crowd()];
        for left in [5, 4] {
            all.truncate(left);
            crowds.push(watch.crowd());
        }
        assert_eq!(crowds, [20, 20, 1]);
        tokio::time::advance(CROWD * 2).await;
        assert_eq!(watch.crowd(), 4);
    }

    #[tokio::test(start_paused = true)]
    async fn a_sign_is_looked_after_at_once_unless_it_comes_too_early() {
        let watch: Poller<u8> = Poller::default();
        for (at, expected) in [(8, 8), (2, 9)] {
            let (send, mut sign) = watch::channel(false);
            let began = Instant::now();
            let rhythm = Rhythm { expected: Some(Duration::from_secs(10)) };
            let mut waiting = watch.wait_for("x", rhythm);
            let given = async {
                tokio::time::sleep(Duration::from_secs(at)).await;
                send.send_replace(true);
            };
            let (_, looked) =
                tokio::join!(given, waiting.look(async |_| Ok(Vec::new()), Some(&mut sign)));
            looked.unwrap();
            assert_eq!(began.elapsed().as_secs(), expected);
        }
    }
}
