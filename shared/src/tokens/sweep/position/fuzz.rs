//! Cursors, spoilt.

use sealpost_fuzz::{ITERATIONS, near_text};

use super::Position;

#[test]
fn a_spoilt_cursor_is_one_that_is_written_and_read_again_or_none() {
    let due = format!("due/1795000000000/{}", "0a".repeat(32));
    let seeds = vec!["held/2/tokens/v1/42".to_owned(), due];
    bolero::check!().with_iterations(ITERATIONS).with_generator(near_text(seeds)).for_each(|text| {
        let Some(position) = Position::read(text) else { return };
        assert_eq!(Position::read(&position.to_string()), Some(position));
    });
}
