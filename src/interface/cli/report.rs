//! Answers of the operator's verbs: one document for programs, and what people see of it.

use std::borrow::Cow;
use std::fmt;

use serde::ser::SerializeMap;
use serde::{Serialize, Serializer};
use serde_json::{Map, Value};

use super::exit::Exit;
use super::screen::{Format, Screen, Terminal};
use super::table::{Cell, Table};
use super::{table, wrapping, yaml};

/// The answer of an operator's verb.
#[derive(Debug)]
pub(super) struct Report {
    /// How the process ends.
    pub(super) exit: Exit,
    /// The whole answer, for programs.
    pub(super) document: Value,
    /// The same where it is a long list, written straight from what it is about: the tree of values would cost as much as
    /// finding it.
    entries: Option<Box<dyn Written>>,
    /// What people see; empty when it is the document itself, as lines.
    pub(super) blocks: Vec<Block>,
    /// The ids or names of what the answer is about.
    pub(super) names: Vec<String>,
    /// Whether all of it was written already.
    is_silent: bool,
    /// Whether it is text in whatever form is asked for.
    is_plain: bool,
}

/// A part of what people see.
#[derive(Debug)]
pub(super) enum Block {
    /// Rows and columns.
    Table(Table),
    /// Names and values, one pair a line.
    Pairs(Vec<(&'static str, Cell)>),
    /// Lines, broken where the terminal is narrower.
    Text(String),
    /// Lines as they are, for programs to read in the end.
    Verbatim(String),
    /// Lines of two texts, with `-`, `+` or a space before each.
    Difference(Vec<String>),
}

/// A document that is written without a tree of values.
trait Written {
    fn compact(&self) -> serde_json::Result<String>;
    fn pretty(&self) -> serde_json::Result<String>;
    fn tree(&self) -> serde_json::Result<Value>;
}

impl fmt::Debug for dyn Written {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.compact().unwrap_or_default())
    }
}

impl<T: Serialize> Written for T {
    fn compact(&self) -> serde_json::Result<String> {
        serde_json::to_string(self)
    }

    fn pretty(&self) -> serde_json::Result<String> {
        let mut text = Vec::with_capacity(1 << 16);
        serde_json::to_writer_pretty(&mut text, self)?;
        String::from_utf8(text).map_err(serde::ser::Error::custom)
    }

    fn tree(&self) -> serde_json::Result<Value> {
        serde_json::to_value(self)
    }
}

/// The document of a list: its entries under its noun, and whether there are more where it can be cut.
struct Entries<T> {
    noun: &'static str,
    list: Vec<T>,
    more: Option<bool>,
}

impl<T: Serialize> Serialize for Entries<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut members = serializer.serialize_map(Some(2))?;
        members.serialize_entry(self.noun, &self.list)?;
        if let Some(more) = self.more {
            members.serialize_entry("more", &more)?;
        }
        members.end()
    }
}

impl Report {
    /// Returns a report that people see as the lines of its document.
    pub(super) fn of(document: Value) -> Self {
        let (blocks, names) = (Vec::new(), Vec::new());
        Self { exit: Exit::Done, document, entries: None, blocks, names, is_silent: false, is_plain: false }
    }

    /// Returns a report that people see as these lines.
    pub(super) fn line(document: Value, lines: String) -> Self {
        Self::of(document).with(Block::Text(lines))
    }

    /// Returns a report that people see as JSON, as they will write it.
    pub(super) fn json(document: Value) -> Self {
        let lines = format!("{document:#}");
        Self::verbatim(document, lines)
    }

    /// Returns a report that people see as these lines, none of them broken.
    pub(super) fn verbatim(document: Value, lines: String) -> Self {
        Self::of(document).with(Block::Verbatim(lines))
    }

    /// Returns a report that is these lines in whatever form is asked for.
    pub(super) fn plain(lines: String) -> Self {
        Self { is_plain: true, ..Self::line(Value::Null, lines) }
    }

