//! Follows the chain from its first row to its last.

use std::fmt;

use gathering_persistence::Connection;
use gathering_persistence::audit::{self, AuditRow, Hash, Head, UnreadableRow};
use ring::digest::{SHA256, digest};

use super::chain;
use crate::{Accounts, Error};

/// Rows that are read at once.
const PAGE: i64 = 1_000;
/// The most flaws that are told; the others are counted.
const MOST_FLAWS: usize = 100;

/// What following the chain came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuditReport {
    /// How many rows there are.
    pub rows: u64,
    /// The number of the last one, and its hash in hexadecimal: kept elsewhere, it shows later that nothing before it was written anew.
    pub head: (i64, String),
    /// What is wrong, the first hundred.
    pub flaws: Vec<AuditFlaw>,
    /// How many things are wrong.
    pub flawed: u64,
}

/// Something that is wrong with the chain.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AuditFlaw {
    /// Rows are missing.
    Missing {
        /// The first of them.
        from: i64,
        /// The last of them.
        to: i64,
    },
    /// A row is not as it was written, or was not written after the row before it.
    Changed {
        /// Its number.
        seq: i64,
    },
    /// A row stands before the first or behind the last one that was written: it was inserted by somebody else.
    Inserted {
        /// Its number.
        seq: i64,
    },
    /// There are more rows than numbers: several have the same.
    Repeated {
        /// How many too many.
        rows: i64,
    },
    /// The last row is not the one that was written last.
    HeadDiffers,
    /// A row has not the hash that it is expected to have.
    Unexpected {
        /// Its number.
        seq: i64,
    },
}

impl fmt::Display for AuditFlaw {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Missing { from, to } if from == to => write!(f, "row {from} was removed"),
            Self::Missing { from, to } => write!(f, "rows {from} to {to} were removed"),
            Self::Changed { seq } => write!(f, "row {seq} is not as it was written, or the row before it is not"),
            Self::Inserted { seq } => write!(f, "row {seq} was inserted: no row was written with that number"),
            Self::Repeated { rows } => write!(f, "{rows} rows were inserted under numbers that others have"),
            Self::HeadDiffers => {
                f.write_str("the hash of the last row is not the one that was noted when it was written")
            }
            Self::Unexpected { seq } => write!(
                f,
                "row {seq} has not the hash that is expected of it: it was written anew, or never was"
            ),
        }
    }
}

impl Accounts {
    /// Follows the whole chain; `expected` are the number and the hash, in hexadecimal, of a row as an earlier report told them. Calls `seen` with
    /// how many of how many rows have been looked at.
    ///
    /// Whoever can write to the database can write a whole chain anew, and only an expectation from elsewhere shows that.
    pub async fn verify_audit(
        &self,
        expected: Option<(i64, &str)>,
        seen: impl FnMut(u64, u64),
    ) -> Result<AuditReport, Error> {
        verify_audit(&self.connection().await?, expected, seen).await
    }
}

/// The same for whoever has nothing but a connection; nothing is written.
pub async fn verify_audit(
    connection: &Connection,
    expected: Option<(i64, &str)>,
    mut seen: impl FnMut(u64, u64),
) -> Result<AuditReport, Error> {
    // Read before the rows, so that those that are written meanwhile are not missed in it.
    let head = audit::head(connection).await?;
    let mut walk = Walk::new(head, expected);
    loop {
        let rows = audit::after(connection, walk.place, PAGE).await?;
        for row in &rows {
            walk.step(row);
        }
        seen(walk.rows, u64::try_from(head.seq).unwrap_or_default());
        // Those behind the last row that is known now are of the next time, or nobody's.
        if rows.is_empty() || walk.last.seq >= head.seq && rows.len() < usize::try_from(PAGE).unwrap_or(usize::MAX) {
            break;
        }
    }
    let now = audit::head(connection).await?;
    let there = audit::count(connection, walk.last.seq.max(walk.place)).await?;
    walk.counted(there);
    Ok(walk.end(now))
}

/// How far the chain has been followed.
struct Walk<'e> {
    last: Head,
    /// The number of the row that was read last.
    place: i64,
    head: Head,
    expected: Option<(i64, &'e str)>,
    rows: u64,
    flaws: Vec<AuditFlaw>,
    flawed: u64,
}

impl<'e> Walk<'e> {
    fn new(head: Head, expected: Option<(i64, &'e str)>) -> Self {
        let mut first = Hash::default();
        first.copy_from_slice(digest(&SHA256, b"").as_ref());
        Self {
            last: Head { seq: 0, hash: first },
            // Whoever can insert rows can also do so before the first one.
            place: i64::MIN,
            head,
            expected,
            rows: 0,
            flaws: Vec::new(),
            flawed: 0,
        }
    }

    fn step(&mut self, row: &Result<AuditRow, UnreadableRow>) {
        self.rows += 1;
        let (seq, hash) = match row {
            Ok(row) => (row.seq, row.hash),
            Err(UnreadableRow { seq }) => (*seq, Hash::default()),
        };
        self.place = seq;
        if seq < 1 {
            self.found(AuditFlaw::Inserted { seq });
            return;
        }
        let follows = row.as_ref().is_ok_and(|row| chain::hash(&self.last.hash, row) == hash);
        if seq > self.last.seq + 1 {
            self.found(AuditFlaw::Missing {
                from: self.last.seq + 1,
                to: seq - 1,
            });
        // Behind a gap nobody can tell what a row followed.
        } else if !follows {
            self.found(AuditFlaw::Changed { seq });
        }
        if seq == self.head.seq && hash != self.head.hash {
            self.found(AuditFlaw::HeadDiffers);
        }
        if let Some((expected, text)) = self.expected
            && expected == seq
            && !hex(&hash).eq_ignore_ascii_case(text)
        {
            self.found(AuditFlaw::Unexpected { seq });
        }
        self.last = Head { seq, hash };
    }

    /// So many rows have numbers up to the last one that was read.
    fn counted(&mut self, there: i64) {
        let rows = there - i64::try_from(self.rows).unwrap_or(i64::MAX);
        if rows > 0 {
            self.found(AuditFlaw::Repeated { rows });
        }
    }

    /// `now` is the last row as it was noted after all were read.
    fn end(mut self, now: Head) -> AuditReport {
        if self.last.seq < self.head.seq {
            self.found(AuditFlaw::Missing {
                from: self.last.seq + 1,
                to: self.head.seq,
            });
        }
        if self.last.seq > now.seq {
            self.found(AuditFlaw::Inserted { seq: self.last.seq });
        }
        if let Some((seq, _)) = self.expected
            && seq > self.last.seq
        {
            self.found(AuditFlaw::Unexpected { seq });
        }
        AuditReport {
            rows: self.rows,
            head: (self.last.seq, hex(&self.last.hash)),
            flaws: self.flaws,
            flawed: self.flawed,
        }
    }

    fn found(&mut self, flaw: AuditFlaw) {
        self.flawed += 1;
        if self.flaws.len() < MOST_FLAWS {
            self.flaws.push(flaw);
        }
    }
}

pub(super) fn hex(hash: &Hash) -> String {
    hash.iter().fold(String::with_capacity(64), |mut text, byte| {
        let digits = b"0123456789abcdef";
        text.push(char::from(digits[usize::from(byte >> 4)]));
        text.push(char::from(digits[usize::from(byte & 15)]));
        text
    })
}
