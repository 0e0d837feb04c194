//! Tables whose columns align.

use std::io::{self, IsTerminal as _};

use gathering::steers_text;
use unicode_width::UnicodeWidthStr as _;

/// The most columns that a text takes which somebody chose, where a terminal shows it.
const MOST: usize = 48;
/// What joins two characters to one; nothing may end with it.
const JOINER: char = '\u{200d}';

/// How much room there is for texts that somebody chose, so that one of them does not widen the column of all others.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Room {
    /// A terminal shows them: what is longer is cut, and ends with `…`.
    Bounded,
    /// Somebody reads them on, and wants the whole.
    Whole,
}

impl Room {
    /// That of the standard output.
    pub(crate) fn of_stdout() -> Self {
        if io::stdout().is_terminal() {
            Self::Bounded
        } else {
            Self::Whole
        }
    }

    /// As much of the text as there is room for.
    pub(crate) fn fit(self, text: &str) -> String {
        if self == Self::Whole || text.width() <= MOST {
            return text.to_owned();
        }
        let ends = text.char_indices().map(|(end, _)| end);
        // What is put together of several characters is as wide as they are together, so each part is measured anew; texts are short.
        let kept = ends
            .map(|end| &text[..end])
            .take_while(|kept| kept.width() < MOST)
            .last();
        let kept = kept.unwrap_or_default();
        format!("{}…", kept.trim_end_matches(JOINER).trim_end())
    }
}

/// What somebody has written, as a part of a line: what would begin another line, steer the terminal or turn the text around it is shown as U+FFFD.
pub(crate) fn shown(text: &str) -> String {
    let shown = |letter| {
        if steers_text(letter) {
            char::REPLACEMENT_CHARACTER
        } else {
            letter
        }
    };
    text.chars().map(shown).collect()
}

/// The rows as text, each column as wide as its widest cell.
pub(crate) fn aligned<const N: usize>(rows: &[[String; N]]) -> String {
    let rows: Vec<[String; N]> = rows.iter().map(|row| row.each_ref().map(|cell| shown(cell))).collect();
    let widths: [usize; N] =
        std::array::from_fn(|column| rows.iter().map(|row| row[column].width()).max().unwrap_or(0));
    let mut text = String::new();
    for row in &rows {
        for (cell, width) in row.iter().zip(widths) {
            text.push_str(cell);
            text.push_str(&" ".repeat(width - cell.width() + 2));
        }
        text.truncate(text.trim_end().len());
        text.push('\n');
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows(cells: &[[&str; 2]]) -> Vec<[String; 2]> {
        cells.iter().map(|row| row.map(str::to_owned)).collect()
    }

    #[test]
    fn what_others_have_written_begins_no_line_and_steers_no_terminal() {
        let hostile = "\u{1b}[2Jwiped\r\nFAKE\u{202e}\u{2028}";
        assert_eq!(shown(hostile), "�[2Jwiped��FAKE��");
        let table = aligned(&rows(&[["NAME", "ID"], [hostile, "1"]]));
        assert_eq!(table.lines().count(), 2, "{table}");
        assert_eq!(shown("گزارش\u{200c}ها 👩\u{200d}🚀"), "گزارش\u{200c}ها 👩\u{200d}🚀");
    }

    #[test]
    fn columns_align_where_letters_are_wide_joined_or_have_marks() {
        let table = aligned(&rows(&[
            ["NAME", "ID"],
            ["日次レポート", "1"],
            ["e\u{301}te\u{301}", "2"],
            ["👩\u{200d}👩\u{200d}👧", "3"],
            ["plain", "4"],
        ]));
        let expected = [
            "NAME          ID",
            "日次レポート  1",
            "e\u{301}te\u{301}           2",
            "👩\u{200d}👩\u{200d}👧            3",
            "plain         4",
            "",
        ];
        assert_eq!(table, expected.join("\n"));
    }

    #[test]
    fn what_is_long_is_cut_on_a_terminal_and_whole_elsewhere() {
        let long = "x".repeat(200);
        assert_eq!(Room::Whole.fit(&long), long);
        let cut = Room::Bounded.fit(&long);
        assert_eq!(cut, format!("{}…", "x".repeat(MOST - 1)));
        let fits = "x".repeat(MOST);
        assert_eq!(Room::Bounded.fit(&fits), fits);
    }

    #[test]
    fn what_is_cut_is_never_wider_than_there_is_room_and_ends_with_no_joiner() {
        for text in [
            "日本語".repeat(60),
            "👩\u{200d}🚀".repeat(40),
            "e\u{301}".repeat(100),
            "a b ".repeat(50),
        ] {
            let cut = Room::Bounded.fit(&text);
            assert!((MOST - 3..=MOST).contains(&cut.width()), "{cut}");
            let kept = cut.strip_suffix('…').unwrap();
            assert!(text.starts_with(kept) && !kept.ends_with([JOINER, ' ']), "{cut}");
        }
    }
}
