//! Words compared, suggested and shown.

pub(crate) use crate::domain::nearest::nearest;

/// Returns `text` cut to a length that fits into a message.
pub(crate) fn short(text: &str) -> String {
    let mut cut: String = text.chars().take(80).flat_map(char::escape_debug).collect();
    if text.chars().nth(80).is_some() {
        cut.push('…');
    }
    cut
}

/// Returns whether two words are the same but for case, `_`, `-` and spaces.
pub(crate) fn same_word(one: &str, other: &str) -> bool {
    let plain = |word: &'_ str| -> Vec<u8> {
        word.bytes().filter(|b| !matches!(b, b'_' | b'-' | b' ')).map(|b| b.to_ascii_lowercase()).collect()
    };
    plain(one) == plain(other)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_the_same_whatever_their_dress() {
        assert!(same_word("complete_with_error", "completeWithError") && !same_word("a", "b"));
        assert_eq!(short("a\nb"), "a\\nb");
        assert_eq!(short(&"x".repeat(90)).chars().count(), 81);
    }
}
