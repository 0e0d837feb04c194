//! What people may call things: one rule for the names of schedules, pipelines, projects, API keys and users.
//!
//! A name is shown in lists, logs and mails, beside others. So it has nothing that cannot be seen and makes it look like another one, or the text around it like
//! something else. Letters of every script are welcome, and so is what they and emoji are put together with: U+200C and U+200D, selectors of variants.

use std::str::FromStr;

/// The most characters of a name.
pub const MAX_NAME: usize = 200;

/// The flag whose variants (those of England, Scotland, Wales) are spelt in characters that are not seen.
const FLAG: char = '\u{1f3f4}';

/// Why something cannot be called so.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NameProblem {
    /// There is nothing to see in it.
    #[error("must have 1 to {MAX_NAME} characters, and one of them that is seen")]
    Empty,
    /// It has more than [`MAX_NAME`] characters.
    #[error("must have at most {MAX_NAME} characters")]
    TooLong,
    /// It has a character that nobody sees.
    #[error("must not have the character U+{:04X}, the {place}. of it: {}", u32::from(*.character), .harm.as_str())]
    Unseen {
        /// The first such character.
        character: char,
        /// Which one of the name it is, counted from 1.
        place: usize,
        /// What is wrong with it.
        harm: Harm,
    },
}

/// What a character that nobody sees does to a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Harm {
    /// It breaks lines, or steers terminals.
    Control,
    /// It turns the direction of the text around it.
    Turns,
    /// It takes no room: a name with it looks like one without.
    Hides,
}

impl Harm {
    fn as_str(self) -> &'static str {
        match self {
            Self::Control => "it is a control character",
            Self::Turns => "it turns the direction of the text around it",
            Self::Hides => "it cannot be seen, and makes this look like another name",
        }
    }
}

/// What something may be called: whoever looks for it need not ask the database for what no name is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Name(String);

impl Name {
    /// As it was written.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Name {
    type Err = NameProblem;

    fn from_str(text: &str) -> Result<Self, NameProblem> {
        check_name(text).map(|()| Self(text.to_owned()))
    }
}

/// Refuses what nothing may be called.
///
/// ```
/// use gathering_domain::name::check_name;
///
/// assert!(check_name("گزارش\u{200c}ها 👩\u{200d}🚀").is_ok());
/// let refused = check_name("invoice\u{202e}fdp").unwrap_err().to_string();
/// assert!(refused.starts_with("must not have the character U+202E, the 8. of it"));
/// ```
pub fn check_name(name: &str) -> Result<(), NameProblem> {
    if name.chars().nth(MAX_NAME).is_some() {
        return Err(NameProblem::TooLong);
    }
    let mut before = ' ';
    for (character, place) in name.chars().zip(1..) {
        if let Some(harm) = harm_of(character, before) {
            return Err(NameProblem::Unseen { character, place, harm });
        }
        // What spells a variant of the flag goes on with it.
        before = if is_tag(character) { before } else { character };
    }
    if name.chars().all(is_blank) {
        return Err(NameProblem::Empty);
    }
    Ok(())
}

fn harm_of(character: char, before: char) -> Option<Harm> {
    match character {
        '\u{2028}' | '\u{2029}' => Some(Harm::Control),
        c if c.is_control() => Some(Harm::Control),
        '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => Some(Harm::Turns),
        '\u{ad}'
        | '\u{17b4}'..='\u{17b5}'
        | '\u{200b}'
        | '\u{2060}'..='\u{2065}'
        | '\u{206a}'..='\u{206f}'
        | '\u{feff}'
        | '\u{fff0}'..='\u{fffb}'
        | '\u{13430}'..='\u{1343f}'
        | '\u{1bca0}'..='\u{1bca3}'
        | '\u{1d173}'..='\u{1d17a}'
        | '\u{e0080}'..='\u{e00ff}'
        | '\u{e01f0}'..='\u{e0fff}' => Some(Harm::Hides),
        // The last two of each plane are no characters, nor are these 32.
        c if u32::from(c) & 0xfffe == 0xfffe || matches!(c, '\u{fdd0}'..='\u{fdef}') => Some(Harm::Hides),
        c if is_tag(c) && before != FLAG => Some(Harm::Hides),
        _ => None,
    }
}

/// Whether a character steers terminals or turns the direction of the text around it: whoever shows what others have written leaves it out.
pub fn steers_text(character: char) -> bool {
    matches!(harm_of(character, ' '), Some(Harm::Control | Harm::Turns))
}

/// What repeats ASCII without being seen.
fn is_tag(character: char) -> bool {
    matches!(character, '\u{e0000}'..='\u{e007f}')
}

/// What may be in a name, but is none by itself.
fn is_blank(character: char) -> bool {
    let selects = matches!(character, '\u{180b}'..='\u{180f}' | '\u{fe00}'..='\u{fe0f}' | '\u{e0100}'..='\u{e01ef}');
    let joins = matches!(character, '\u{200c}' | '\u{200d}' | '\u{34f}');
    let fills = matches!(
        character,
        '\u{115f}' | '\u{1160}' | '\u{2800}' | '\u{3164}' | '\u{ffa0}'
    );
    character.is_whitespace() || selects || joins || fills
}
