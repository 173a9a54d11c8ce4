//! How two texts differ, line by line, for whoever is to agree to a change.
//!
//! Invariant: no boot script shows, whole or in part.

use std::borrow::Cow;

/// How many lines that are the same are shown around those that differ.
const AROUND: usize = 3;
/// The most pairs of lines that are compared; texts that differ by more are shown as replaced.
const MOST_PAIRS: usize = 4_000_000;

/// Returns the lines that differ, `-` before those of `before` and `+` before those of `after`, and some around them with a
/// space; `…` stands for those left out in between.
pub(super) fn lines(before: &str, after: &str) -> Vec<String> {
    let (old, new): (Vec<&str>, Vec<&str>) = (before.lines().collect(), after.lines().collect());
    let same_at = |(one, other): &(&&str, &&str)| one == other;
    let head = old.iter().zip(&new).take_while(same_at).count();
    let (old_rest, new_rest) = (old.get(head..).unwrap_or_default(), new.get(head..).unwrap_or_default());
    let tail = old_rest.iter().rev().zip(new_rest.iter().rev()).take_while(same_at).count();
    let middle = |lines: &'_ [&'_ str]| lines.len() - tail;
    let old_middle = old_rest.get(..middle(old_rest)).unwrap_or_default();
    let new_middle = new_rest.get(..middle(new_rest)).unwrap_or_default();
    let mut all: Vec<(char, &str)> = old.iter().take(head).map(|line| (' ', *line)).collect();
    all.extend(compared(old_middle, new_middle));
    all.extend(old_rest.iter().skip(old_middle.len()).map(|line| (' ', *line)));
    if before == after { Vec::new() } else { near_changes(&all) }
}

/// Returns the shortest way from one list of lines to the other.
fn compared<'t>(old: &[&'t str], new: &[&'t str]) -> Vec<(char, &'t str)> {
    let taken = |lines: &[&'t str], sign| lines.iter().map(|line| (sign, *line)).collect::<Vec<_>>();
    if old.len().saturating_mul(new.len()) > MOST_PAIRS {
        return [taken(old, '-'), taken(new, '+')].concat();
    }
    // How many lines the rests behind each pair have in common.
    let width = new.len() + 1;
    let mut common = vec![0_u32; (old.len() + 1) * width];
    let at = |common: &[u32], i: usize, j: usize| common.get(i * width + j).copied().unwrap_or(0);
    for (i, one) in old.iter().enumerate().rev() {
        for (j, other) in new.iter().enumerate().rev() {
            let most = if one == other {
                at(&common, i + 1, j + 1) + 1
            } else {
                at(&common, i + 1, j).max(at(&common, i, j + 1))
            };
            if let Some(cell) = common.get_mut(i * width + j) {
                *cell = most;
            }
        }
    }
    let (mut i, mut j, mut way) = (0, 0, Vec::new());
    loop {
        match (old.get(i), new.get(j)) {
            (Some(one), Some(other)) if one == other => {
                way.push((' ', *one));
                (i, j) = (i + 1, j + 1);
            }
            (Some(one), other) if other.is_none() || at(&common, i + 1, j) >= at(&common, i, j + 1) => {
                way.push(('-', *one));
                i += 1;
            }
            (_, Some(other)) => {
                way.push(('+', *other));
                j += 1;
            }
            (_, None) => return way,
        }
    }
}

fn near_changes(all: &[(char, &str)]) -> Vec<String> {
    let differs = |at: usize| all.get(at).is_some_and(|(sign, _)| *sign != ' ');
    let mut shown = Vec::new();
    let mut last = None;
    for (at, (sign, line)) in all.iter().enumerate() {
        if !(at.saturating_sub(AROUND)..=at + AROUND).any(differs) {
            continue;
        }
        if last.is_some_and(|last| last + 1 != at) {
            shown.push(" …".to_owned());
        }
        last = Some(at);
        shown.push(format!("{sign}{}", masked(line)));
    }
    shown
}

/// Returns a line without what may be a boot script: everything behind the name of its field.
fn masked(line: &str) -> Cow<'_, str> {
    let lower = line.to_ascii_lowercase().replace('_', "");
    let names = ["userdata\"", "userdatascript\"", "machinebootstrap\""];
    // Where there is no name in front of it, a text that begins as scripts do.
    if !names.iter().any(|name| lower.contains(name)) && !line.contains("#!") {
        return Cow::Borrowed(line);
    }
    let indent = &line[..line.len() - line.trim_start().len()];
    let name = line.trim_start().split_once(':').map_or("", |(name, _)| name);
    let is_alone =
        name.starts_with('"') && names.iter().any(|known| name.to_ascii_lowercase().replace('_', "").ends_with(known));
    if is_alone {
        Cow::Owned(format!("{indent}{name}: (a boot script, not shown)"))
    } else {
        Cow::Owned(format!("{indent}(a line with a boot script in it, not shown)"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_that_differ_are_shown_with_some_around_them() {
        let before: Vec<String> = (0..20).map(|number| number.to_string()).collect();
        let mut after = before.clone();
        after[2] = "two".to_owned();
        after.remove(15);
        after.insert(16, "new".to_owned());
        let told = lines(&before.join("\n"), &after.join("\n"));
        let expected = " 0| 1|-2|+two| 3| 4| 5| …| 12| 13| 14|-15| 16|+new| 17| 18| 19";
        assert_eq!(told.join("|"), expected);
        assert!(lines("a\nb", "a\nb").is_empty());
        assert_eq!(lines("", "a\n").join("|"), "+a");
        assert_eq!(lines("a\n", "").join("|"), "-a");
    }

    #[test]
    fn no_boot_script_shows() {
        let before = "{\n  \"userData\": \"IyEvYmluL3No secret\",\n  \"a\": 1\n}";
        let told = lines(before, &before.replace('1', "2")).join("\n");
        assert!(told.contains("-  \"a\": 1") && told.contains("boot script") && !told.contains("secret"), "{told}");
        for line in [r#"{"a": 1, "user_data": "secret"}"#, r##"{"x": "#!/bin/sh secret"}"##] {
            assert!(!lines(line, "{}").join("\n").contains("secret"), "{line}");
        }
    }
}
