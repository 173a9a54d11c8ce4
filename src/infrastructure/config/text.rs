//! Words compared, suggested and shown.

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

/// Returns the word among `known` that `word` was probably meant to be.
pub(crate) fn nearest<'k>(word: &str, known: impl IntoIterator<Item = &'k str>) -> Option<&'k str> {
    let word = &word[..word.floor_char_boundary(100)];
    known
        .into_iter()
        .map(|candidate| (distance(&word.to_ascii_lowercase(), &candidate.to_ascii_lowercase()), candidate))
        .min_by_key(|(distance, _)| *distance)
        .filter(|(distance, candidate)| *distance <= 2 + candidate.len() / 4)
        .map(|(_, candidate)| candidate)
}

/// Returns how many letters have to be added, dropped or changed to get from one word to the other.
fn distance(one: &str, other: &str) -> usize {
    let other: Vec<char> = other.chars().collect();
    let mut row: Vec<usize> = (0..=other.len()).collect();
    for (i, a) in one.chars().enumerate() {
        let mut diagonal = i;
        let mut left = i + 1;
        for (cell, b) in row.iter_mut().skip(1).zip(&other) {
            let here = (diagonal + usize::from(a != *b)).min(left + 1).min(*cell + 1);
            diagonal = *cell;
            *cell = here;
            left = here;
        }
        if let Some(first) = row.first_mut() {
            *first = i + 1;
        }
    }
    row.last().copied().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_word_is_found_and_a_far_one_is_not_offered() {
        assert_eq!((distance("", "abc"), distance("kitten", "sitting"), distance("same", "same")), (3, 3, 0));
        let known = ["region", "profile", "endpointUrl"];
        assert_eq!(nearest("regoin", known), Some("region"));
        assert_eq!(nearest("endpoint_url", known), Some("endpointUrl"));
        assert_eq!(nearest("somethingElseEntirely", known), None);
    }

    #[test]
    fn words_are_the_same_whatever_their_dress() {
        assert!(same_word("complete_with_error", "completeWithError") && !same_word("a", "b"));
        assert_eq!(short("a\nb"), "a\\nb");
        assert_eq!(short(&"x".repeat(90)).chars().count(), 81);
    }
}
