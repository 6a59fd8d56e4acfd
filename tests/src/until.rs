//! Waiting for a condition, with a deadline and a sentence that says what never came.

use std::time::{Duration, Instant};

/// The answer of a condition: `bool`, or `Option<T>` when there is something to bring back.
pub trait Met {
    /// What [`until`] returns.
    type Found;
    /// The find, if the condition is met.
    fn found(self) -> Option<Self::Found>;
}

impl Met for bool {
    type Found = ();
    fn found(self) -> Option<()> {
        self.then_some(())
    }
}

impl<T> Met for Option<T> {
    type Found = T;
    fn found(self) -> Option<T> {
        self
    }
}

/// Between two questions at first, and at most: what is long in coming is asked for less often.
const SHORTEST: Duration = Duration::from_millis(10);
const LONGEST: Duration = Duration::from_millis(100);
/// How long a question may take that was asked in time.
const GRACE: Duration = Duration::from_secs(30);

/// Asks `condition` again and again until it is met, and returns what it found. Panics with the sentence `what` when
/// `within` is over, also in the middle of a question that nobody answers.
pub async fn until<M: Met, F: Future<Output = M>>(what: &str, within: Duration, condition: impl Fn() -> F) -> M::Found {
    let start = Instant::now();
    loop {
        // The last question may still be answered: a condition is not called unmet only because it was asked late.
        let patience = within.saturating_sub(start.elapsed()) + GRACE;
        let Ok(answer) = tokio::time::timeout(patience, condition()).await else {
            panic!("after {within:?} still not: {what} (the last time that it was asked, nothing answered)")
        };
        if let Some(found) = answer.found() {
            return found;
        }
        assert!(start.elapsed() < within, "after {within:?} still not: {what}");
        tokio::time::sleep((start.elapsed() / 20).clamp(SHORTEST, LONGEST)).await;
    }
}
