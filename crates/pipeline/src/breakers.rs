//! Circuit breakers as others see them, and how they are closed by hand.

use std::time::Duration;

use gathering_domain::breaker::{BreakerEvent, BreakerRules, BreakerState, BreakerStatus, Threshold};
use gathering_domain::duration::format_duration;
use gathering_domain::{BreakerId, InstanceId, Json, ProjectId, UserId};
use gathering_persistence::breaker_changes::{self, BreakerChange as ChangeRow};
use gathering_persistence::breakers::{self, BreakerRow, BreakerWrite, ChangedBy, StatusChange};
use gathering_persistence::{Page, PageRequest};
use jiff::Timestamp;
use serde::Serialize;
use serde_json::json;

use crate::{Engine, Error};

/// The most runs that one statement wakes.
const MAX_WOKEN: i64 = 1_000;

/// A circuit breaker.
#[derive(Debug, Clone, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct BreakerSummary {
    /// Its id.
    pub id: BreakerId,
    /// The project whose runs it counts.
    pub project_id: ProjectId,
    /// What it counts: `handler:NAME`, `type:NAME`, `host:HOST:PORT` or `name:NAME`.
    pub key: String,
    /// How it stands; half-open, the next call, or the one under way, decides.
    pub status: BreakerStatus,
    /// Failures within the window; 0 unless it is closed.
    pub failures: u64,
    /// Successes within the window, where a rate is asked for.
    pub successes: u64,
    /// Until when it is open.
    pub open_until: Option<Timestamp>,
    /// How often in a row it opened.
    pub opened: u32,
    /// Whether a probe is under way.
    pub probing: bool,
    /// The rules of the node that counted last.
    #[cfg_attr(feature = "openapi", schema(value_type = Option<Object>))]
    pub rules: Option<Json>,
    /// When it first counted.
    pub created_at: Timestamp,
    /// When it last counted or changed.
    pub updated_at: Timestamp,
}

/// A circuit breaker, with what happened to it of late.
#[derive(Debug, Clone, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct BreakerView {
    /// Itself.
    #[serde(flatten)]
    pub summary: BreakerSummary,
    /// The last changes, newest first; at most 50 are kept.
    pub changes: Vec<BreakerChange>,
}

/// A change of a circuit breaker.
#[derive(Debug, Clone, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct BreakerChange {
    /// Its number, rising over all breakers.
    pub id: i64,
    /// When.
    pub at: Timestamp,
    /// The status before.
    pub from: String,
    /// The status since.
    pub to: String,
    /// `threshold_reached`, `probe_started`, `probe_succeeded`, `probe_failed`, `probe_freed` (given up), `probe_lost` (its instance died)
    /// or `reset`.
    pub reason: String,
    /// Until when it is open, where it opened.
    pub open_until: Option<Timestamp>,
    /// The instance that decided it.
    pub instance_id: Option<InstanceId>,
    /// Who did it, where it was a person.
    pub user_id: Option<UserId>,
}

impl Engine {
    /// The breakers of a project that have counted something of late, newest first; only those with this status, if one is given.
    pub async fn breakers(
        &self,
        project: ProjectId,
        status: Option<BreakerStatus>,
        page: PageRequest,
    ) -> Result<Page<BreakerSummary>, Error> {
        let client = self.shared.connection().await?;
        let Page { items, next } = breakers::list(&client, project, status, page).await?;
        Ok(Page {
            items: items.into_iter().map(Into::into).collect(),
            next,
        })
    }

    /// A breaker with its last changes; `None` when there is none, or it was not used for so long that it is forgotten.
    pub async fn breaker(&self, id: BreakerId) -> Result<Option<BreakerView>, Error> {
        let client = self.shared.connection().await?;
        let Some(row) = breakers::get(&client, id).await? else {
            return Ok(None);
        };
        let changes = breaker_changes::of_breaker(&client, id).await?;
        Ok(Some(BreakerView {
            summary: row.into(),
            changes: changes.into_iter().map(Into::into).collect(),
        }))
    }

