//! A snapshot on a terminal of any size: what matters most has its lines first.

use ratatui::Frame;
use ratatui::style::{Color, Modifier, Style};
use ratatui::text::{Line, Span};
use ratatui::widgets::Paragraph;

use super::cells::{self, Cells};
use super::snapshot::Snapshot;

/// The most lines of what does not answer.
const MAX_TROUBLES: usize = 3;

/// Between two columns.
const GAP: &str = "  ";

/// A table with its title. It has `least` lines before any other has more.
struct Panel {
    title: String,
    cells: Cells,
    least: usize,
}

impl Panel {
    fn new(title: impl Into<String>, cells: Cells, least: usize) -> Self {
        Self { title: title.into(), cells, least }
    }

    /// The lines of all of it: title, titles of columns, rows.
    fn all(&self) -> usize {
        if self.cells.rows.is_empty() { 1 } else { 2 + self.cells.rows.len() }
    }
}

/// Draws it; `None`: the first look is under way.
pub(super) fn draw(frame: &mut Frame, snapshot: Option<&Snapshot>) {
    let height = usize::from(frame.area().height);
    let mut lines = snapshot.map_or_else(|| vec![Line::raw("sealpost top looks; q leaves")], |it| lines(it, height));
    lines.truncate(height);
    frame.render_widget(Paragraph::new(lines), frame.area());
}

fn lines(snapshot: &Snapshot, height: usize) -> Vec<Line<'static>> {
    let mut lines = vec![head(snapshot)];
    let silent = cells::silent(snapshot);
    let troubles: Vec<_> = snapshot.problems.iter().chain(&silent).cloned().collect();
    lines.extend(fitting(&troubles, MAX_TROUBLES).into_iter().map(|trouble| Line::styled(trouble, Color::Red)));
    let panels = panels(snapshot);
    let heights = share(&panels, height.saturating_sub(lines.len()));
    for (panel, height) in panels.iter().zip(heights) {
        lines.extend(panel_lines(panel, height));
    }
    lines
}

fn head(snapshot: &Snapshot) -> Line<'static> {
    let (at, seconds) = (snapshot.at.strftime("%H:%M:%SZ"), snapshot.interval_seconds);
    let rates = if seconds > 0.0 { format!("rates over {seconds:.1} s") } else { "rates come".into() };
    Line::from(vec![
        Span::styled("sealpost top", Modifier::BOLD),
        Span::raw(format!("{GAP}{at}{GAP}{rates}{GAP}{}{GAP}", cells::answering(snapshot))),
        Span::styled("q leaves", Modifier::DIM),
    ])
}

/// In the order of the screen.
fn panels(snapshot: &Snapshot) -> Vec<Panel> {
    let queues = cells::queues(snapshot);
    let all = 2 + queues.rows.len();
    let mut panels = vec![Panel::new(format!("queues: {}", cells::aside(snapshot)), queues, all)];
    if let Some(sweep) = &snapshot.sweep {
        // what is long and seldom looked at comes last, and may be cut off
        let rotations = cells::rotations(sweep).in_order([1, 3, 4, 5, 2, 0]);
        panels.push(Panel::new(format!("sweep: {}", cells::sealed(sweep)), rotations, 3));
    }
    panels.push(Panel::new("providers", cells::providers(snapshot), 4));
    panels.push(Panel::new("outcomes", cells::outcomes(snapshot), 5));
    if let Some(sweep) = &snapshot.sweep {
        panels.push(Panel::new("key versions", cells::versions(sweep), 0));
    }
    panels
}

/// How many lines each has.
fn share(panels: &[Panel], mut left: usize) -> Vec<usize> {
    let mut heights = vec![0; panels.len()];
    let mut give = |wanted: &dyn Fn(&Panel) -> usize| {
        for (height, panel) in heights.iter_mut().zip(panels) {
            let more = wanted(panel).min(panel.all()).saturating_sub(*height).min(left);
            *height += more;
            left -= more;
        }
    };
    give(&|panel| panel.least);
    give(&Panel::all);
    // titles without a row under them tell nothing
    heights.iter().zip(panels).map(|(height, panel)| if *height < panel.all().min(3) { 0 } else { *height }).collect()
}

fn panel_lines(panel: &Panel, height: usize) -> Vec<Line<'static>> {
    let Cells { titles, rows, .. } = &panel.cells;
    let mut lines = vec![Line::styled(panel.title.clone(), Style::new().fg(Color::Cyan).add_modifier(Modifier::BOLD))];
    let titles: Vec<_> = titles.iter().map(|title| (*title).to_owned()).collect();
    let widths: Vec<_> = (0..titles.len())
        .map(|column| rows.iter().chain([&titles]).map(|row| Span::raw(&row[column]).width()).max().unwrap_or_default())
        .collect();
    let line = |row: &Vec<String>| {
        let cells = row.iter().zip(&widths).enumerate().map(|(column, (cell, width))| {
            let pad = " ".repeat(width.saturating_sub(Span::raw(cell).width()));
            if column < panel.cells.numbers { format!("{cell}{pad}") } else { format!("{pad}{cell}") }
        });
        cells.collect::<Vec<_>>().join(GAP)
    };
    if !rows.is_empty() {
        lines.push(Line::styled(line(&titles), Modifier::DIM));
        let rows: Vec<_> = rows.iter().map(line).collect();
        lines.extend(fitting(&rows, height.saturating_sub(2)).into_iter().map(Line::raw));
    }
    lines.truncate(height);
    lines
}

/// All of them, or as many as fit with a line that says how many more there are.
fn fitting(lines: &[String], height: usize) -> Vec<String> {
    if lines.len() <= height {
        return lines.to_vec();
    }
    let shown = height.saturating_sub(1);
    lines[..shown].iter().cloned().chain([format!("… {} more", lines.len() - shown)]).collect()
}

#[cfg(test)]
mod tests;
