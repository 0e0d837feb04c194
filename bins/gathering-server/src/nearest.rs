//! The nearest right name for a wrong one, so that a refusal says what was probably meant.

/// The candidate closest to `wrong`, when one is close enough to be meant.
pub(crate) fn nearest<'a>(wrong: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let wrong = wrong.to_lowercase();
    candidates
        .into_iter()
        .map(|candidate| (distance(&wrong, &candidate.to_lowercase()), candidate))
        .min_by_key(|(distance, _)| *distance)
        .filter(|(distance, candidate)| *distance <= allowed(&wrong, candidate))
        .map(|(_, candidate)| candidate)
}

/// The end of a sentence that asks whether the nearest candidate was meant; empty where none is near.
pub(crate) fn suggestion<'a>(wrong: &str, candidates: impl IntoIterator<Item = &'a str>) -> String {
    nearest(wrong, candidates).map_or_else(String::new, |name| format!("; did you mean `{name}`?"))
}

/// Two in five letters may be wrong: enough for slips, too little for another word.
fn allowed(wrong: &str, candidate: &str) -> usize {
    wrong.len().max(candidate.len()) * 2 / 5
}

/// Letters to insert, delete, replace or swap with their neighbour to come from `left` to `right`.
fn distance(left: &str, right: &str) -> usize {
    // Names are short; whatever is longer is no slip of one of them, and is not worth its square.
    if left.len() > 100 || right.len() > 100 {
        return usize::MAX;
    }
    let (left, right): (Vec<char>, Vec<char>) = (left.chars().collect(), right.chars().collect());
    let mut rows: Vec<Vec<usize>> = vec![(0..=right.len()).collect()];
    for i in 1..=left.len() {
        let mut row = vec![i];
        for j in 1..=right.len() {
            let above = &rows[i - 1];
            let replaced = above[j - 1] + usize::from(left[i - 1] != right[j - 1]);
            let mut least = replaced.min(above[j] + 1).min(row[j - 1] + 1);
            if i > 1 && j > 1 && left[i - 1] == right[j - 2] && left[i - 2] == right[j - 1] {
                least = least.min(rows[i - 2][j - 2] + 1);
            }
            row.push(least);
        }
        rows.push(row);
    }
    rows[left.len()][right.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slip_finds_the_name_that_was_meant() {
        let names = ["listen", "data_dir", "log_format"];
        assert_eq!(nearest("lisen", names), Some("listen"));
        assert_eq!(nearest("Data-Dir", names), Some("data_dir"));
        assert_eq!(suggestion("logformat", names), "; did you mean `log_format`?");
    }

    #[test]
    fn another_word_finds_nothing() {
        assert_eq!(nearest("colour", ["listen", "data_dir"]), None);
        assert_eq!(nearest(&"x".repeat(500), ["listen"]), None);
        assert_eq!(suggestion("colour", ["listen"]), "");
    }
}