    /// Closes a breaker at once and forgets what it counted; `None` when there is no such breaker. Doing it again changes nothing.
    ///
    /// Every instance lets calls through again within [`Limits::poll_interval`](crate::Limits::poll_interval), and the runs that wait
    /// for it are made due.
    pub async fn reset_breaker(&self, id: BreakerId, by: Option<UserId>) -> Result<Option<BreakerView>, Error> {
        let mut client = self.shared.connection().await?;
        let transaction = client.transaction().await.map_err(gathering_persistence::Error::from)?;
        let Some(row) = breakers::lock_one(&transaction, id).await? else {
            return Ok(None);
        };
        let write = written(&row, [BreakerEvent::Reset]);
        let by = ChangedBy {
            instance_id: self.instance_id(),
            user_id: by,
        };
        breakers::write(&transaction, write.as_slice(), by).await?;
        transaction.commit().await.map_err(gathering_persistence::Error::from)?;
        write.iter().for_each(log);
        // As many as one statement may; instances that know the breaker wake the rest.
        breakers::wake_held(&client, &[(id, Duration::ZERO)], MAX_WOKEN).await?;
        drop(client);
        self.wake();
        self.breaker(id).await
    }
}

/// A breaker after what happened to it, one after the other, if that changes anything.
pub(crate) fn written(row: &BreakerRow, events: impl IntoIterator<Item = BreakerEvent>) -> Option<BreakerWrite> {
    let mut write = BreakerWrite {
        row: row.clone(),
        changes: Vec::new(),
    };
    for event in events {
        // Whoever asks for a right that lapsed finds it lost, and that is to be seen.
        if let BreakerEvent::ProbeAsked { probe } = &event
            && let Some(id) = write.row.state.lapsed(row.now).filter(|id| *id != probe.id)
        {
            happens(&mut write, &BreakerEvent::ProbeLost { id });
        }
        happens(&mut write, &event);
    }
    (write.row.state != row.state).then_some(write)
}

fn happens(write: &mut BreakerWrite, event: &BreakerEvent) {
    let row = &mut write.row;
    let after = row.state.after(event, row.now);
    let (from, to) = (row.state.status(), after.status());
    if from != to {
        let open_until = if let BreakerState::Open { until, .. } = &after {
            Some(*until)
        } else {
            None
        };
        let reason = event.reason();
        write.changes.push(StatusChange {
            reason,
            from,
            to,
            open_until,
        });
    }
    if let BreakerEvent::Counted { rules, .. } | BreakerEvent::ProbeFailed { rules, .. } = event {
        row.rules = Some(rules_json(rules));
        row.window = rules.window;
    }
    row.state = after;
}

/// A line for each change of status: there is no other event of it yet.
pub(crate) fn log(write: &BreakerWrite) {
    for change in &write.changes {
        tell(&write.row, change, 1);
    }
}

/// A line for a change of status, the last of so many that were not told.
pub(crate) fn tell(row: &BreakerRow, change: &StatusChange, changes: u32) {
    tracing::warn!(
        breaker_id = %row.id,
        project_id = %row.key.project_id,
        key = row.key.key,
        from = change.from.as_str(),
        to = change.to.as_str(),
        reason = change.reason,
        changes,
        "a circuit breaker changed"
    );
}

/// The rules as they would stand in a definition.
pub(crate) fn rules_json(rules: &BreakerRules) -> Json {
    let mut json = json!({
        "window": format_duration(rules.window),
        "open": format_duration(rules.open),
        "multiplier": rules.multiplier,
        "max_open": format_duration(rules.max_open),
    });
    match rules.threshold {
        Threshold::Failures(failures) => json["failures"] = failures.into(),
        Threshold::Rate { rate, minimum } => {
            json["rate"] = rate.into();
            json["minimum"] = minimum.into();
        }
    }
    Json::from_value(&json)
}

impl From<BreakerRow> for BreakerSummary {
    fn from(row: BreakerRow) -> Self {
        let (mut failures, mut successes, mut opened) = (0, 0, 0);
        let (mut open_until, mut status) = (None, row.state.status());
        match &row.state {
            BreakerState::Closed { counts } => (failures, successes) = counts.within(row.window, row.now),
            BreakerState::Open { until, times } => {
                (open_until, opened) = (Some(*until), *times);
                if *until <= row.now {
                    status = BreakerStatus::HalfOpen;
                }
            }
            BreakerState::HalfOpen { times, .. } => opened = *times,
        }
        Self {
            id: row.id,
            project_id: row.key.project_id,
            key: row.key.key,
            status,
            failures,
            successes,
            open_until,
            opened,
            probing: matches!(row.state, BreakerState::HalfOpen { .. }),
            rules: row.rules,
            created_at: row.created_at,
            updated_at: row.updated_at,
        }
    }
}

impl From<ChangeRow> for BreakerChange {
    fn from(row: ChangeRow) -> Self {
        Self {
            id: row.id,
            at: row.at,
            from: row.from_status,
            to: row.to_status,
            reason: row.reason,
            open_until: row.open_until,
            instance_id: row.instance_id,
            user_id: row.user_id,
        }
    }
}
