//! The text that the demo's pipeline reads: the files below the current directory, or what the demo brings along.

use std::collections::{BTreeMap, HashMap};
use std::fs;
use std::path::{Path, PathBuf};

use serde::Serialize;

/// Fewer lines than this are nothing to look at; the pipeline's condition asks for as many.
pub(super) const ENOUGH_LINES: usize = 100;
/// The most directory entries that are looked at.
const MAX_ENTRIES: usize = 20_000;
/// The most files that are read.
const MAX_FILES: usize = 3_000;
/// The largest file that is read, in bytes.
const MAX_FILE: u64 = 512 * 1024;
/// The most that is read altogether, in bytes.
const MAX_TOTAL: u64 = 16 * 1024 * 1024;
/// Shorter words are too common to tell anything.
const SHORTEST_WORD: usize = 4;
/// How many of the most used words are named.
const MOST_USED: usize = 4;

/// What is read where the current directory holds too little.
const SAMPLE: [(&str, &str); 5] = [
    ("README.md", include_str!("../../README.md")),
    ("Cargo.toml", include_str!("../../Cargo.toml")),
    ("pipeline.json", include_str!("pipeline.json")),
    ("corpus.rs", include_str!("corpus.rs")),
    ("story.rs", include_str!("story.rs")),
];

/// Texts, by the group they belong to.
#[derive(Debug)]
pub(super) struct Corpus {
    folder: String,
    groups: BTreeMap<Group, Vec<String>>,
}

/// What a text is, by the ending of its name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Group {
    Code,
    Documents,
    Settings,
    Others,
}

/// What there is, before anything is counted in depth.
#[derive(Debug, Serialize)]
pub(super) struct Listing {
    folder: String,
    pub(super) files: usize,
    pub(super) lines: usize,
}

/// What one group holds.
#[derive(Debug, Serialize)]
pub(super) struct Count {
    group: &'static str,
    files: usize,
    lines: usize,
    words: usize,
    most_used: Vec<String>,
}

impl Corpus {
    /// The text files below `root`, within bounds; hidden and generated directories are left out, links not followed.
    pub(super) fn read(root: &Path) -> Self {
        let found = Self {
            folder: root.display().to_string(),
            groups: walk(root),
        };
        if found.listing().lines >= ENOUGH_LINES {
            found
        } else {
            Self::sample()
        }
    }

    fn sample() -> Self {
        let mut groups: BTreeMap<Group, Vec<String>> = BTreeMap::new();
        for (name, text) in SAMPLE {
            groups
                .entry(Group::of(Path::new(name)))
                .or_default()
                .push(text.to_owned());
        }
        Self {
            folder: "the demo's own sample".to_owned(),
            groups,
        }
    }

    /// The place the texts are from.
    pub(super) fn folder(&self) -> &str {
        &self.folder
    }

    /// How much there is.
    pub(super) fn listing(&self) -> Listing {
        let texts = || self.groups.values().flatten();
        Listing {
            folder: self.folder.clone(),
            files: texts().count(),
            lines: texts().map(|text| text.lines().count()).sum(),
        }
    }

    /// Counts one group.
    pub(super) fn count(&self, group: Group) -> Count {
        let texts = self.groups.get(&group).map_or(&[][..], Vec::as_slice);
        Count {
            group: group.name(),
            files: texts.len(),
            lines: texts.iter().map(|text| text.lines().count()).sum(),
            words: texts.iter().map(|text| text.split_whitespace().count()).sum(),
            most_used: most_used(texts),
        }
    }
}

impl Group {
    const ALL: [Self; 4] = [Self::Code, Self::Documents, Self::Settings, Self::Others];

