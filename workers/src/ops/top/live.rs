//! The view on a terminal, which is left as it was found.

use std::pin::pin;
use std::time::Duration;

use crossterm::event::{Event, EventStream, KeyCode, KeyEvent, KeyEventKind, KeyModifiers};
use futures_util::StreamExt;
use ratatui::DefaultTerminal;
use tokio::time::{Instant, sleep_until};

use super::draw::draw;
use super::look::Looker;
use super::snapshot::Snapshot;
use crate::worker::stop_signal;

/// The terminal while it is ours. Dropping it gives it back; after a panic ratatui's hook does, before the panic is told.
struct Screen(DefaultTerminal);

impl Screen {
    fn open() -> Result<Self, String> {
        let terminal = ratatui::try_init();
        terminal.map(Self).map_err(|error| {
            ratatui::restore();
            format!("cannot draw on this terminal: {error}; --once prints what is seen")
        })
    }

    fn draw(&mut self, snapshot: Option<&Snapshot>) -> Result<(), String> {
        let drawn = self.0.draw(|frame| draw(frame, snapshot));
        drawn.map(|_| ()).map_err(|error| format!("drawing on the terminal: {error}"))
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        ratatui::restore();
    }
}

/// Shows what is seen until the operator leaves, or SIGTERM.
///
/// # Errors
/// In words, if the terminal cannot be used. What does not answer is no error: it is shown.
pub(super) async fn run(mut looker: Looker, every: Duration) -> Result<(), String> {
    let stop = stop_signal()?;
    let mut screen = Screen::open()?;
    let (mut events, mut snapshot, mut due) = (EventStream::new(), None, Instant::now());
    loop {
        let looker = &mut looker;
        let mut looking = pin!(async move {
            sleep_until(due).await;
            looker.look().await
        });
        // whatever comes meanwhile, it is drawn anew: the terminal may have another size
        let seen = loop {
            screen.draw(snapshot.as_ref())?;
            tokio::select! {
                seen = &mut looking => break seen,
                () = stop.cancelled() => return Ok(()),
                event = events.next() => match event {
                    Some(Ok(event)) if !leaves(&event) => {}
                    Some(Ok(_)) | None => return Ok(()),
                    Some(Err(error)) => return Err(format!("reading the terminal's keys: {error}")),
                },
            }
        };
        snapshot = Some(seen);
        due = Instant::now() + every;
    }
}

/// Whether it is q, Esc or Ctrl-C, which is a key like others now.
fn leaves(event: &Event) -> bool {
    let Event::Key(KeyEvent { code, modifiers, kind: KeyEventKind::Press, .. }) = event else { return false };
    let interrupts = modifiers.contains(KeyModifiers::CONTROL) && *code == KeyCode::Char('c');
    interrupts || matches!(code, KeyCode::Char('q') | KeyCode::Esc)
}

#[cfg(test)]
mod tests {
    use std::process::{Command, Stdio};

    use crossterm::event::{Event, KeyCode, KeyEvent, KeyModifiers};

    use super::{Screen, leaves};

    #[test]
    fn q_esc_and_ctrl_c_leave_and_other_keys_do_not() {
        let key = |code, modifiers| leaves(&Event::Key(KeyEvent::new(code, modifiers)));
        let (none, control) = (KeyModifiers::NONE, KeyModifiers::CONTROL);
        assert!(key(KeyCode::Char('q'), none) && key(KeyCode::Esc, none) && key(KeyCode::Char('c'), control));
        assert!(!key(KeyCode::Char('c'), none) && !key(KeyCode::Enter, none) && !leaves(&Event::Resize(80, 24)));
    }

    #[test]
    #[ignore = "needs a terminal; the next test runs it on one"]
    fn panics_on_the_screen() {
        let _screen = Screen::open().unwrap();
        panic!("it broke on purpose");
    }

    #[test]
    fn a_panic_gives_the_terminal_back_before_it_is_told() {
        let this = std::env::current_exe().unwrap();
        let panics =
            format!("{} --ignored --exact --nocapture ops::top::live::tests::panics_on_the_screen", this.display());
        // util-linux's, which gives the command a terminal of its own
        let mut script = Command::new("script");
        script.args(["-qec", &format!("stty -g; {panics}; stty -g"), "/dev/null"]).stdin(Stdio::null());
        let shown = String::from_utf8(script.output().unwrap().stdout).unwrap();
        let at = |text: &str| shown.find(text).unwrap_or_else(|| panic!("no {text:?} in {shown}"));
        assert!(
            at("\u{1b}[?1049h") < at("\u{1b}[?1049l") && at("\u{1b}[?1049l") < at("it broke on purpose"),
            "{shown}"
        );
        let lines: Vec<_> = shown.lines().map(str::trim_end).collect();
        assert_eq!(lines.first(), lines.last(), "the settings of the terminal are what they were");
    }
}
