//! How a table fits the screen.

use std::fmt;
use std::ops::{Deref, DerefMut};

use comfy_table::{Cell, ColumnConstraint, Width};
use unicode_width::UnicodeWidthStr;

use super::bare;

/// A table that goes onto the screen without a broken word, since what stands there is copied. Where side by side the columns
/// would be too narrow for that, each row is shown by itself, with the titles on the left.
pub(in crate::ops) struct Table(pub(super) comfy_table::Table);

impl Deref for Table {
    type Target = comfy_table::Table;

    fn deref(&self) -> &Self::Target {
        &self.0
    }
}

impl DerefMut for Table {
    fn deref_mut(&mut self) -> &mut Self::Target {
        &mut self.0
    }
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some(width) = self.width() else { return self.0.fmt(f) };
        let mut table = self.0.clone();
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
                table.fmt(f)
            }
            (None, Some(titles)) => {
                let alone = table.row_iter().map(|row| {
                    let lines = titles.cell_iter().cloned().zip(row.cell_iter().cloned());
                    let mut alone = bare();
                    alone.set_width(width).add_rows(lines.map(<[Cell; 2]>::from));
                    alone.to_string()
                });
                f.write_str(&alone.collect::<Vec<_>>().join("\n"))
            }
            (None, None) => table.fmt(f),
        }
    }
}

/// The longest word of a column, and its longest line.
fn measure(table: &comfy_table::Table, column: usize) -> (usize, usize) {
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
    use super::super::table;
    use super::{Table, share};

    const TITLES: [&str; 3] = ["id", "put aside", "reason"];
    const LETTER: [&str; 3] = ["01a2230b-87af-709a", "2026-11-28 16:44:47Z", "the platform does not know it any more"];

    fn letters(width: u16) -> Table {
        let mut table = table(TITLES);
        table.set_width(width).add_row(LETTER).add_row(LETTER.map(|text| text.replace('a', "b")));
        table
    }

    #[test]
    fn no_word_of_a_table_is_broken_however_narrow_the_screen_is() {
        for width in 29..120 {
            let shown = letters(width).to_string();
            assert!(shown.lines().all(|line| line.chars().count() <= width.into()), "{width}:\n{shown}");
            let words = TITLES.iter().chain(&LETTER).flat_map(|text| text.split(' '));
            assert_eq!(words.clone().find(|word| !shown.contains(word)), None, "{width}:\n{shown}");
        }
    }

    #[test]
    fn rows_that_are_too_wide_for_the_screen_are_shown_one_by_one() {
        let side_by_side = |width| {
            let shown = letters(width).to_string();
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
            assert!(table.to_string().contains('\u{65e5}'), "{width}");
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
