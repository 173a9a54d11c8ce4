//! Where each value of a JSON text stands, so that one of them can be changed and all the rest stays as it was written:
//! order, spelling, spaces and comments.
//!
//! Invariant: what is changed, added or taken away leaves every other value of the text as it was, byte for byte.

use std::ops::Range;

use super::document::Node;

/// A value in a text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Outline {
    /// From its first byte to behind its last one.
    pub(super) span: Range<usize>,
    /// What is in it.
    pub(super) inside: Inside,
}

/// What is in a value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Inside {
    /// Nothing: a text, a number, a boolean, null.
    Plain,
    /// The items of an array.
    Items(Vec<Outline>),
    /// The members of an object.
    Members(Vec<Member>),
}

/// A member of an object in a text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Member {
    /// Its name.
    pub(super) name: String,
    /// Where the name stands, with its quotes.
    name_span: Range<usize>,
    /// Its value.
    pub(super) value: Outline,
}

impl Member {
    fn span(&self) -> Range<usize> {
        self.name_span.start..self.value.span.end
    }
}

/// Returns the outline of a text that was parsed before; `None` when it is no JSON after all.
pub(super) fn outline(text: &str) -> Option<Outline> {
    Scanner { text, at: 0 }.value()
}

struct Scanner<'t> {
    text: &'t str,
    at: usize,
}

impl Scanner<'_> {
    fn rest(&self) -> &str {
        self.text.get(self.at..).unwrap_or_default()
    }

    fn skip_space(&mut self) {
        let rest = self.rest();
        self.at += rest.len() - rest.trim_start_matches([' ', '\t', '\r', '\n']).len();
    }

    /// Steps over `symbol` if it comes next.
    fn takes(&mut self, symbol: char) -> bool {
        self.skip_space();
        let comes = self.rest().starts_with(symbol);
        self.at += usize::from(comes);
        comes
    }

    fn value(&mut self) -> Option<Outline> {
        self.skip_space();
        let start = self.at;
        let inside = match self.rest().as_bytes().first()? {
            b'{' => Inside::Members(self.entries('{', '}', Self::member)?),
            b'[' => Inside::Items(self.entries('[', ']', Self::value)?),
            b'"' => {
                self.quoted()?;
                Inside::Plain
            }
            _ => {
                let ends = |c: char| matches!(c, ',' | '}' | ']') || c.is_ascii_whitespace();
                let length = self.rest().find(ends).unwrap_or(self.rest().len());
                self.at += length;
                Inside::Plain
            }
        };
        if self.at > start { Some(Outline { span: start..self.at, inside }) } else { None }
    }

    fn entries<T>(&mut self, open: char, close: char, one: impl Fn(&mut Self) -> Option<T>) -> Option<Vec<T>> {
        let mut entries = Vec::new();
        if !self.takes(open) {
            return None;
        }
        if self.takes(close) {
            return Some(entries);
        }
        loop {
            entries.push(one(self)?);
            if self.takes(close) {
                return Some(entries);
            }
            if !self.takes(',') {
                return None;
            }
        }
    }

    fn member(&mut self) -> Option<Member> {
        self.skip_space();
        let name_span = self.quoted()?;
        let name = serde_json::from_str(self.text.get(name_span.clone())?).ok()?;
        if !self.takes(':') {
            return None;
        }
        Some(Member { name, name_span, value: self.value()? })
    }

    fn quoted(&mut self) -> Option<Range<usize>> {
        let start = self.at;
        let mut escaped = false;
        for (at, letter) in self.rest().char_indices().skip(1) {
            match letter {
                '"' if !escaped => {
                    self.at = start + at + 1;
                    return Some(start..self.at);
                }
                '\\' => escaped = !escaped,
                _ => escaped = false,
            }
        }
        None
    }
}

impl Outline {
    fn entries(&self) -> Vec<Range<usize>> {
        match &self.inside {
            Inside::Plain => Vec::new(),
            Inside::Items(items) => items.iter().map(|item| item.span.clone()).collect(),
            Inside::Members(members) => members.iter().map(Member::span).collect(),
        }
    }

    /// Returns the members of an object; none for anything else.
    pub(super) fn members(&self) -> &[Member] {
        if let Inside::Members(members) = &self.inside { members } else { &[] }
    }

    /// Returns the text with another value in this place.
    pub(super) fn replaced(&self, text: &str, value: &Node<'_>) -> String {
        let is_in_one_line = !text.get(self.span.clone()).unwrap_or_default().contains('\n');
        let holds_something = !matches!(self.inside, Inside::Plain) && !self.entries().is_empty();
        let style = Style {
            // What stood in one line was meant to.
            in_one_line: !text.contains('\n') || (is_in_one_line && holds_something),
            ..Style::of_line(text, self.span.start)
        };
        spliced(text, self.span.clone(), &style.written(value))
    }

