//! EC2's eventual consistency, to be switched on: descriptions that lag behind, and new
//! resources that are not found for a while
//! (<https://docs.aws.amazon.com/ec2/latest/devguide/eventual-consistency.html>).

use std::collections::{HashMap, VecDeque};
use std::time::{Duration, Instant};

use crate::model::{Changes, State};

/// What clients see while descriptions lag; nothing special by default.
#[derive(Debug, Default)]
pub(crate) struct Lagging {
    lag: Duration,
    not_found: Duration,
    /// The state as clients see it, and the changes that they do not see yet.
    shown: Option<State>,
    hidden: VecDeque<(Instant, Changes)>,
    /// When each new resource came to be.
    born: HashMap<String, Instant>,
}

impl Lagging {
    pub(crate) fn new(state: &State, lag: Duration, not_found: Duration) -> Lagging {
        let shown = (lag > Duration::ZERO).then(|| state.clone());
        Lagging { lag, not_found, shown, ..Lagging::default() }
    }

    /// Notes a change that was made just now.
    pub(crate) fn note(&mut self, changes: Changes) {
        let now = Instant::now();
        if self.not_found > Duration::ZERO {
            self.born.retain(|_, born| now - *born < self.not_found);
            self.born.extend(changes.new_ids().into_iter().map(|id| (id, now)));
        }
        if self.shown.is_some() {
            self.hidden.push_back((now, changes));
        }
    }

    /// The state that clients see, if it is not the present one.
    pub(crate) fn shown(&mut self) -> Option<&State> {
        let shown = self.shown.as_mut()?;
        while self.hidden.front().is_some_and(|(made, _)| made.elapsed() >= self.lag) {
            let (_, changes) = self.hidden.pop_front()?;
            shown.apply(changes);
        }
        Some(shown)
    }

    pub(crate) fn is_not_found_yet(&self, id: &str) -> bool {
        self.born.get(id).is_some_and(|born| born.elapsed() < self.not_found)
    }
}
