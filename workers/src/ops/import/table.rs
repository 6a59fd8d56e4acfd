//! What became of the lines: for people.

use comfy_table::{Cell, Color};

use super::report::Became;
use crate::ops::screen::table;

/// More ranges of lines than this are not listed; the report file has them.
const MAX_RANGES: usize = 20;

pub(super) fn of(groups: &[(Became, Vec<usize>)]) -> String {
    let mut table = table(["outcome", "code", "count", "lines", "what it means"]);
    for (became, lines) in groups {
        let (outcome, code) = became.words();
        let (color, meaning) = match became {
            Became::Stored => (Color::Green, "sealed here; the token in the file is spent where the provider rotates"),
            Became::Failed(code) => (Color::Red, code.sentence()),
            Became::Unanswered => (Color::Yellow, "not known yet; run the same command again"),
        };
        let cells = [code.into(), lines.len().to_string(), ranges(lines), meaning.into()];
        table.add_row([Cell::new(outcome).fg(color)].into_iter().chain(cells.map(Cell::new)));
    }
    table.to_string()
}

/// Rising numbers as people write them: `1-3, 5`.
fn ranges(numbers: &[usize]) -> String {
    let mut ranges: Vec<(usize, usize)> = Vec::new();
    for &number in numbers {
        match ranges.last_mut() {
            Some((_, last)) if *last + 1 == number => *last = number,
            _ => ranges.push((number, number)),
        }
    }
    let one =
        |&(first, last): &(usize, usize)| if first == last { first.to_string() } else { format!("{first}-{last}") };
    let mut shown: Vec<_> = ranges.iter().take(MAX_RANGES).map(one).collect();
    if ranges.len() > MAX_RANGES {
        shown.push("…".into());
    }
    shown.join(", ")
}

#[cfg(test)]
mod tests {
    use sealpost_schemas::Code;

    use super::{Became, of, ranges};

    #[test]
    fn lines_that_follow_each_other_are_written_as_a_range() {
        assert_eq!(ranges(&[1, 2, 3, 5, 7, 8]), "1-3, 5, 7-8");
        let odd: Vec<_> = (0..100).map(|number| 2 * number + 1).collect();
        assert!(ranges(&odd).ends_with("37, 39, …"));
    }

    #[test]
    fn the_table_says_how_many_of_each_and_why() {
        let table = of(&[(Became::Stored, vec![1, 2]), (Became::Failed(Code::InvalidGrant), vec![3])]);
        let rows: Vec<_> = table.lines().collect();
        assert!(rows.iter().any(|row| row.contains("stored") && row.contains("1-2")), "{table}");
        assert!(rows.iter().any(|row| row.contains("failed") && row.contains("invalid-grant")), "{table}");
        assert_eq!(rows.iter().map(|row| row.chars().count()).max(), rows.iter().map(|row| row.chars().count()).min());
    }
}
