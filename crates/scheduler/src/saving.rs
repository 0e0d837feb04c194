//! Saving and reading schedules.

use std::sync::Arc;

use gathering_domain::name::{Name, check_name};
use gathering_domain::schedule::rules::Rules;
use gathering_domain::schedule::{State, Timetable};
use gathering_domain::{Json, ProjectId, ScheduleId};
use gathering_persistence::schedules::{self, ScheduleRow};
use gathering_persistence::{GenericClient, Page, PageRequest, Transaction};
use jiff::Timestamp;
use serde_json::Value;

use crate::shared::rules;
use crate::{Error, NewSchedule, Pause, ScheduleFilter, ScheduleView, Scheduler};

const MAX_REASON: usize = 1_000;

/// Rules that were read, with what they come to.
#[derive(Debug, Clone)]
pub(crate) struct Compiled {
    pub(crate) rules: Rules,
    pub(crate) timetable: Arc<Timetable>,
}

impl Scheduler {
    /// The next due times that rules come to, up to `count` of them, at most 1,000; or everything that is wrong with them.
    pub async fn preview(&self, rules: Json, count: usize) -> Result<Vec<Timestamp>, Error> {
        let now = self.now(&self.shared.connection().await?).await?;
        let compiled = compile(rules, now, Some(now)).await?;
        let times = off_thread(move || compiled.timetable.preview(now, count.min(1_000)));
        Ok(times.await)
    }

    /// Rules as they would be saved, with every policy, whether or not they are due ever again; or everything that is wrong with them.
    pub async fn read_rules(&self, rules: Json) -> Result<Rules, Error> {
        // What an interval counts from does not matter to what is read.
        Ok(compile(rules, Timestamp::UNIX_EPOCH, None).await?.rules)
    }

    /// The time by which it judges what is due.
    pub async fn time(&self) -> Result<Timestamp, Error> {
        self.now(&self.shared.connection().await?).await
    }

    /// An id for a schedule that is to be saved together with what knows it by that.
    pub async fn new_id_in(&self, tx: &Transaction<'_>) -> Result<ScheduleId, Error> {
        Ok(ScheduleId::new(self.now(tx).await?, &*self.shared.entropy))
    }

    /// Saves a schedule.
    pub async fn create(&self, new: NewSchedule) -> Result<ScheduleView, Error> {
        let mut client = self.shared.connection().await?;
        let tx = client.transaction().await.map_err(gathering_persistence::Error::from)?;
        let view = self.create_in(&tx, new).await?;
        tx.commit().await.map_err(gathering_persistence::Error::from)?;
        self.wake();
        Ok(view)
    }

    /// Saves a schedule in the caller's transaction: it is due from the commit on.
    pub async fn create_in(&self, tx: &Transaction<'_>, new: NewSchedule) -> Result<ScheduleView, Error> {
        let now = self.now(tx).await?;
        check_texts(Some(&new.name), new.paused.as_deref())?;
        self.check_payload(&new.payload)?;
        let Compiled { rules, timetable } = compile(new.rules, now, Some(now)).await?;
        let most = self.shared.limits.max_schedules;
        if schedules::count(tx, new.project_id).await? >= most {
            let message = format!("the project has {most} schedules already, which is as many as it may");
            return Err(Error::invalid("project_id", message));
        }
        let pause = new.paused.map(|reason| Pause {
            at: now,
            reason,
            by: new.created_by,
        });
        let state = State {
            paused: pause.is_some(),
            ..State::default()
        };
        let state = state.due_anew(&timetable, now);
        let id = new.id.unwrap_or_else(|| ScheduleId::new(now, &*self.shared.entropy));
        let row = ScheduleRow {
            id,
            project_id: new.project_id,
            name: new.name,
            revision: 1,
            rules: json(&rules),
            payload: new.payload,
            created_by: new.created_by,
            created_at: now,
            updated_at: now,
            pause,
            wake_at: state.wake_at(id, &timetable, now),
            state,
        };
        schedules::insert(tx, &row).await?;
        schedules::announce(tx).await?;
        self.shared.keep_timetable(&row, &timetable);
        Ok(ScheduleView::new(row, Some(rules), Some(&timetable)))
    }

    /// A schedule.
    pub async fn schedule(&self, id: ScheduleId) -> Result<Option<ScheduleView>, Error> {
        let row = schedules::get(&self.shared.connection().await?, id).await?;
        Ok(row.map(|row| self.view(row)))
    }

