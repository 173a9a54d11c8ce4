//! Columns that fit the terminal, and pairs of names and values.
//!
//! Invariant: a cell is one line; what it came from the cloud or a file cannot move the cursor or change colours.

use std::borrow::Cow;

use super::screen::Screen;
use super::wrapping;

/// The least that an elastic column keeps.
const NARROWEST: usize = 7;
const GAP: &str = "  ";

/// How a cell is coloured on a terminal.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) enum Tone {
    /// Not at all.
    #[default]
    Plain,
    /// All is well.
    Good,
    /// Something is under way.
    Busy,
    /// Something went wrong.
    Bad,
    /// Of less interest.
    Faint,
}

/// What stands in one place of a table.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Cell {
    text: String,
    tone: Tone,
}

impl Cell {
    /// Returns a cell of this tone.
    pub(super) fn toned(text: &str, tone: Tone) -> Self {
        Self { tone, ..Self::from(text) }
    }

    /// Returns what stands in it.
    #[cfg(test)]
    pub(super) fn text(&self) -> &str {
        &self.text
    }

    fn shown(&self, width: usize, coloured: bool) -> Cow<'_, str> {
        let cut = cut(&self.text, width);
        let code = match self.tone {
            Tone::Plain => return cut,
            _ if !coloured => return cut,
            Tone::Good => "32",
            Tone::Busy => "33",
            Tone::Bad => "31",
            Tone::Faint => "2",
        };
        format!("\u{1b}[{code}m{cut}\u{1b}[0m").into()
    }

    fn width(&self) -> usize {
        self.text.chars().count()
    }
}

impl From<&str> for Cell {
    fn from(text: &str) -> Self {
        Self::from(text.to_owned())
    }
}

impl From<String> for Cell {
    fn from(text: String) -> Self {
        let is_plain = text.bytes().all(|byte| matches!(byte, b' '..=b'~'));
        let text = if is_plain { text } else { text.replace(char::is_control, " ") };
        Self { text, tone: Tone::Plain }
    }
}

impl<T: Into<Self>> From<Option<T>> for Cell {
    fn from(text: Option<T>) -> Self {
        text.map_or_else(|| Self::toned("-", Tone::Faint), Into::into)
    }
}

/// A column of a table.
#[derive(Debug, Clone, Copy)]
pub(super) struct Column {
    title: &'static str,
    wide: bool,
    elastic: bool,
}

impl Column {
    /// Returns a column that is always shown in full.
    pub(super) const fn fixed(title: &'static str) -> Self {
        Self { title, wide: false, elastic: false }
    }

    /// Returns a column that is cut where the terminal is too narrow.
    pub(super) const fn elastic(title: &'static str) -> Self {
        Self { title, wide: false, elastic: true }
    }

    /// Returns a column that is shown with `--output wide` alone.
    pub(super) const fn wide(title: &'static str) -> Self {
        Self { title, wide: true, elastic: false }
    }
}

/// Rows under titles.
#[derive(Debug)]
pub(super) struct Table {
    columns: Vec<Column>,
    rows: Vec<Vec<Cell>>,
    when_empty: &'static str,
}

impl Table {
    /// Returns a table without rows, and what stands there as long as it has none.
    pub(super) fn new(columns: &[Column], when_empty: &'static str) -> Self {
        Self { columns: columns.to_vec(), rows: Vec::new(), when_empty }
    }

    /// Adds a row: a cell for each column.
    pub(super) fn push(&mut self, row: Vec<Cell>) {
        self.rows.push(row);
    }

    /// Returns the lines for `screen` without the titles.
    pub(super) fn lines_only(&self, screen: Screen) -> String {
        self.text(screen).lines().skip(1).collect::<Vec<_>>().join("\n")
    }

