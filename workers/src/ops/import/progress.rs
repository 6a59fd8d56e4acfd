//! How far it is: a bar on a terminal, now and then a line elsewhere. On stderr, so that stdout has the result only.

use std::io::{IsTerminal, Write};
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressStyle};
use sealpost_schemas::ExchangeResult;

/// Between two lines where there is no terminal.
const EVERY: Duration = Duration::from_secs(5);

/// What a person sees meanwhile.
pub(super) struct Progress {
    bar: ProgressBar,
    /// When a line was last written; `None` on a terminal.
    said: Option<Instant>,
    failed: usize,
}

impl Progress {
    pub(super) fn begin(lines: usize) -> Self {
        let terminal = std::io::stderr().is_terminal();
        let length = u64::try_from(lines).ok();
        let bar = if terminal { ProgressBar::no_length() } else { ProgressBar::hidden() };
        if let Ok(style) = ProgressStyle::with_template("  {bar:30} {pos}/{len} {msg} {elapsed}") {
            bar.set_style(style);
        }
        bar.set_length(length.unwrap_or_default());
        bar.enable_steady_tick(Duration::from_millis(200));
        Self { bar, said: (!terminal).then(Instant::now), failed: 0 }
    }

    /// One more line has its answer.
    pub(super) fn answered(&mut self, result: &ExchangeResult) {
        self.failed += usize::from(result.failure.is_some());
        self.bar.inc(1);
        let failed = if self.failed == 0 { String::new() } else { format!("({} refused)", self.failed) };
        if self.said.is_some_and(|said| said.elapsed() >= EVERY) {
            let (answered, all) = (self.bar.position(), self.bar.length().unwrap_or_default());
            say(&format!("{answered} of {all} answered {failed}"));
            self.said = Some(Instant::now());
        }
        self.bar.set_message(failed);
    }

    /// Something that is to be known now.
    pub(super) fn note(&self, text: &str) {
        self.bar.suspend(|| say(text));
    }

    pub(super) fn end(&self) {
        self.bar.finish_and_clear();
    }
}

/// That nobody reads it is no reason to stop.
fn say(text: &str) {
    let _ = writeln!(std::io::stderr(), "{}", text.trim_end());
}
