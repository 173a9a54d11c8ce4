//! Lines that fit the terminal, broken between words.

/// Returns the text with every line broken where it is wider than `width`; what goes on is set in by as much as the line, and
/// two more for one that is set in already. A word that is wider stays whole.
pub(super) fn wrapped(text: &str, width: usize) -> String {
    let lines: Vec<String> = text.split('\n').map(|line| one(line, width, hanging(line))).collect();
    lines.join("\n")
}

/// Returns the lines of a YAML document broken in the same way, so that no further line looks like a key.
pub(super) fn document(text: &str, width: usize) -> String {
    let lines: Vec<String> = text.split('\n').map(|line| one(line, width, hanging(line).max(2))).collect();
    lines.join("\n")
}

fn hanging(line: &str) -> usize {
    let indent = line.chars().take_while(|c| *c == ' ').count();
    if indent == 0 { 0 } else { indent + 2 }
}

/// Returns one line broken at `width`, the further ones set in by `hanging`.
pub(super) fn one(line: &str, width: usize, hanging: usize) -> String {
    if line.chars().count() <= width {
        return line.to_owned();
    }
    let indent: String = line.chars().take_while(|c| *c == ' ').collect();
    let mut text = indent.clone();
    let mut column = indent.len();
    let mut is_first = true;
    for word in line.split(' ').filter(|word| !word.is_empty()) {
        let length = word.chars().count();
        // A word that fits nowhere goes on where the line is, unless that is full.
        let fits_nowhere = hanging + length > width && column < width / 2;
        if !is_first && column + 1 + length > width && !fits_nowhere {
            text.push('\n');
            text.extend(std::iter::repeat_n(' ', hanging));
            column = hanging;
        } else if !is_first {
            text.push(' ');
            column += 1;
        }
        text.push_str(word);
        column += length;
        is_first = false;
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_broken_between_words_and_set_in_as_they_began() {
        let text = "a short one\n  and one that is too long for it\nsupercalifragilistic word";
        assert_eq!(
            wrapped(text, 16),
            "a short one\n  and one that\n    is too long\n    for it\nsupercalifragilistic\nword"
        );
        assert_eq!(wrapped("né né né", 5), "né né\nné");
        assert_eq!(wrapped("", 5), "");
        assert_eq!(wrapped("- /a/path/of/length", 10), "- /a/path/of/length");
        assert_eq!(document("key: and a text", 10), "key: and a\n  text");
    }
}
