//! What a person sees while it runs: a bar on a terminal, a line every few seconds elsewhere.

use std::{
    io::{IsTerminal, Write},
    time::{Duration, Instant},
};

use indicatif::{ProgressBar, ProgressStyle};

/// Between two lines.
const EVERY: Duration = Duration::from_secs(5);

/// Where progress goes.
#[derive(Debug)]
pub struct Screen {
    bar: Option<ProgressBar>,
    silent: bool,
    began: Instant,
    last: Option<Instant>,
}

impl Screen {
    /// To stderr if that is a terminal, else to stdout.
    #[must_use]
    pub fn open() -> Self {
        let bar = std::io::stderr().is_terminal().then(|| {
            let style = ProgressStyle::with_template("  {elapsed_precise} {wide_bar} {pos}/{len}\n  {msg}");
            ProgressBar::new(0).with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()))
        });
        Self { bar, silent: false, began: Instant::now(), last: None }
    }

    /// To nobody.
    #[must_use]
    pub fn silent() -> Self {
        Self { bar: None, silent: true, began: Instant::now(), last: None }
    }

    /// How many are done, of how many, and the rest in words.
    pub(super) fn show(&mut self, done: usize, all: usize, words: &str) {
        if let Some(bar) = &self.bar {
            bar.set_length(all as u64);
            bar.set_position(done as u64);
            bar.set_message(words.to_owned());
        } else if self.last.is_none_or(|last| last.elapsed() > EVERY) {
            self.last = Some(Instant::now());
            self.line(&format!("{done}/{all}  {words}"));
        }
    }

    /// A line that stays.
    pub(super) fn line(&self, text: &str) {
        let text = format!("  {:>5.1} s  {text}", self.began.elapsed().as_secs_f64());
        if let Some(bar) = &self.bar {
            bar.println(text);
        } else if !self.silent {
            // that nobody reads it is no reason to stop
            let _ = writeln!(std::io::stdout(), "{text}");
        }
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}