    /// The schedules of a project, newest first, of which this holds.
    pub async fn schedules(
        &self,
        project: ProjectId,
        filter: &ScheduleFilter,
        page: PageRequest,
    ) -> Result<Page<ScheduleView>, Error> {
        let client = self.shared.connection().await?;
        let Page { items, next } = schedules::list(&client, project, wanted(filter), page).await?;
        Ok(Page {
            items: items.into_iter().map(|row| self.view(row)).collect(),
            next,
        })
    }

    /// The schedules of all projects, newest first, of which this holds.
    pub async fn all_schedules(&self, filter: &ScheduleFilter, page: PageRequest) -> Result<Page<ScheduleView>, Error> {
        let client = self.shared.connection().await?;
        let Page { items, next } = schedules::list_all(&client, wanted(filter), page).await?;
        Ok(Page {
            items: items.into_iter().map(|row| self.view(row)).collect(),
            next,
        })
    }

    /// The due times of a schedule between two moments, at most `most` of them; none while it is paused or over.
    pub async fn due_times(
        &self,
        id: ScheduleId,
        (from, until): (Timestamp, Timestamp),
        most: usize,
    ) -> Result<Vec<Timestamp>, Error> {
        let row = schedules::get(&self.shared.connection().await?, id)
            .await?
            .ok_or(Error::NotFound(id))?;
        let Some((first, timetable)) = row.state.due_at.zip(self.shared.timetable(&row).ok()) else {
            return Ok(Vec::new());
        };
        let work = move || {
            let first = if first >= from {
                Some(first)
            } else {
                timetable.next(from)
            };
            let times = std::iter::successors(first, |due| timetable.next(*due));
            times.take_while(|due| *due < until).take(most).collect()
        };
        Ok(off_thread(work).await)
    }

    pub(crate) fn view(&self, row: ScheduleRow) -> ScheduleView {
        let timetable = self.shared.timetable(&row).ok();
        let rules = rules(&row).ok();
        ScheduleView::new(row, rules, timetable.as_deref())
    }

    /// The time by which everything is judged.
    pub(crate) async fn now(&self, client: &impl GenericClient) -> Result<Timestamp, Error> {
        Ok(schedules::now(client, self.shared.given_now()).await?)
    }

    pub(crate) fn check_payload(&self, payload: &Json) -> Result<(), Error> {
        let (bytes, most) = (payload.text().len(), self.shared.limits.max_payload_bytes);
        if bytes > most {
            let message = format!("it has {bytes} bytes, at most {most} are taken");
            return Err(Error::invalid("payload", message));
        }
        Ok(())
    }
}

/// What a filter asks the database for.
fn wanted(filter: &ScheduleFilter) -> (Option<bool>, Option<&str>) {
    (filter.paused, filter.name.as_ref().map(Name::as_str))
}

/// A name, and why a schedule is paused, which has up to 1,000 characters; as far as they are given.
pub(crate) fn check_texts(name: Option<&str>, reason: Option<&str>) -> Result<(), Error> {
    if let Some(Err(problem)) = name.map(check_name) {
        return Err(Error::invalid("name", problem.to_string()));
    }
    let is_text = |letter: char| !letter.is_control() || matches!(letter, '\n' | '\t');
    let fits = |text: &str| !text.trim().is_empty() && text.chars().count() <= MAX_REASON && text.chars().all(is_text);
    match reason {
        Some(reason) if !fits(reason) => {
            let message =
                format!("must have 1 to {MAX_REASON} characters, and no control characters but new lines and tabs");
            Err(Error::invalid("reason", message))
        }
        Some(_) | None => Ok(()),
    }
}

/// Reads rules off the async threads, because a pattern that is rarely due takes a while; refuses those that are never due after `after`.
pub(crate) async fn compile(rules: Json, anchor: Timestamp, after: Option<Timestamp>) -> Result<Compiled, Error> {
    off_thread(move || {
        let Value::Object(object) = rules.to_value() else {
            return Err(Error::invalid("", "a schedule is an object with the field `kind`"));
        };
        let invalid = |problems| Error::Invalid { problems };
        let rules = Rules::parse(&object).map_err(invalid)?;
        let timetable = rules.timetable(anchor).map_err(invalid)?;
        if let Some(after) = after {
            rules
                .check_fires(anchor, after)
                .map_err(|problem| invalid(vec![problem]))?;
        }
        Ok(Compiled {
            rules,
            timetable: Arc::new(timetable),
        })
    })
    .await
}

pub(crate) fn json(rules: &Rules) -> Json {
    Json::from_value(&Value::Object(rules.to_json()))
}

/// Does `work` on a thread that may be blocked, within the span that this is called in.
async fn off_thread<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
    let span = tracing::Span::current();
    let done = tokio::task::spawn_blocking(move || span.in_scope(work));
    done.await
        .unwrap_or_else(|error| std::panic::resume_unwind(error.into_panic()))
}