    /// Returns the lines for `screen`, titles first.
    pub(super) fn text(&self, screen: Screen) -> String {
        if self.rows.is_empty() {
            return self.when_empty.to_owned();
        }
        let shown: Vec<usize> = (0..self.columns.len())
            .filter(|at| screen.is_wide() || !self.columns.get(*at).is_some_and(|c| c.wide))
            .collect();
        let columns: Vec<(usize, Column)> =
            shown.iter().filter_map(|at| self.columns.get(*at).map(|column| (*at, *column))).collect();
        let widths = self.widths(&columns, screen.width());
        let titles: Vec<Cell> = columns.iter().map(|(_, column)| Cell::toned(column.title, Tone::Faint)).collect();
        let nothing = Cell::default();
        let mut lines = vec![line(titles.iter(), &widths, screen)];
        for row in &self.rows {
            let cells = columns.iter().map(|(at, _)| row.get(*at).unwrap_or(&nothing));
            lines.push(line(cells, &widths, screen));
        }
        lines.join("\n")
    }

    /// Returns the width of each column, so that all fit into `limit` if the elastic ones can give way so far.
    fn widths(&self, columns: &[(usize, Column)], limit: Option<usize>) -> Vec<usize> {
        let longest = |at: usize| self.rows.iter().filter_map(|row| row.get(at)).map(Cell::width).max().unwrap_or(0);
        let mut widths: Vec<usize> =
            columns.iter().map(|(at, column)| longest(*at).max(column.title.chars().count())).collect();
        let Some(limit) = limit else { return widths };
        let gaps = GAP.len() * columns.len().saturating_sub(1);
        let mut over = (widths.iter().sum::<usize>() + gaps).saturating_sub(limit);
        while over > 0 {
            // The widest elastic column gives way first.
            let elastic =
                widths.iter_mut().zip(columns).filter(|(width, (_, column))| column.elastic && **width > NARROWEST);
            let Some((width, _)) = elastic.max_by_key(|(width, _)| **width) else { break };
            *width -= 1;
            over -= 1;
        }
        widths
    }
}

fn line<'c>(cells: impl Iterator<Item = &'c Cell>, widths: &[usize], screen: Screen) -> String {
    let mut text = String::with_capacity(widths.iter().map(|width| width + GAP.len()).sum());
    let mut gap = 0;
    for (cell, width) in cells.zip(widths) {
        text.extend(std::iter::repeat_n(' ', gap));
        text.push_str(&cell.shown(*width, screen.is_coloured()));
        gap = width.saturating_sub(cell.width()) + GAP.len();
    }
    text.truncate(text.trim_end().len());
    text
}