    /// Returns the report of a list, whose document has it under `noun`.
    pub(super) fn list(noun: &str, entries: Vec<Value>, names: Vec<String>, table: Table) -> Self {
        let document = Value::Object(Map::from_iter([(noun.to_owned(), Value::Array(entries))]));
        Self { names, ..Self::of(document) }.with(Block::Table(table))
    }

    /// Returns the report of a list that may be long and may have been cut, whose document has it under `noun`.
    pub(super) fn entries<T: Serialize + 'static>(
        noun: &'static str,
        list: Vec<T>,
        names: Vec<String>,
        table: Table,
        more: Option<bool>,
    ) -> Self {
        let report = Self { names, ..Self::of(Value::Null) }.with(Block::Table(table));
        let report = Self { entries: Some(Box::new(Entries { noun, list, more })), ..report };
        if more == Some(true) {
            report.with(Block::Text("There are more; --limit shows them.".to_owned()))
        } else {
            report
        }
    }

    /// Returns the whole answer as one line of JSON.
    ///
    /// # Errors
    /// Never in practice: every document can be written as JSON.
    pub(super) fn compact(&self) -> serde_json::Result<String> {
        self.entries.as_ref().map_or_else(|| serde_json::to_string(&self.document), |entries| entries.compact())
    }

    /// Returns the whole answer as a tree of values.
    ///
    /// # Errors
    /// Never in practice: every document can be written as JSON.
    pub(super) fn tree(&self) -> serde_json::Result<Cow<'_, Value>> {
        let entries = self.entries.as_ref().map(|entries| entries.tree()).transpose()?;
        Ok(entries.map_or(Cow::Borrowed(&self.document), Cow::Owned))
    }

    /// Returns the report with another part for people.
    pub(super) fn with(mut self, block: Block) -> Self {
        self.blocks.push(block);
        self
    }

    /// Returns the report with nothing left to show: all of it was written already.
    pub(super) fn silent(self) -> Self {
        Self { is_silent: true, ..self }
    }

    /// Returns the report about these.
    pub(super) fn named(self, names: Vec<String>) -> Self {
        Self { names, ..self }
    }

    /// Returns the report with the process ending in this way.
    pub(super) fn ending(self, exit: Exit) -> Self {
        Self { exit, ..self }
    }

    /// Returns the text for `screen`, without its last line end.
    ///
    /// # Errors
    /// Never in practice: every document can be written as JSON.
    pub(super) fn text(&self, screen: Screen) -> serde_json::Result<String> {
        Ok(match screen.format {
            _ if self.is_silent => String::new(),
            _ if self.is_plain => self.shown(Screen { terminal: Terminal::default(), ..screen }),
            Format::Json => match &self.entries {
                Some(entries) => entries.pretty()?,
                None => serde_json::to_string_pretty(&self.document)?,
            },
            Format::Yaml => yaml::text(&*self.tree()?),
            Format::Name => self.names.join("\n"),
            Format::Table | Format::Wide if self.blocks.is_empty() => {
                let text = yaml::text(&self.document);
                screen.width().map_or_else(|| text.clone(), |width| wrapping::document(&text, width))
            }
            Format::Table | Format::Wide => self.shown(screen),
        })
    }

    fn shown(&self, screen: Screen) -> String {
        let shown: Vec<String> = self.blocks.iter().map(|block| block.text(screen)).collect();
        shown.join("\n\n")
    }
}

impl Block {
    fn text(&self, screen: Screen) -> String {
        match self {
            Self::Table(table) => table.text(screen),
            Self::Pairs(pairs) => table::pairs(pairs, screen),
            Self::Text(text) => screen.width().map_or_else(|| text.clone(), |width| wrapping::wrapped(text, width)),
            Self::Verbatim(text) => text.clone(),
            Self::Difference(lines) => table::difference(lines, screen),
        }
    }
}