    /// As it is written in URLs and reports.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Code => "code",
            Self::Documents => "documents",
            Self::Settings => "settings",
            Self::Others => "others",
        }
    }

    /// The group of that name.
    pub(super) fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|group| group.name() == name)
    }

    fn of(path: &Path) -> Self {
        match path.extension().and_then(|ending| ending.to_str()).unwrap_or_default() {
            "rs" | "py" | "js" | "ts" | "tsx" | "go" | "c" | "h" | "cpp" | "java" | "kt" | "rb" | "sh" | "sql" => {
                Self::Code
            }
            "md" | "txt" | "rst" | "adoc" | "html" | "tex" => Self::Documents,
            "toml" | "json" | "yaml" | "yml" | "ini" | "cfg" | "conf" | "xml" | "lock" => Self::Settings,
            _ => Self::Others,
        }
    }
}

fn walk(root: &Path) -> BTreeMap<Group, Vec<String>> {
    let mut groups: BTreeMap<Group, Vec<String>> = BTreeMap::new();
    let (mut entries, mut files, mut bytes) = (0, 0, 0);
    let mut directories = vec![root.to_path_buf()];
    while let Some(directory) = directories.pop() {
        for (path, size) in children(&directory) {
            entries += 1;
            match size {
                _ if entries > MAX_ENTRIES || files >= MAX_FILES => return groups,
                None => directories.push(path),
                Some(size) if size > MAX_FILE || bytes + size > MAX_TOTAL => {}
                Some(size) => {
                    // What is no text, or not to be read by this user, is simply not part of it.
                    let Some(text) = fs::read_to_string(&path).ok().filter(|text| !text.contains('\0')) else {
                        continue;
                    };
                    bytes += size;
                    files += 1;
                    groups.entry(Group::of(&path)).or_default().push(text);
                }
            }
        }
    }
    groups
}

/// Files with their sizes, and directories with none, in the order of their names.
fn children(directory: &Path) -> Vec<(PathBuf, Option<u64>)> {
    let Ok(entries) = fs::read_dir(directory) else {
        return Vec::new();
    };
    let mut children: Vec<_> = entries
        .take(MAX_ENTRIES)
        .filter_map(Result::ok)
        .filter(|entry| !is_left_out(&entry.file_name().to_string_lossy()))
        .filter_map(|entry| {
            // Of a link this says that it is a link: neither file nor directory.
            let metadata = entry.metadata().ok()?;
            (metadata.is_dir() || metadata.is_file())
                .then(|| (entry.path(), metadata.is_file().then_some(metadata.len())))
        })
        .collect();
    children.sort();
    children
}

fn is_left_out(name: &str) -> bool {
    name.starts_with('.') || ["target", "node_modules", "__pycache__"].contains(&name)
}

fn most_used(texts: &[String]) -> Vec<String> {
    let mut counts: HashMap<&str, usize> = HashMap::new();
    let words = texts
        .iter()
        .flat_map(|text| text.split(|letter: char| !letter.is_alphanumeric()));
    for word in words.filter(|word| word.len() >= SHORTEST_WORD && word.chars().all(char::is_alphabetic)) {
        *counts.entry(word).or_default() += 1;
    }
    let mut counts: Vec<_> = counts.into_iter().collect();
    counts.sort_by_key(|(word, count)| (std::cmp::Reverse(*count), *word));
    counts
        .into_iter()
        .take(MOST_USED)
        .map(|(word, _)| word.to_owned())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sample_is_enough_for_the_deep_branch() {
        assert!(Corpus::sample().listing().lines >= ENOUGH_LINES);
    }

    #[test]
    fn words_and_lines_are_counted_by_group() {
        let groups = BTreeMap::from([(Group::Documents, vec!["these words, these words\nthese too".to_owned()])]);
        let corpus = Corpus {
            folder: "here".to_owned(),
            groups,
        };
        let count = corpus.count(Group::Documents);
        assert_eq!((count.files, count.lines, count.words), (1, 2, 6));
        assert_eq!(count.most_used, ["these", "words"]);
        assert_eq!(corpus.count(Group::Code).files, 0);
    }

    #[test]
    fn the_crate_itself_can_be_read() {
        let corpus = Corpus::read(Path::new(env!("CARGO_MANIFEST_DIR")));
        assert!(corpus.count(Group::Code).files > 10);
    }
}
