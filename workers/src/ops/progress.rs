//! How far it is: a bar on a terminal, now and then a line elsewhere. On stderr, so that stdout has the result only.

use std::io::{IsTerminal, Write};
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

/// Between two lines where there is no terminal.
const EVERY: Duration = Duration::from_secs(5);

/// What a person sees meanwhile.
pub(super) struct Progress {
    bar: ProgressBar,
    /// When a line was last written; `None` on a terminal.
    said: Option<Instant>,
    /// What is done with each, as in "answered".
    done: &'static str,
}

impl Progress {
    pub(super) fn begin(all: usize, done: &'static str) -> Self {
        let terminal = std::io::stderr().is_terminal();
        let bar = if terminal && all > 0 { ProgressBar::no_length() } else { ProgressBar::hidden() };
        if let Ok(style) = ProgressStyle::with_template("  {bar:30} {pos}/{len} {msg} {elapsed}") {
            bar.set_style(style);
        }
        bar.enable_steady_tick(Duration::from_millis(200));
        let progress = Self { bar, said: (!terminal).then(Instant::now), done };
        progress.of(all);
        progress
    }

    /// So many there are.
    pub(super) fn of(&self, all: usize) {
        if all > 0 && self.bar.is_hidden() && self.said.is_none() {
            self.bar.set_draw_target(ProgressDrawTarget::stderr());
        }
        self.bar.set_length(u64::try_from(all).unwrap_or(u64::MAX));
    }

    /// One more is done; `aside` is told beside the number.
    pub(super) fn one_more(&mut self, aside: String) {
        self.bar.inc(1);
        if self.said.is_some_and(|said| said.elapsed() >= EVERY) {
            let (done, all) = (self.bar.position(), self.bar.length().unwrap_or_default());
            say(&format!("{done} of {all} {} {aside}", self.done));
            self.said = Some(Instant::now());
        }
        self.bar.set_message(aside);
    }

    /// Something that is to be known now.
    pub(super) fn note(&self, text: &str) {
        self.bar.suspend(|| say(text));
    }

    /// Prints without the bar in between.
    pub(super) fn aside<T>(&self, print: impl FnOnce() -> T) -> T {
        self.bar.suspend(print)
    }

    pub(super) fn end(&self) {
        self.bar.finish_and_clear();
    }
}

/// That nobody reads it is no reason to stop.
pub(super) fn say(text: &str) {
    let _ = writeln!(std::io::stderr(), "{}", text.trim_end());
}
