//! The limits on how often somebody may ask, alone or together with all instances on the database.

use gathering::database;

use crate::failure::Failure;
use crate::http::limits::{Limits, Shared};
use crate::settings::Settings;

/// `None` where nobody is held to any.
pub(super) async fn start(settings: &Settings, pool: &database::Pool) -> Result<Option<Limits>, Failure> {
    let Some(rates) = &settings.rate_limits else {
        return Ok(None);
    };
    let shared = match &settings.redis {
        Some(redis) => {
            let mark = database::mark(pool).await.map_err(Failure::Database)?;
            Some(Shared::start(redis.clone(), &mark).await)
        }
        None => None,
    };
    Ok(Some(Limits::new(rates, shared)))
}
