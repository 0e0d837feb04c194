//! What the hash of a row is made of.

use gathering_domain::{SessionId, UserId};
use gathering_persistence::audit::{AuditRow, Hash};
use jiff::{RoundMode, Timestamp, TimestampRound, Unit};
use ring::digest::{Context, SHA256};

/// SHA-256 over the hash of the row before and every column of this one but its hash, each with its length before it: no two rows that
/// differ give the same bytes.
pub(super) fn hash(previous: &Hash, row: &AuditRow) -> Hash {
    let mut context = Context::new(&SHA256);
    let mut field = |bytes: Option<&[u8]>| {
        let length = bytes.map_or(u64::MAX, |bytes| bytes.len() as u64);
        context.update(&length.to_le_bytes());
        context.update(bytes.unwrap_or_default());
    };
    field(Some(previous));
    field(Some(&row.seq.to_le_bytes()));
    field(Some(&row.at.as_microsecond().to_le_bytes()));
    field(Some(row.action.as_bytes()));
    field(Some(row.outcome.as_bytes()));
    field(
        row.actor
            .map(UserId::as_uuid)
            .as_ref()
            .map(|id| id.as_bytes().as_slice()),
    );
    field(
        row.session
            .map(SessionId::as_uuid)
            .as_ref()
            .map(|id| id.as_bytes().as_slice()),
    );
    for text in [&row.subject, &row.address, &row.request_id, &row.detail] {
        field(text.as_deref().map(str::as_bytes));
    }
    let mut hash = Hash::default();
    hash.copy_from_slice(context.finish().as_ref());
    hash
}

pub(super) fn to_the_microsecond(at: Timestamp) -> Timestamp {
    let rounding = TimestampRound::new().smallest(Unit::Microsecond).mode(RoundMode::Floor);
    at.round(rounding).unwrap_or(at)
}

#[cfg(test)]
mod tests {
    use gathering_testkit::SeededEntropy;

    use super::*;

    fn row() -> AuditRow {
        AuditRow {
            seq: 1,
            at: Timestamp::UNIX_EPOCH,
            action: "login".to_owned(),
            outcome: "done".to_owned(),
            actor: None,
            session: None,
            subject: Some("ab".to_owned()),
            address: None,
            request_id: Some(String::new()),
            detail: Some("c".to_owned()),
            hash: Hash::default(),
        }
    }

    #[test]
    fn whatever_is_changed_in_a_row_changes_its_hash() {
        let text = |text: &str| Some(text.to_owned());
        let changed = [
            AuditRow { seq: 2, ..row() },
            AuditRow {
                at: Timestamp::from_microsecond(1).unwrap(),
                ..row()
            },
            AuditRow {
                action: "logout".to_owned(),
                ..row()
            },
            AuditRow {
                outcome: "failed".to_owned(),
                ..row()
            },
            AuditRow {
                actor: Some(UserId::new(Timestamp::UNIX_EPOCH, &SeededEntropy::new(1))),
                ..row()
            },
            AuditRow {
                session: Some(SessionId::new(Timestamp::UNIX_EPOCH, &SeededEntropy::new(1))),
                ..row()
            },
            AuditRow {
                subject: text("abc"),
                detail: None,
                ..row()
            },
            AuditRow {
                subject: text("a"),
                ..row()
            },
            AuditRow {
                address: text("ab"),
                subject: None,
                ..row()
            },
            AuditRow {
                request_id: None,
                ..row()
            },
            AuditRow { detail: None, ..row() },
        ];
        let mut hashes: Vec<_> = changed.iter().map(|row| hash(&Hash::default(), row)).collect();
        hashes.push(hash(&Hash::default(), &row()));
        hashes.push(hash(&[1; 32], &row()));
        hashes.sort_unstable();
        hashes.dedup();
        assert_eq!(hashes.len(), changed.len() + 2);
    }
}
