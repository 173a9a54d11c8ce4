//! A table of instance types as text: one a line, sorted by name, comments (`#`) in front.
//!
//! Invariant: a lookup in a sorted table looks at a dozen of its lines and reads one.

use std::cmp::Ordering;

use super::line;
use crate::domain::template::InstanceShape;

/// What EC2 offered when the program was built; its first lines say where that is from.
pub(super) static SHIPPED: &[u8] = include_bytes!("shipped.tsv");

/// Returns what a host of this type is made of, by the table that is shipped.
pub(super) fn shipped(name: &str) -> Option<InstanceShape> {
    find(SHIPPED, name)
}

/// Returns what a host of this type is made of; `None` when there is no such line where it belongs, or it is damaged.
pub(super) fn find(table: &[u8], name: &str) -> Option<InstanceShape> {
    line_of(table, name).and_then(read)
}

/// Returns the line of this type without its end; `None` when it is not where it belongs.
pub(in crate::infrastructure) fn line_of<'t>(table: &'t [u8], name: &str) -> Option<&'t [u8]> {
    let mut rest = table;
    loop {
        let (before, from) = rest.split_at_checked(rest.len() / 2)?;
        let start = before.iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1);
        let end = from.iter().position(|byte| *byte == b'\n').map_or(rest.len(), |at| before.len() + at);
        let line = rest.get(start..end)?;
        match name_of(line).cmp(name.as_bytes()) {
            Ordering::Equal => return Some(line),
            Ordering::Less => rest = rest.get(end + 1..)?,
            Ordering::Greater => rest = rest.get(..start)?,
        }
    }
}

fn name_of(line: &[u8]) -> &[u8] {
    line.split(|byte| *byte == b'\t').next().unwrap_or_default()
}

/// Reads a line; `None` when it is damaged.
pub(super) fn read(line: &[u8]) -> Option<InstanceShape> {
    line::read(std::str::from_utf8(line.strip_suffix(b"\r").unwrap_or(line)).ok()?)
}

/// The lines behind the comments in front.
fn lines(table: &[u8]) -> impl Iterator<Item = &[u8]> {
    let all = table.strip_suffix(b"\n").unwrap_or(table).split(|byte| *byte == b'\n');
    all.skip_while(|line| line.is_empty() || line.starts_with(b"#"))
}

/// Returns every type in a table, damaged lines left out.
pub(super) fn all(table: &[u8]) -> Vec<InstanceShape> {
    lines(table).filter_map(read).collect()
}

/// Returns whether every line is where a lookup finds it.
pub(super) fn is_in_order(table: &[u8]) -> bool {
    lines(table).map(name_of).is_sorted_by(|one, other| one < other)
}

/// Returns the table that the good lines of `table` make, and how many lines are damaged or out of their order.
pub(super) fn mended(table: &[u8]) -> (Vec<u8>, usize) {
    let mut damaged = 0;
    let mut shapes: Vec<InstanceShape> = Vec::new();
    for line in lines(table) {
        match read(line) {
            Some(shape) => {
                damaged += usize::from(shapes.last().is_some_and(|last| last.name >= shape.name));
                shapes.push(shape);
            }
            None => damaged += 1,
        }
    }
    (text(&shapes).into_bytes(), damaged)
}

/// Returns the table of these types. Of a type that comes twice the first one counts; one that could not be read back
/// is left out.
pub(super) fn text(shapes: &[InstanceShape]) -> String {
    let mut shapes: Vec<&InstanceShape> = shapes.iter().collect();
    shapes.sort_by(|one, other| one.name.cmp(&other.name));
    shapes.dedup_by(|one, other| one.name == other.name);
    let mut text = String::new();
    for shape in shapes {
        let line = line::write(shape);
        if line::read(&line).as_ref() == Some(shape) && !line.contains(['\n', '\r']) {
            text.push_str(&line);
            text.push('\n');
        }
    }
    text
}
