//! What is done with schedules in the database of the server.

use gathering::{
    FiringQuery, Name, PageRequest, ProjectId, Schedule, ScheduleFilter, ScheduleOperator, ScheduleStatus, WeekQuery,
};
use serde_json::json;

use super::change::change;
use super::command::{FiringsArgs, InDatabase, ValidateArgs, WeekArgs};
use super::print;
use super::print::refused;
use super::written::Written;
use crate::columns::{Room, shown};
use crate::database::{Database, patiently};
use crate::failure::Failure;
use crate::settings::Settings;

/// How many schedules are read at once.
const PART: u32 = 200;

/// Does what the command says, and prints what came of it.
pub(crate) async fn run(settings: &Settings, command: InDatabase) -> Result<(), Failure> {
    let database = Database::open_existing(settings).await?;
    let done = match database.gathering(Failure::Start).await {
        Ok(gathering) => {
            let schedules = gathering.schedules_as_operator();
            if command.may_be_repeated() {
                patiently(async || work(&schedules, &command).await).await
            } else {
                work(&schedules, &command).await
            }
        }
        Err(failure) => Err(failure),
    };
    database.close().await;
    done
}

async fn work(schedules: &ScheduleOperator, command: &InDatabase) -> Result<(), Failure> {
    let text = match command {
        InDatabase::List {
            project,
            status,
            name,
            json,
        } => {
            let listed = list(schedules, *project, (*status, name.clone())).await?;
            if *json {
                format!("{:#}\n", json!(listed))
            } else {
                print::schedules(&listed, Room::of_stdout())
            }
        }
        InDatabase::Show { id } => format!("{:#}\n", json!(schedules.schedule(*id).await.map_err(refused)?)),
        InDatabase::Validate(args) => return validate(schedules, args).await,
        InDatabase::Change(asked) => return change(schedules, asked).await,
        InDatabase::Pause { id, reason } => {
            let paused = schedules.pause(*id, reason).await.map_err(refused)?;
            let reason = paused.paused.map(|pause| pause.reason).unwrap_or_default();
            format!("{} is paused: {}\n", shown(&paused.name), shown(&reason))
        }
        InDatabase::Resume { id } => {
            let resumed = schedules.resume(*id).await.map_err(refused)?;
            let next = resumed.next_fire_at.map_or_else(
                || "is not due any more".to_owned(),
                |next| format!("fires next at {next}"),
            );
            format!("{} {next}\n", shown(&resumed.name))
        }
        InDatabase::Trigger { id } => {
            let firing = schedules.trigger(*id).await.map_err(refused)?;
            print::waits(schedules.why(*id).await);
            format!("{}\n", firing.id)
        }
        InDatabase::Backfill { id, from, until } => {
            let backfill = schedules.backfill(*id, (*from, *until)).await.map_err(refused)?;
            if !backfill.due_times.is_empty() {
                print::waits(schedules.why(*id).await);
            }
            let (fire, fired) = (backfill.due_times.len(), backfill.already_fired);
            format!("{fire} due times fire; {fired} had fired already\n")
        }
        InDatabase::Firings(args) => firings(schedules, args).await?,
        InDatabase::Why { id, json } => {
            let why = schedules.why(*id).await.map_err(refused)?;
            if *json {
                format!("{:#}\n", json!(why))
            } else {
                print::why(&why)
            }
        }
        InDatabase::Week(args) => return week(schedules, args).await,
    };
    print::say(&text)
}

async fn list(
    schedules: &ScheduleOperator,
    project: Option<ProjectId>,
    (status, name): (Option<ScheduleStatus>, Option<Name>),
) -> Result<Vec<Schedule>, Failure> {
    let filter = ScheduleFilter {
        paused: status.map(|status| status == ScheduleStatus::Paused),
        name,
    };
    let mut listed = Vec::new();
    let mut after = None;
    loop {
        let page = PageRequest { limit: PART, after };
        let part = schedules.schedules(project, &filter, page).await.map_err(refused)?;
        // Whether a schedule is over only its rules can tell.
        let wanted = |schedule: &Schedule| status.is_none_or(|status| schedule.status == status);
        listed.extend(part.items.into_iter().filter(wanted));
        after = part.next;
        if after.is_none() {
            return Ok(listed);
        }
    }
}

/// Prints what is wrong with the schedule in a file, and its next times.
async fn validate(schedules: &ScheduleOperator, args: &ValidateArgs) -> Result<(), Failure> {
    let mut written = Written::read(&args.file)?;
    let project = written.take_project()?;
    let (project, definition) = (args.project.or(project), written.definition());
    let check = schedules.validate(project, definition).await.map_err(refused)?;
    print::say(&if args.json {
        format!("{:#}\n", json!(check))
    } else {
        print::check(&check)
    })?;
    if check.valid {
        return Ok(());
    }
    let count = check.problems.len();
    let plural = if count == 1 { "" } else { "s" };
    Err(Failure::Refused(format!(
        "the schedule could not be saved: {count} problem{plural}"
    )))
}

async fn firings(schedules: &ScheduleOperator, args: &FiringsArgs) -> Result<String, Failure> {
    let query = FiringQuery {
        status: args.status,
        before: None,
        limit: args.number,
    };
    let page = schedules.firings(args.id, query).await.map_err(refused)?;
    Ok(if args.json {
        format!("{:#}\n", json!(page.items))
    } else {
        print::firings(&page.items)
    })
}

/// Draws the week, on the terminal or into a file.
async fn week(schedules: &ScheduleOperator, args: &WeekArgs) -> Result<(), Failure> {
    let query = WeekQuery {
        project_id: args.project,
        schedule_id: args.id,
        from: args.from,
        timezone: args.timezone.clone(),
    };
    let week = schedules.week(query).await.map_err(refused)?;
    match &args.svg {
        None => print::say(&week.to_text(usize::from(args.width))),
        Some(path) => std::fs::write(path, week.to_svg()).map_err(|source| Failure::System {
            action: "write the picture",
            source,
        }),
    }
}
