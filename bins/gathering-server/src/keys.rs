//! `gathering keys`: the keys that sign access tokens are listed, followed by the next one, and refused.

use std::io::Write as _;

use gathering::{Gathering, Inspector, SigningKey};

use crate::cli::KeysCommand;
use crate::columns::aligned;
use crate::database::{Database, patiently};
use crate::failure::Failure;
use crate::settings::Settings;

/// Does it, and prints what came of it.
pub(crate) async fn run(settings: &Settings, command: KeysCommand) -> Result<(), Failure> {
    let text = match command {
        KeysCommand::List { json } => list(settings, json).await?,
        KeysCommand::Rotate { now } => change(settings, async |gathering| rotate(gathering, now).await).await?,
        KeysCommand::Retire { kid } => change(settings, async |gathering| retire(gathering, &kid).await).await?,
    };
    let printed = std::io::stdout().write_all(text.as_bytes());
    printed.map_err(|source| Failure::System {
        action: "write to standard output",
        source,
    })
}

async fn list(settings: &Settings, json: bool) -> Result<String, Failure> {
    let database = Database::open_unchanged(settings).await?;
    let inspector = Inspector::new(database.pool.clone());
    let keys = patiently(async || inspector.signing_keys().await.map_err(Failure::Keys)).await;
    database.close().await;
    let keys = keys?;
    Ok(if json {
        format!("{:#}\n", serde_json::json!(keys))
    } else {
        table(&keys)
    })
}

/// Works on a database of this release, which it brings up to it if need be, as a server does.
async fn change(
    settings: &Settings,
    work: impl AsyncFnOnce(&Gathering) -> Result<String, gathering::Error>,
) -> Result<String, Failure> {
    let (database, _) = Database::open(settings).await?;
    let worked = match database.gathering(Failure::Keys).await {
        Ok(gathering) => work(&gathering).await.map_err(Failure::Keys),
        Err(failure) => Err(failure),
    };
    database.close().await;
    worked
}

async fn rotate(gathering: &Gathering, now: bool) -> Result<String, gathering::Error> {
    let rotated = gathering.rotate_keys(now).await?;
    let made = if rotated.is_new { "is made" } else { "was waiting" };
    let signs = if now {
        "signs from now on; whoever checks tokens by the published keys may refuse its tokens for five minutes"
            .to_owned()
    } else {
        format!("is published, and signs from {}", whole_seconds(rotated.signs_from))
    };
    Ok(format!("{} {made}: it {signs}\n", rotated.kid))
}

async fn retire(gathering: &Gathering, kid: &str) -> Result<String, gathering::Error> {
    Ok(if gathering.retire_key(kid).await? {
        format!(
            "{kid} is retired: its tokens are refused, on every instance at once, or within three seconds where it cannot be told\n"
        )
    } else {
        format!("{kid} was retired before\n")
    })
}

/// As aligned columns.
fn table(keys: &[SigningKey]) -> String {
    let mut rows = vec![["KID", "CREATED", "SIGNS SINCE", "STATE"].map(str::to_owned)];
    rows.extend(keys.iter().map(|key| {
        let (created, signs) = (whole_seconds(key.created_at), whole_seconds(key.signs_from));
        [key.kid.clone(), created, signs, key.state.to_owned()]
    }));
    aligned(&rows)
}

fn whole_seconds(at: jiff::Timestamp) -> String {
    format!("{at:.0}")
}
