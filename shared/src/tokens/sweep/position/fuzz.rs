//! Cursors, spoilt.

use sealpost_fuzz::{ITERATIONS, near_text};

use super::Position;

#[test]
fn a_spoilt_cursor_is_one_that_is_written_and_read_again_or_none() {
    let due = format!("due/1795000000000/{}", "0a".repeat(32));
    let seeds = vec!["held/2/tokens/v1/42".to_owned(), due];
    bolero::check!().with_iterations(ITERATIONS).with_generator(near_text(seeds)).for_each(|text| {
        let Ok(position) = text.parse::<Position>() else { return };
        assert_eq!(position.to_string().parse::<Position>().ok(), Some(position));
    });
}