/// Returns one line for each pair, the values under each other.
pub(super) fn pairs(pairs: &[(&'static str, Cell)], screen: Screen) -> String {
    let width = pairs.iter().map(|(name, _)| name.chars().count()).max().unwrap_or(0);
    let lines: Vec<String> = pairs
        .iter()
        .map(|(name, cell)| {
            let name = Cell::toned(&format!("{name}:"), Tone::Faint);
            let gap = " ".repeat((width + 1).saturating_sub(name.width()) + GAP.len());
            // What goes on stands below what it goes on from.
            let column = width + 1 + GAP.len();
            let room = screen.width().map_or(usize::MAX, |limit| limit.saturating_sub(column).max(NARROWEST));
            let lines = wrapping::one(&cell.text, room, 0).replace('\n', &format!("\n{}", " ".repeat(column)));
            let value = Cell { text: lines, tone: cell.tone };
            format!(
                "{}{gap}{}",
                name.shown(usize::MAX, screen.is_coloured()),
                value.shown(usize::MAX, screen.is_coloured())
            )
        })
        .collect();
    lines.join("\n")
}

/// Returns the lines of a difference, those that went and those that came in their colours; what is wider than the terminal
/// goes on below, set in.
pub(super) fn difference(lines: &[String], screen: Screen) -> String {
    let shown = |line: &String| {
        let tone = match line.chars().next() {
            Some('-') => Tone::Bad,
            Some('+') => Tone::Good,
            _ => Tone::Plain,
        };
        let letters: Vec<char> = line.chars().collect();
        let (first, rest) = letters.split_at(letters.len().min(screen.width().unwrap_or(usize::MAX)));
        let room = screen.width().map_or(usize::MAX, |width| width.saturating_sub(GAP.len()).max(1));
        let further = rest.chunks(room).map(|letters| format!("{GAP}{}", letters.iter().collect::<String>()));
        let pieces = std::iter::once(first.iter().collect::<String>()).chain(further);
        let toned = pieces.map(|piece| Cell::toned(&piece, tone).shown(usize::MAX, screen.is_coloured()).into_owned());
        toned.collect::<Vec<_>>().join("\n")
    };
    lines.iter().map(shown).collect::<Vec<_>>().join("\n")
}

fn cut(text: &str, width: usize) -> Cow<'_, str> {
    // No text has more letters than bytes.
    if text.len() <= width || text.chars().count() <= width {
        return text.into();
    }
    let mut kept: String = text.chars().take(width.saturating_sub(1)).collect();
    kept.push('…');
    kept.into()
}

#[cfg(test)]
mod tests {
    use super::super::screen::{Format, Terminal};
    use super::*;

    fn screen(width: Option<usize>, format: Format, colours: bool) -> Screen {
        Screen { format, terminal: Terminal { width, asks: false, colours } }
    }

    fn sample() -> Table {
        let mut table = Table::new(
            &[Column::fixed("ID"), Column::elastic("NAME"), Column::wide("WHY"), Column::fixed("AGE")],
            "none",
        );
        table.push(vec!["i-1".into(), "a-very-long-name.example".into(), "because".into(), "5s".into()]);
        table.push(vec!["i-22".into(), None::<&str>.into(), "x".into(), Cell::toned("10m", Tone::Good)]);
        table
    }

    #[test]
    fn what_is_too_wide_is_cut_in_the_elastic_column_alone() {
        let text = sample().text(screen(Some(24), Format::Table, false));
        assert_eq!(text, "ID    NAME           AGE\ni-1   a-very-long-…  5s\ni-22  -              10m");
        assert!(text.lines().all(|line| line.chars().count() <= 24), "{text}");
    }

    #[test]
    fn wide_shows_every_column_in_full_and_a_pipe_has_no_width() {
        let text = sample().text(screen(Some(24), Format::Wide, false));
        assert!(text.contains("a-very-long-name.example  because"), "{text}");
        let text = sample().text(screen(None, Format::Table, true));
        assert!(
            text.contains("a-very-long-name.example") && !text.contains("because") && !text.contains('\u{1b}'),
            "{text}"
        );
    }

    #[test]
    fn colours_are_for_terminals_that_want_them() {
        assert!(sample().text(screen(Some(80), Format::Table, true)).contains("\u{1b}[32m10m\u{1b}[0m"));
        assert!(!sample().text(screen(Some(80), Format::Table, false)).contains('\u{1b}'));
    }

    #[test]
    fn a_difference_goes_on_below_where_the_terminal_is_too_narrow() {
        let lines = ["-abcdefgh".to_owned(), " x".to_owned(), "+é".to_owned()];
        assert_eq!(difference(&lines, screen(Some(5), Format::Table, false)), "-abcd\n  efg\n  h\n x\n+é");
        assert_eq!(difference(&lines, screen(None, Format::Table, false)), "-abcdefgh\n x\n+é");
        let coloured = difference(&lines, screen(Some(80), Format::Table, true));
        assert_eq!(coloured, "\u{1b}[31m-abcdefgh\u{1b}[0m\n x\n\u{1b}[32m+é\u{1b}[0m");
    }

    #[test]
    fn a_cell_cannot_move_the_cursor() {
        assert_eq!(Cell::from("a\u{1b}[2J\nb").text, "a [2J b");
    }

    #[test]
    fn an_empty_table_says_so() {
        let table = Table::new(&[Column::fixed("ID")], "no hosts");
        assert_eq!(table.text(screen(None, Format::Table, false)), "no hosts");
    }
}
