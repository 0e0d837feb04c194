//! What came of schedules, told twice: by the database, and by whom they call.

use gathering_testkit::{Receiver, TestDatabase};

use crate::judge::{Call, Fired};

/// Everything that the receiver got, in its order; a request that makes no sense is told in a sentence.
pub(crate) fn calls(receiver: &Receiver) -> Result<Vec<Call>, String> {
    let call = |request: &gathering_testkit::Received| {
        let told = request.json();
        let text = |name: &str| told[name].as_str().map(str::to_owned);
        Some(Call {
            schedule: text("schedule")?,
            due: text("due")?.parse().ok()?,
            firing: text("firing")?,
            key: request.idempotency_key()?.to_owned(),
            at: request.received_at,
        })
    };
    let requests = receiver.requests();
    let read = requests
        .iter()
        .map(|request| call(request).ok_or_else(|| format!("a request that no schedule sends: {request:?}")));
    read.collect()
}

/// All firings there are.
pub(crate) async fn fired(database: &TestDatabase) -> Vec<Fired> {
    let sql = "SELECT concat_ws('|', schedule_id, due, id, status, since, missed_count) FROM firings,
               LATERAL (SELECT to_char(due_at AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS.US\"Z\"') AS due,
                               to_char(missed_since AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS.US\"Z\"') AS since) AS texts
               WHERE $1::text IS NOT NULL ORDER BY due_at";
    let rows = database.texts(sql, "").await;
    let rows = rows.unwrap_or_else(|error| panic!("the firings cannot be read: {error}"));
    let read = rows
        .iter()
        .map(|row| read(row).unwrap_or_else(|| panic!("no firing: {row}")));
    read.collect()
}

fn read(row: &str) -> Option<Fired> {
    let mut fields = row.split('|');
    let mut next = || fields.next();
    Some(Fired {
        schedule: next()?.to_owned(),
        due: next()?.parse().ok()?,
        id: next()?.to_owned(),
        status: next()?.to_owned(),
        missed: next()
            .zip(next())
            .and_then(|(since, count)| Some((since.parse().ok()?, count.parse().ok()?))),
    })
}
