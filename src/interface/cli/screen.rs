//! Where answers are shown, and in which form.

use clap::ValueEnum;

/// A form of answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum Format {
    /// For people: columns and lines.
    Table,
    /// For programs.
    Json,
    /// For programs and people.
    Yaml,
    /// For people: columns and lines, with everything there is to say.
    Wide,
    /// Only the ids or names, one a line.
    Name,
}

impl Format {
    /// Returns whether it has columns.
    pub(super) const fn has_columns(self) -> bool {
        match self {
            Self::Table | Self::Wide => true,
            Self::Json | Self::Yaml | Self::Name => false,
        }
    }

    /// Returns whether a program reads it, so that a failure is a document too.
    pub(super) const fn is_document(self) -> bool {
        match self {
            Self::Json | Self::Yaml => true,
            Self::Table | Self::Wide | Self::Name => false,
        }
    }
}

/// What the process was started in.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Terminal {
    /// The columns of the terminal that standard output is; `None` when it is none.
    pub width: Option<usize>,
    /// Whether somebody can be asked: standard input and standard error are a terminal.
    pub asks: bool,
    /// Whether colours are welcome there: no `NO_COLOR`, and no `TERM=dumb`.
    pub colours: bool,
}

/// How answers are shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Screen {
    /// The form.
    pub(super) format: Format,
    /// Where.
    pub(super) terminal: Terminal,
}

impl Screen {
    /// Returns the screen for the form that was asked for; by default a table on a terminal and JSON elsewhere.
    pub(super) fn new(asked: Option<Format>, terminal: Terminal) -> Self {
        let format = asked.unwrap_or(if terminal.width.is_some() { Format::Table } else { Format::Json });
        Self { format, terminal }
    }

    /// Returns whether all columns are wanted.
    pub(super) fn is_wide(self) -> bool {
        self.format == Format::Wide
    }

    /// Returns the width to keep to, if there is one.
    pub(super) fn width(self) -> Option<usize> {
        self.terminal.width.filter(|_| !self.is_wide())
    }

    /// Returns whether to show colours.
    pub(super) fn is_coloured(self) -> bool {
        self.terminal.width.is_some() && self.terminal.colours
    }
}
