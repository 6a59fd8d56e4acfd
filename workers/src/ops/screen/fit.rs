//! How a table fits the screen.

use comfy_table::{Cell, ColumnConstraint, Table, Width};
use unicode_width::UnicodeWidthStr;

use super::bare;

/// A table as it goes onto the screen, on which no word is broken, since what stands there is copied. Where side by side the
/// columns would be too narrow for that, each row is shown by itself, with the titles on the left.
pub(in crate::ops) fn shown(mut table: Table) -> String {
    let Some(width) = table.width() else { return table.to_string() };
    let measured: Vec<_> = (0..table.column_count()).map(|column| measure(&table, column)).collect();
    // a space after each content goes first; before each column, and after the last, is a line
    let fitting = [(1, 1), (1, 0)].into_iter().find_map(|(left, right)| {
        let around = measured.len() * usize::from(1 + left + right) + 1;
        Some((left, right, share(&measured, usize::from(width).checked_sub(around)?)?))
    });
    match (fitting, table.header()) {
        (Some((left, right, widths)), _) => {
            for (column, content) in table.column_iter_mut().zip(widths) {
                let content = u16::try_from(content).unwrap_or(width);
                let whole = Width::Fixed(content.saturating_add(left + right));
                column.set_padding((left, right)).set_constraint(ColumnConstraint::Absolute(whole));
            }
            table.to_string()
        }
        (None, Some(titles)) => {
            let titles: Vec<_> = titles.cell_iter().cloned().collect();
            let alone = table.row_iter().map(|row| {
                let mut alone = bare();
                let lines = titles.iter().cloned().zip(row.cell_iter().cloned());
                alone.set_width(width).add_rows(lines.map(<[Cell; 2]>::from));
                shown(alone)
            });
            alone.collect::<Vec<_>>().join("\n")
        }
        (None, None) => table.to_string(),
    }
}

/// The longest word of a column, and its longest line.
fn measure(table: &Table, column: usize) -> (usize, usize) {
    let contents: Vec<_> = table.column_cells_with_header_iter(column).flatten().map(Cell::content).collect();
    let longest = |parts: &mut dyn Iterator<Item = &str>| parts.map(UnicodeWidthStr::width).fold(1, usize::max);
    let words = longest(&mut contents.iter().flat_map(|content| content.split_whitespace()));
    (words, longest(&mut contents.iter().flat_map(|content| content.lines())))
}

/// How wide each column becomes in so much room, if their longest words fit: what is left goes to those whose lines are longer,
/// to each the same, as far as it needs it.
fn share(measured: &[(usize, usize)], room: usize) -> Option<Vec<usize>> {
    let mut widths: Vec<_> = measured.iter().map(|(word, _)| *word).collect();
    let mut left = room.checked_sub(widths.iter().sum())?;
    let wish = |&column: &usize| measured[column].1 - measured[column].0;
    let mut columns: Vec<_> = (0..measured.len()).collect();
    columns.sort_by_key(wish);
    for (place, column) in columns.iter().enumerate() {
        let more = wish(column).min(left / (columns.len() - place));
        widths[*column] += more;
        left -= more;
    }
    Some(widths)
}

#[cfg(test)]
mod tests {
    use comfy_table::{Cell, Table};

    use super::super::table;
    use super::{share, shown};

    const TITLES: [&str; 3] = ["id", "put aside", "reason"];
    const LETTER: [&str; 3] = ["01a2230b-87af-709a", "2026-11-28 16:44:47Z", "the platform does not know it any more"];

    fn letters(width: u16) -> Table {
        let mut table = table(TITLES);
        table.set_width(width).add_row(LETTER).add_row(LETTER.map(|text| text.replace('a', "b")).map(Cell::new));
        table
    }

    #[test]
    fn no_word_of_a_table_is_broken_however_narrow_the_screen_is() {
        for width in 34..120 {
            let shown = shown(letters(width));
            assert!(shown.lines().all(|line| line.chars().count() <= width.into()), "{width}:\n{shown}");
            let words = TITLES.iter().chain(&LETTER).flat_map(|text| text.split(' '));
            assert_eq!(words.clone().find(|word| !shown.contains(word)), None, "{width}:\n{shown}");
        }
    }

    #[test]
    fn rows_that_are_too_wide_for_the_screen_are_shown_one_by_one() {
        let side_by_side = |width| {
            let shown = shown(letters(width));
            let titles: Vec<_> = shown.lines().filter(|line| line.contains("id ")).collect();
            (titles.len(), titles[0].contains("put"))
        };
        assert_eq!(side_by_side(43), (1, true), "the longest words have 18, 10 and 8, and 7 is around them");
        assert_eq!(side_by_side(42), (2, false));
    }

    #[test]
    fn what_is_empty_or_wider_than_the_screen_is_shown_too() {
        for width in 1..40 {
            let mut table = table(["", "a", "b"]);
            table.set_width(width).add_row(["", "", "\u{65e5}\u{672c}\u{8a9e}\u{1f469}\u{200d}\u{1f4bb}"]);
            assert!(shown(table).contains('\u{65e5}'), "{width}");
        }
    }

    #[test]
    fn what_is_left_goes_to_the_columns_whose_lines_are_longer() {
        let columns = [(5, 50), (5, 8), (5, 5), (5, 90)];
        assert_eq!(share(&columns, 19), None);
        assert_eq!(share(&columns, 20), Some(vec![5, 5, 5, 5]));
        assert_eq!(share(&columns, 43), Some(vec![15, 8, 5, 15]));
        assert_eq!(share(&columns, 500), Some(vec![50, 8, 5, 90]));
    }
}