    /// Returns the text with another entry at the end of this array or object; `name` is for an object's.
    pub(super) fn appended(&self, text: &str, name: Option<&str>, value: &Node<'_>) -> String {
        let entries = self.entries();
        let opening = self.span.start + 1;
        let before_last = match entries.as_slice() {
            [.., former, _] => former.end,
            _ => opening,
        };
        let Some(last) = entries.last() else {
            let outer = Style { in_one_line: !text.contains('\n'), ..Style::of_line(text, self.span.start) };
            let inner = outer.below();
            let (lead, tail) =
                if outer.in_one_line { (String::new(), String::new()) } else { (inner.line(), outer.line()) };
            let entry = inner.entry(name, value, ": ");
            return spliced(text, opening..self.span.end.saturating_sub(1), &format!("{lead}{entry}{tail}"));
        };
        let lead = text.get(before_last..last.start).unwrap_or_default().trim_start_matches(',');
        let colon = self
            .members()
            .last()
            .map_or(": ", |member| text.get(member.name_span.end..member.value.span.start).unwrap_or(": "));
        let mut style = Style { in_one_line: !lead.contains('\n'), ..Style::of_line(text, last.start) };
        if style.in_one_line && entries.len() == 1 && matches!(self.inside, Inside::Items(_)) && text.contains('\n') {
            // A list that was opened on the line of its only item, `[{`, goes on in the same way.
            style.in_one_line = !text.get(last.clone()).unwrap_or_default().contains('\n');
        }
        let lead = match (lead.contains('\n'), lead.is_empty(), style.in_one_line) {
            (true, ..) => lead.to_owned(),
            (false, true, true) if entries.len() > 1 => String::new(),
            (false, ..) => " ".to_owned(),
        };
        spliced(text, last.end..last.end, &format!(",{lead}{}", style.entry(name, value, colon)))
    }

    /// Returns the text without the entry at this place of the array or object.
    pub(super) fn without(&self, text: &str, at: usize) -> String {
        let entries = self.entries();
        let (former, next) = (at.checked_sub(1).and_then(|before| entries.get(before)), entries.get(at + 1));
        let taken = match (former, entries.get(at), next) {
            (_, None, _) => return text.to_owned(),
            (_, Some(entry), Some(next)) => entry.start..next.start,
            (Some(former), Some(entry), None) => former.end..entry.end,
            (None, Some(_), None) => self.span.start + 1..self.span.end.saturating_sub(1),
        };
        spliced(text, taken, "")
    }
}

fn spliced(text: &str, span: Range<usize>, with: &str) -> String {
    let (before, behind) = (text.get(..span.start).unwrap_or_default(), text.get(span.end..).unwrap_or_default());
    format!("{before}{with}{behind}")
}

/// How the lines around a value are laid out.
#[derive(Debug, Clone)]
struct Style {
    in_one_line: bool,
    line_end: &'static str,
    indent: String,
    step: String,
}

impl Style {
    /// Returns the style of the line that `at` is in.
    fn of_line(text: &str, at: usize) -> Self {
        let before = text.get(..at).unwrap_or_default();
        let line = before.rsplit('\n').next().unwrap_or_default();
        let indent: String = line.chars().take_while(|c| matches!(c, ' ' | '\t')).collect();
        // The first line that is set in tells by how much.
        let first = text.lines().find(|line| line.starts_with([' ', '\t'])).unwrap_or("  ");
        let step: String = first.chars().take_while(|c| matches!(c, ' ' | '\t')).collect();
        let line_end = if text.contains("\r\n") { "\r\n" } else { "\n" };
        Self { in_one_line: false, line_end, indent, step }
    }

    fn below(&self) -> Self {
        Self { indent: format!("{}{}", self.indent, self.step), ..self.clone() }
    }

    fn line(&self) -> String {
        format!("{}{}", self.line_end, self.indent)
    }

    fn entry(&self, name: Option<&str>, value: &Node<'_>, colon: &str) -> String {
        match name {
            Some(name) => format!("{}{colon}{}", quoted(name), self.written(value)),
            None => self.written(value),
        }
    }

    /// Writes a value down: lists of plain values in one line, as IBM's files have them.
    fn written(&self, value: &Node<'_>) -> String {
        let is_plain = |node: &Node<'_>| !matches!(node, Node::List(_) | Node::Object(_));
        let (open, entries, close, one_line) = match value {
            Node::Null => return "null".to_owned(),
            Node::Flag(flag) => return flag.to_string(),
            Node::Whole(number) => return number.to_string(),
            Node::Fraction(number) => return serde_json::Value::from(*number).to_string(),
            Node::Text(text) => return quoted(text),
            Node::List(items) => {
                let entries: Vec<_> = items.iter().map(|item| (None, item)).collect();
                ('[', entries, ']', self.in_one_line || items.iter().all(is_plain))
            }
            Node::Object(members) => {
                let entries: Vec<_> = members.iter().map(|(name, value)| (Some(name.as_ref()), value)).collect();
                ('{', entries, '}', self.in_one_line || members.is_empty())
            }
        };
        let inner = if one_line { Self { in_one_line: true, ..self.clone() } } else { self.below() };
        let entries: Vec<String> = entries.into_iter().map(|(name, value)| inner.entry(name, value, ": ")).collect();
        if one_line {
            return format!("{open}{}{close}", entries.join(", "));
        }
        let line = inner.line();
        format!("{open}{line}{}{}{close}", entries.join(&format!(",{line}")), self.line())
    }
}

fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

#[cfg(test)]
#[path = "outline_tests.rs"]
mod tests;
