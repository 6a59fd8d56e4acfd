//! A snapshot as tables, for `--once`.

use comfy_table::{Cell, CellAlignment};

use super::cells::{self, Cells};
use super::snapshot::Snapshot;
use crate::ops::screen;

/// Prints it; a table without rows is left out.
pub(super) fn print(snapshot: &Snapshot) -> Result<(), String> {
    let seconds = snapshot.interval_seconds;
    screen::print(&format!(
        "{}, rates over {seconds:.1} s: {}",
        screen::time(snapshot.at),
        cells::answering(snapshot)
    ))?;
    cells::silent(snapshot).iter().try_for_each(|line| screen::print(line))?;
    tell(&cells::queues(snapshot))?;
    screen::print(&cells::aside(snapshot))?;
    tell(&cells::outcomes(snapshot))?;
    tell(&cells::providers(snapshot))?;
    if let Some(sweep) = &snapshot.sweep {
        tell(&cells::versions(sweep))?;
        tell(&cells::rotations(sweep))?;
        screen::print(&cells::sealed(sweep))?;
    }
    Ok(())
}

fn tell(cells: &Cells) -> Result<(), String> {
    if cells.rows.is_empty() { Ok(()) } else { screen::print(&table(cells).to_string()) }
}

fn table(cells: &Cells) -> screen::Table {
    let mut table = screen::titled(&cells.titles);
    for row in &cells.rows {
        table.add_row(row.iter().map(Cell::new));
    }
    for column in table.column_iter_mut().skip(cells.numbers) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    table
}
