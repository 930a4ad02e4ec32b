//! Finds what a misspelt word was meant to be.

/// The known word nearest to `word`, where one is near enough that the writer may have meant it.
pub(super) fn nearest<'a>(word: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let far = (word.chars().count() / 3).clamp(1, 4);
    let spelled = |word: &str| word.to_lowercase().replace('-', "_");
    let written = spelled(word);
    let rated = known.into_iter().map(|candidate| (distance(&written, &spelled(candidate)), candidate));
    rated
        .filter(|(distance, _)| *distance <= far)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}

/// How many letters must be put in, left out, changed or swapped with their neighbour.
pub(super) fn distance(one: &str, other: &str) -> usize {
    let one: Vec<char> = one.chars().collect();
    let other: Vec<char> = other.chars().collect();
    let mut before_last: Vec<usize> = Vec::new();
    let mut last: Vec<usize> = (0..=other.len()).collect();
    for i in 1..=one.len() {
        let mut row = vec![i];
        for j in 1..=other.len() {
            let changed = last[j - 1] + usize::from(one[i - 1] != other[j - 1]);
            let mut least = changed.min(last[j] + 1).min(row[j - 1] + 1);
            if i > 1 && j > 1 && one[i - 1] == other[j - 2] && one[i - 2] == other[j - 1] {
                least = least.min(before_last[j - 2] + 1);
            }
            row.push(least);
        }
        before_last = last;
        last = row;
    }
    last[other.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn swapped_letters_count_once() {
        assert_eq!(distance("prot", "port"), 1);
        assert_eq!(distance("", "port"), 4);
        assert_eq!(distance("port", "port"), 0);
    }

    #[test]
    fn a_word_that_is_like_no_other_has_no_nearest() {
        assert_eq!(nearest("prot", ["path", "port", "host"]), Some("port"));
        assert_eq!(nearest("devises", ["devices", "dialect"]), Some("devices"));
        assert_eq!(nearest("banana", ["path", "port", "host"]), None);
    }
}
