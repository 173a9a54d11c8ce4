//! The word that somebody probably meant.

/// So many letters say what a word begins with.
const BEGINNING: usize = 3;

/// Returns the word among `known` that `word` was probably meant to be: the one with the fewest letters that differ, else the
/// only one that begins with it.
pub fn nearest<'k>(word: &str, known: impl IntoIterator<Item = &'k str>) -> Option<&'k str> {
    let word = word[..word.floor_char_boundary(100)].to_ascii_lowercase();
    let (mut best, mut begun) = (None, Vec::new());
    for candidate in known {
        let lower = candidate.to_ascii_lowercase();
        let distance = distance(&word, &lower);
        if distance <= 2 + candidate.len() / 4 && best.is_none_or(|(least, _)| distance < least) {
            best = Some((distance, candidate));
        }
        if word.len() >= BEGINNING && lower.starts_with(&word) && begun.len() < 2 && !begun.contains(&candidate) {
            begun.push(candidate);
        }
    }
    let only = begun.first().filter(|_| begun.len() == 1).copied();
    best.map(|(_, candidate)| candidate).or(only)
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
    fn the_beginning_of_one_word_alone_is_enough() {
        let known = ["OnDemand-4c-16g-x86-64", "OnDemand-8c-32g-x86-64", "Spot-many"];
        assert_eq!(nearest("ondemand-4c", known), Some("OnDemand-4c-16g-x86-64"));
        assert_eq!((nearest("OnDemand", known), nearest("On", known)), (None, None));
    }
}
