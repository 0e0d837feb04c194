//! `gathering schedules create`, `update` and `delete`: what a schedule is, from a file.

use gathering::{ProjectId, Schedule, ScheduleOperator};
use serde_json::json;

use super::command::{Change, CreateArgs, UpdateArgs};
use super::print::{self, refused};
use super::written::Written;
use crate::failure::Failure;
use crate::http::TOLD_OF_SCHEDULES;

/// Does what the command says, and prints what came of it.
pub(super) async fn change(schedules: &ScheduleOperator, change: &Change) -> Result<(), Failure> {
    match change {
        Change::Create(args) => create(schedules, args).await,
        Change::Update(args) => update(schedules, args).await,
        Change::Delete { id, revision } => {
            schedules.delete(*id, *revision).await.map_err(refused)?;
            print::say(&format!("{id} is deleted\n"))
        }
    }
}

async fn create(schedules: &ScheduleOperator, args: &CreateArgs) -> Result<(), Failure> {
    let mut written = Written::read(&args.file)?;
    let project = project_of(args.project, written.take_project()?)?;
    let created = schedules.create(project, &written.definition()).await;
    saved(schedules, &created.map_err(refused)?).await
}

async fn update(schedules: &ScheduleOperator, args: &UpdateArgs) -> Result<(), Failure> {
    let mut written = Written::read(&args.file)?;
    // What `show` prints may be sent back with one field changed, as what `GET` answers.
    for told in TOLD_OF_SCHEDULES {
        drop(written.take(told));
    }
    let updated = schedules.update(args.id, &written.definition(), args.revision).await;
    saved(schedules, &updated.map_err(refused)?).await
}

/// The one project that is named. Over HTTP it could be left out, but nobody's own one is meant here.
fn project_of(typed: Option<ProjectId>, written: Option<ProjectId>) -> Result<ProjectId, Failure> {
    match (typed, written) {
        (Some(typed), Some(written)) if typed != written => Err(Failure::Usage(format!(
            "--project is {typed}, but project_id in the file is {written}; leave one of them out"
        ))),
        (None, None) => Err(Failure::Usage(
            "in which project it is to live is not said; say so with --project ID, or with project_id in the file"
                .to_owned(),
        )),
        (Some(project), _) | (None, Some(project)) => Ok(project),
    }
}

/// Prints a schedule that was saved, and says so where it would fire but no server is at work.
async fn saved(schedules: &ScheduleOperator, schedule: &Schedule) -> Result<(), Failure> {
    print::say(&format!("{:#}\n", json!(schedule)))?;
    if schedule.paused.is_none() && schedule.next_fire_at.is_some() {
        print::waits(schedules.why(schedule.id).await);
    }
    Ok(())
}
