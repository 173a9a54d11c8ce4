//! Numbered lists on a terminal, and the answers to them.
//!
//! Invariant: standard output is left alone; a list and its question go to standard error.

use crate::interface::cli::desk::Ended;
use crate::interface::cli::output;
use crate::interface::cli::screen::{Format, Screen};
use crate::interface::cli::table::{Cell, Column, Table};

/// The most rows of a list that are shown; the rest can be named all the same.
const MOST_ROWS: usize = 40;
/// How often an answer may make no sense.
const PATIENCE: usize = 3;
/// The width of a terminal that does not tell its own.
const WIDTH: usize = 80;

/// A list to choose from.
#[derive(Debug)]
pub(super) struct Choice {
    /// What it lists: "Subnets of vpc-1".
    pub(super) title: String,
    /// What is asked: "Subnets to launch into".
    pub(super) question: &'static str,
    /// The columns beside the number.
    pub(super) columns: Vec<Column>,
    /// The cells beside the number, and what is named by choosing the row.
    pub(super) rows: Vec<(Vec<Cell>, String)>,
    /// What an empty answer names.
    pub(super) default: Vec<String>,
    /// Whether more than one can be named.
    pub(super) many: bool,
    /// With what something begins that is not in the list and can be named.
    pub(super) prefixes: &'static [&'static str],
}

/// How an answer is read.
#[derive(Debug, PartialEq, Eq)]
enum Read {
    Chosen(Vec<String>),
    Unclear(String),
}

impl Choice {
    /// Shows the list and asks until the answer makes sense. Nothing is a choice too: `-`.
    ///
    /// # Errors
    /// When there is nobody to answer, or no answer makes sense.
    pub(super) fn ask(&self, screen: Screen) -> Result<Vec<String>, Ended> {
        output::hint(&self.shown(screen));
        for _ in 0..PATIENCE {
            let default = self.shown_default();
            let answer = output::ask(&format!("{} [{default}]:", self.question))?;
            match self.read(&answer) {
                Read::Chosen(chosen) => return Ok(chosen),
                Read::Unclear(why) => output::hint(&why),
            }
        }
        Err(Ended::usage(&format!("no answer made sense to: {}", self.question)))
    }

    fn shown(&self, screen: Screen) -> String {
        let columns: Vec<Column> = [Column::fixed("#")].into_iter().chain(self.columns.iter().copied()).collect();
        let mut table = Table::new(&columns, "");
        for (number, (cells, _)) in (1..).zip(self.rows.iter().take(MOST_ROWS)) {
            let number: u32 = number;
            table.push([Cell::from(number.to_string())].into_iter().chain(cells.iter().cloned()).collect());
        }
        let mut terminal = screen.terminal;
        terminal.width = terminal.width.or(Some(WIDTH));
        let mut lines = format!("\n{}\n{}", self.title, table.text(Screen { format: Format::Table, terminal }));
        if let Some(more) = self.rows.len().checked_sub(MOST_ROWS).filter(|more| *more > 0) {
            lines += "\n… and ";
            lines += &more.to_string();
            lines += " more, which can be named by their ids";
        }
        lines
    }

    /// Returns the default as it would be typed.
    fn shown_default(&self) -> String {
        let typed: Vec<String> = self
            .default
            .iter()
            .map(|name| {
                let place = self.rows.iter().take(MOST_ROWS).position(|(_, own)| own == name);
                place.map_or_else(|| name.clone(), |place| (place + 1).to_string())
            })
            .collect();
        if typed.is_empty() { "none".to_owned() } else { typed.join(",") }
    }

    fn read(&self, answer: &str) -> Read {
        let answer = answer.trim();
        if answer.is_empty() {
            return Read::Chosen(self.default.clone());
        }
        if matches!(answer, "-" | "none") {
            return Read::Chosen(Vec::new());
        }
        let mut chosen: Vec<String> = Vec::new();
        for part in answer.split([',', ' ']).filter(|part| !part.is_empty()) {
            let name = if let Ok(number) = part.parse::<usize>() {
                number.checked_sub(1).and_then(|at| self.rows.get(at)).map(|(_, name)| name.clone())
            } else {
                let is_listed = self.rows.iter().any(|(_, name)| name == part);
                let may_be = self.prefixes.iter().any(|prefix| part.starts_with(prefix));
                (is_listed || may_be).then(|| part.to_owned())
            };
            let Some(name) = name else {
                let shown: String = part.chars().take(60).flat_map(char::escape_debug).collect();
                let of = if self.prefixes.is_empty() {
                    String::new()
                } else {
                    format!(" ({}…)", self.prefixes.join("…, "))
                };
                return Read::Unclear(format!(
                    "{shown} is neither a number from 1 to {} nor a name of the list{of}; - is none",
                    self.rows.len()
                ));
            };
            if !chosen.contains(&name) {
                chosen.push(name);
            }
        }
        match chosen.len() {
            0 => Read::Unclear("name at least one, or - for none".to_owned()),
            2.. if !self.many => Read::Unclear("only one can be named".to_owned()),
            _ => Read::Chosen(chosen),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::interface::cli::screen::Terminal;

    fn choice(rows: usize, many: bool) -> Choice {
        let row = |n: usize| {
            let id = format!("subnet-{n}");
            (
                vec![
                    Cell::from(id.as_str()),
                    Cell::from("a very long name that says a lot about what this is for, in short"),
                ],
                id,
            )
        };
        Choice {
            title: "Subnets of vpc-1".to_owned(),
            question: "Subnets",
            columns: vec![Column::fixed("ID"), Column::elastic("NAME")],
            rows: (1..=rows).map(row).collect(),
            default: vec!["subnet-2".to_owned()],
            many,
            prefixes: &["subnet-"],
        }
    }

    #[test]
    fn answers_are_numbers_or_names_and_nothing_is_the_default() {
        let chosen = |names: &[&str]| Read::Chosen(names.iter().map(|name| (*name).to_owned()).collect());
        for (answer, wanted) in [
            ("", chosen(&["subnet-2"])),
            ("1,3", chosen(&["subnet-1", "subnet-3"])),
            ("3 1 3", chosen(&["subnet-3", "subnet-1"])),
            ("subnet-2", chosen(&["subnet-2"])),
            ("subnet-0123456789abcdef0", chosen(&["subnet-0123456789abcdef0"])),
            ("-", chosen(&[])),
        ] {
            assert_eq!(choice(3, true).read(answer), wanted, "{answer}");
        }
        for answer in ["0", "4", "99999999999999999999999", "sg-1", "1,\u{1b}[2J", ",", "1-3"] {
            let Read::Unclear(why) = choice(3, true).read(answer) else { panic!("{answer}") };
            assert!(!why.is_empty() && !why.contains('\u{1b}'), "{why}");
        }
        assert_eq!(choice(3, false).read("1,2"), Read::Unclear("only one can be named".to_owned()));
    }

    #[test]
    fn a_list_fits_eighty_columns_and_says_how_much_is_not_shown() {
        let terminal = Terminal { width: None, asks: true, colours: false };
        let shown = choice(45, true).shown(Screen { format: Format::Json, terminal });
        assert!(shown.lines().all(|line| line.chars().count() <= 80), "{shown}");
        assert_eq!(shown.lines().count(), 1 + 1 + 1 + 40 + 1, "{shown}");
        assert!(shown.contains("5 more") && choice(45, true).shown_default() == "2", "{shown}");
    }
}
