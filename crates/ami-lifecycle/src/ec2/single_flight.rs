//! One call for all who ask the same at the same time.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::time::Instant;

use crate::ec2::error::CloudError;

/// For so long a call waits for others who ask the same: those who begin together share the
/// first call.
const GATHERING: Duration = Duration::from_millis(5);

type Last<T> = Option<(Instant, Result<T, CloudError>)>;

/// Answers by question. Whoever asks gets an answer to a call that began after that; who
/// asks while one is under way shares the next.
#[derive(Debug)]
pub(crate) struct SingleFlight<T>(Mutex<HashMap<String, Arc<tokio::sync::Mutex<Last<T>>>>>);

impl<T> Default for SingleFlight<T> {
    fn default() -> Self {
        SingleFlight(Mutex::default())
    }
}

impl<T: Clone> SingleFlight<T> {
    /// The answer to `question`, which `call` asks.
    pub(crate) async fn get(
        &self,
        question: &str,
        call: impl AsyncFnOnce() -> Result<T, CloudError>,
    ) -> Result<T, CloudError> {
        let asked = Instant::now();
        let slot = {
            let mut slots = self.0.lock().expect("no panic holds this lock");
            slots.entry(question.to_owned()).or_default().clone()
        };
        let mut last = slot.lock().await;
        if let Some((began, answer)) = &*last
            && *began > asked
        {
            return answer.clone();
        }
        tokio::time::sleep(GATHERING).await;
        let began = Instant::now();
        let answer = call().await;
        *last = Some((began, answer.clone()));
        answer
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU64, Ordering};
    use std::time::Duration;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn who_asks_at_the_same_time_shares_a_call_and_who_asks_later_the_next() {
        let (shared, calls) = (SingleFlight::default(), AtomicU64::new(0));
        let ask = async || {
            let call = async || {
                tokio::time::sleep(Duration::from_secs(1)).await;
                Ok(calls.fetch_add(1, Ordering::Relaxed))
            };
            shared.get("x", call).await.unwrap()
        };
        let later = async || {
            tokio::time::sleep(GATHERING * 2).await;
            (ask().await, tokio::join!(ask(), ask()))
        };
        let together = async || tokio::join!(ask(), ask());
        let (first, (second, both)) = tokio::join!(together(), later());
        assert_eq!((first, second), ((0, 0), 1));
        assert_eq!(both, (2, 2), "what is asked after an answer is asked anew");
    }
}
