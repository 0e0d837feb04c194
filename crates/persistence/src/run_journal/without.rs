//! The statements of a journal that lacks a safety: for the fault verification, which must find out.
//!
//! Each is the product's own statement less the words that the safety consists of, so that nothing else differs between the two.

use std::sync::OnceLock;

use super::{APPEND, HAS_ENTRY};
use crate::Safety;

/// As the process was told to append.
pub(super) fn append_statement() -> &'static str {
    static STATEMENT: OnceLock<String> = OnceLock::new();
    STATEMENT.get_or_init(|| {
        if Safety::EpochCheck.is_off() {
            append_from_whoever_it_comes()
        } else if Safety::CompareAndAppend.is_off() {
            append_under_a_free_number()
        } else {
            APPEND.to_owned()
        }
    })
}

fn append_from_whoever_it_comes() -> String {
    let heads = replaced(APPEND, "r.owner = $1 AND r.epoch = h.epoch", "$1::uuid IS NOT NULL");
    replaced(&heads, "r.owner = $1 AND r.epoch = e.epoch", "true")
}

fn append_under_a_free_number() -> String {
    let free = "SELECT e.run_id,
               coalesce((SELECT max(j.seq) FROM run_journal j WHERE j.run_id = e.run_id), 0)
                   + row_number() OVER (PARTITION BY e.run_id ORDER BY e.seq),
               e.epoch,";
    replaced(APPEND, "SELECT e.run_id, e.seq, e.epoch,", free)
}

/// As the process was told to look for an entry of its own.
pub(super) fn has_entry_statement() -> &'static str {
    static STATEMENT: OnceLock<String> = OnceLock::new();
    STATEMENT.get_or_init(|| {
        if Safety::EpochCheck.is_off() {
            replaced(HAS_ENTRY, "epoch = $3", "$3::integer IS NOT NULL")
        } else {
            HAS_ENTRY.to_owned()
        }
    })
}

/// `statement` with the only `old` that it has replaced by `new`: a safety that is still there would be verified in vain.
fn replaced(statement: &str, old: &str, new: &str) -> String {
    assert_eq!(statement.matches(old).count(), 1, "`{old}` stands once in: {statement}");
    statement.replace(old, new)
}

#[cfg(test)]
mod tests {
    use super::{append_from_whoever_it_comes, append_under_a_free_number, replaced};
    use crate::run_journal::HAS_ENTRY;

    #[test]
    fn each_statement_lacks_its_safety_and_no_other() {
        let (anybody, any_number) = (append_from_whoever_it_comes(), append_under_a_free_number());
        assert!(!anybody.contains("owner = $1") && anybody.contains("e.run_id, e.seq, e.epoch"));
        assert!(any_number.matches("owner = $1").count() == 2 && any_number.contains("max(j.seq)"));
    }

    #[test]
    #[should_panic(expected = "stands once")]
    fn words_that_are_not_there_are_missed() {
        replaced(HAS_ENTRY, "no such words", "");
    }
}
