//! What is done with schedules in the database of the server.

use std::fs::File;
use std::io::{self, Read as _};
use std::path::Path;

use gathering::{
    FiringQuery, Json, Name, PageRequest, ProjectId, Schedule, ScheduleOperator, ScheduleStatus, WeekQuery,
};
use serde_json::{Value, json};

use super::command::{FiringsArgs, InDatabase, ValidateArgs, WeekArgs};
use super::print;
use super::print::refused;
use crate::columns::Room;
use crate::database::{Database, patiently};
use crate::failure::Failure;
use crate::settings::Settings;

/// How many schedules are read at once.
const PART: u32 = 200;
/// The most bytes of a file that is checked.
const MAX_FILE: u64 = 1 << 20;

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
            let listed = list(schedules, *project, (*status, name.as_ref())).await?;
            if *json {
                format!("{:#}\n", json!(listed))
            } else {
                print::schedules(&listed, Room::of_stdout())
            }
        }
        InDatabase::Show { id } => format!("{:#}\n", json!(schedules.schedule(*id).await.map_err(refused)?)),
        InDatabase::Validate(args) => return validate(schedules, args).await,
        InDatabase::Pause { id, reason } => {
            let paused = schedules.pause(*id, reason).await.map_err(refused)?;
            let reason = paused.paused.map(|pause| pause.reason).unwrap_or_default();
            format!("{} is paused: {reason}\n", paused.name)
        }
        InDatabase::Resume { id } => {
            let resumed = schedules.resume(*id).await.map_err(refused)?;
            let next = resumed.next_fire_at.map_or_else(
                || "is not due any more".to_owned(),
                |next| format!("fires next at {next}"),
            );
            format!("{} {next}\n", resumed.name)
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
    (status, name): (Option<ScheduleStatus>, Option<&Name>),
) -> Result<Vec<Schedule>, Failure> {
    let mut listed = Vec::new();
    let mut after = None;
    loop {
        let page = PageRequest { limit: PART, after };
        let part = schedules.schedules(project, page).await.map_err(refused)?;
        let wanted = |schedule: &Schedule| {
            status.is_none_or(|status| schedule.status == status)
                && name.is_none_or(|name| schedule.name == name.as_str())
        };
        listed.extend(part.items.into_iter().filter(wanted));
        after = part.next;
        if after.is_none() {
            return Ok(listed);
        }
    }
}

/// Prints what is wrong with the schedule in a file, and its next times.
async fn validate(schedules: &ScheduleOperator, args: &ValidateArgs) -> Result<(), Failure> {
    let (project, definition) = read(&args.file)?;
    let project = args.project.or(project);
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

/// The schedule in a file, and the project that it names.
fn read(path: &Path) -> Result<(Option<ProjectId>, Json), Failure> {
    let system = |source| Failure::System {
        action: "read the file with the schedule",
        source,
    };
    let mut text = String::new();
    if path == Path::new("-") {
        let read = io::stdin().lock().take(MAX_FILE + 1).read_to_string(&mut text);
        read.map_err(system)?;
    } else {
        let file = File::open(path).map_err(system)?;
        file.take(MAX_FILE + 1).read_to_string(&mut text).map_err(system)?;
    }
    let wrong = |message: String| Failure::Refused(format!("{}: {message}", path.display()));
    if text.len() as u64 > MAX_FILE {
        return Err(wrong(format!("it has more than {MAX_FILE} bytes")));
    }
    let mut value: Value = serde_json::from_str(&text).map_err(|error| wrong(format!("it is not JSON: {error}")))?;
    let project = value
        .as_object_mut()
        .and_then(|object| object.shift_remove("project_id"));
    let project = match project {
        None | Some(Value::Null) => None,
        Some(project) => {
            let read = project.as_str().and_then(|id| id.parse().ok());
            Some(read.ok_or_else(|| wrong("project_id: must be a UUID".to_owned()))?)
        }
    };
    Ok((project, Json::from_value(&value)))
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
