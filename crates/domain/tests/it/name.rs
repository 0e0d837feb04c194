//! What people may call things.

use gathering_domain::name::{Harm, MAX_NAME, NameProblem, check_name};

#[test]
fn names_are_written_in_any_script_and_with_emoji() {
    for name in [
        "nightly",
        "Überweisung №1",
        "e\u{301}te\u{301}",
        "日次レポート　東京",
        "Отчёт за неделю",
        "تقرير يومي",
        "گزارش\u{200c}های روزانه",
        "दैनिक रिपोर्ट क्\u{200d}ष",
        "דוח יומי",
        "ᠬᠠᠷ\u{180e}ᠠ",
        "👩\u{200d}👩\u{200d}👧 family",
        "\u{2764}\u{fe0f} ops",
        "👍🏽",
        "\u{1f3f4}\u{e0067}\u{e0062}\u{e0065}\u{e006e}\u{e0067}\u{e007f} England",
        "葛\u{e0100}",
        &"ü".repeat(MAX_NAME),
    ] {
        assert_eq!(check_name(name), Ok(()), "{name}");
    }
}

#[test]
fn a_character_that_nobody_sees_is_named_with_its_place() {
    for (name, character, place, harm) in [
        ("a\nb", '\n', 2, Harm::Control),
        ("\0", '\0', 1, Harm::Control),
        ("red\u{1b}[31m", '\u{1b}', 4, Harm::Control),
        ("next\u{85}line", '\u{85}', 5, Harm::Control),
        ("a\u{2028}b", '\u{2028}', 2, Harm::Control),
        ("invoice\u{202e}fdp", '\u{202e}', 8, Harm::Turns),
        ("a\u{200f}", '\u{200f}', 2, Harm::Turns),
        ("a\u{61c}b", '\u{61c}', 2, Harm::Turns),
        ("\u{2067}x\u{2069}", '\u{2067}', 1, Harm::Turns),
        ("night\u{200b}ly", '\u{200b}', 6, Harm::Hides),
        ("\u{feff}nightly", '\u{feff}', 1, Harm::Hides),
        ("night\u{ad}ly", '\u{ad}', 6, Harm::Hides),
        ("a\u{2060}b", '\u{2060}', 2, Harm::Hides),
        ("x\u{e0041}", '\u{e0041}', 2, Harm::Hides),
        ("\u{1f3f4}x\u{e0067}", '\u{e0067}', 3, Harm::Hides),
        ("ក\u{17b4}", '\u{17b4}', 2, Harm::Hides),
        ("a\u{1d173}b", '\u{1d173}', 2, Harm::Hides),
        ("\u{1bca0}a", '\u{1bca0}', 1, Harm::Hides),
        ("a\u{13430}", '\u{13430}', 2, Harm::Hides),
        ("a\u{e0fff}", '\u{e0fff}', 2, Harm::Hides),
        ("a\u{fff0}", '\u{fff0}', 2, Harm::Hides),
        ("a\u{fffe}", '\u{fffe}', 2, Harm::Hides),
        ("a\u{1ffff}", '\u{1ffff}', 2, Harm::Hides),
        ("a\u{fdd0}", '\u{fdd0}', 2, Harm::Hides),
    ] {
        let unseen = NameProblem::Unseen { character, place, harm };
        assert_eq!(check_name(name), Err(unseen), "{name:?}");
        let said = unseen.to_string();
        assert!(
            said.contains(&format!("U+{:04X}, the {place}. of it", u32::from(character))),
            "{said}"
        );
        assert!(!said.contains(character), "{said:?} repeats it");
    }
}

#[test]
fn a_name_has_something_to_see_and_an_end() {
    for name in [
        "",
        "  ",
        "\u{3000}",
        "\u{200d}",
        " \u{200c}\u{fe0f}",
        "\u{3164}",
        "\u{2800}",
    ] {
        assert_eq!(check_name(name), Err(NameProblem::Empty), "{name:?}");
    }
    assert_eq!(check_name(&"x".repeat(MAX_NAME + 1)), Err(NameProblem::TooLong));
    assert_eq!(check_name(&"\n".repeat(10_000_000)), Err(NameProblem::TooLong));
}
