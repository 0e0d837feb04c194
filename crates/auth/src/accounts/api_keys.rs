//! API keys: what machines come in with. Shown once, for some things only, and good until a certain day.

use std::time::Duration;

use gathering_domain::name::check_name;
use gathering_domain::policy::{Scope, Scopes};
use gathering_domain::{ApiKeyId, ProjectId};
use gathering_persistence::api_keys::{self, ApiKeyRow, KeyUser};
use gathering_persistence::refresh_tokens::TokenHash;
use gathering_persistence::{Page, PageRequest, users};
use jiff::{SignedDuration, Timestamp};
use quick_cache::sync::Cache;
use secrecy::{ExposeSecret as _, SecretString};
use serde::Serialize;
use tokio::time::Instant;

use super::authenticate::patiently;
use super::revocations::Standing;
use super::sessions::{begin, by, commit};
use super::{Accounts, Client, Credential, Identity};
use crate::Error;
use crate::audit::Action;
use crate::error::FieldProblem;
use crate::tokens::{Kind, Opaque, TokenError};

/// The most keys of one user that may be used.
const MOST_KEYS: i64 = 100;
/// How long a key lasts when nobody says, and how long it may.
const USUAL_LIFETIME: SignedDuration = SignedDuration::from_hours(24 * 90);
const LEAST_LIFETIME: Duration = Duration::from_mins(1);
const LONGEST_LIFETIME: Duration = Duration::from_hours(24 * 366);
/// How much of a key is shown in lists: its prefix, and 36 of its bits.
const HINT: usize = 10;
/// How many keys are remembered, and for how long what was read of one is relied on: shorter than what is read of ended ones reaches back.
const REMEMBERED: usize = 10_000;
const RELIED_ON: Duration = Duration::from_mins(10);

/// A key that somebody wants.
#[derive(Debug, Clone)]
pub struct NewApiKey {
    /// What it shall be called, 1 to 200 characters.
    pub name: String,
    /// What it is for; at least one.
    pub scopes: Vec<Scope>,
    /// The only project that it is for; `None` for all of its user's.
    pub project_id: Option<ProjectId>,
    /// How long it may be used: 1 minute to 366 days; `None` for 90 days.
    pub lifetime: Option<Duration>,
}

/// A key that was made. It cannot be shown again.
#[derive(Debug, Clone)]
pub struct MadeApiKey {
    /// The key itself, for `Authorization: Bearer`.
    pub key: SecretString,
    /// What is known of it.
    pub about: ApiKey,
}

/// A key, as its user sees it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ApiKey {
    /// Its id.
    pub id: ApiKeyId,
    /// What its user calls it.
    pub name: String,
    /// How it begins.
    pub hint: String,
    /// What it is for.
    #[cfg_attr(feature = "openapi", schema(value_type = Vec<Scope>))]
    pub scopes: Scopes,
    /// The only project that it is for; null for all of its user's.
    pub project_id: Option<ProjectId>,
    /// When it was made.
    pub created_at: Timestamp,
    /// Until when it may be used.
    pub expires_at: Timestamp,
    /// When it was used last, to ten minutes; null where it never was.
    pub used_at: Option<Timestamp>,
}

/// The keys that were used here of late.
#[derive(Debug)]
pub(super) struct KeyCache(Cache<TokenHash, (KeyUser, Instant)>);

impl KeyCache {
    pub(super) fn new() -> Self {
        Self(Cache::new(REMEMBERED))
    }

    fn get(&self, hash: &TokenHash, now: Instant) -> Option<KeyUser> {
        let (user, read_at) = self.0.get(hash)?;
        (now.duration_since(read_at) < RELIED_ON).then_some(user)
    }
}

impl Accounts {
    /// Makes a key for the caller. Whether the caller may see `project_id` is for whoever calls to know.
    pub async fn create_api_key(&self, identity: &Identity, new: NewApiKey) -> Result<MadeApiKey, Error> {
        let outcome = self.try_create_api_key(identity, new).await;
        self.noting(outcome, || by(identity, Action::CreateApiKey), &identity.client)
            .await
    }

    async fn try_create_api_key(&self, identity: &Identity, new: NewApiKey) -> Result<MadeApiKey, Error> {
        let now = self.clock.now();
        let secret = Opaque::generate(Kind::ApiKey, &*self.entropy);
        let text = secret.text();
        let row = ApiKeyRow {
            id: ApiKeyId::new(now, &*self.entropy),
            hint: text.expose_secret().chars().take(HINT).collect(),
            ..checked(new, now)?
        };
        let mut connection = self.connection().await?;
        let tx = begin(&mut connection).await?;
        // Whoever disables the user comes before this, or finds the key; and of those who make one at once, each counts those of the others.
        if !users::keep_out_in(&tx, identity.user_id).await? {
            return Err(Error::UnknownUser(identity.user_id));
        }
        self.present_in(&tx, identity).await?;
        if api_keys::count(&tx, identity.user_id, now).await? >= MOST_KEYS {
            return Err(Error::LimitReached {
                what: "API keys of a user",
                most: MOST_KEYS,
            });
        }
        api_keys::insert(&tx, identity.user_id, &row, &secret.hash()).await?;
        let scopes: Vec<_> = row.scopes.iter().map(Scope::as_str).collect();
        let event = by(identity, Action::CreateApiKey)
            .to(&row.id)
            .saying(&scopes.join(", "));
        self.note_in(&tx, event, &identity.client, now).await?;
        commit(tx).await?;
        tracing::info!(user_id = %identity.user_id, api_key_id = %row.id, "API key made");
        Ok(MadeApiKey {
            key: text,
            about: row.into(),
        })
    }

    /// The keys of the caller that may be used, newest first.
    pub async fn api_keys(&self, identity: &Identity, page: PageRequest) -> Result<Page<ApiKey>, Error> {
        let connection = self.connection().await?;
        let found = api_keys::open(&connection, identity.user_id, self.clock.now(), page).await?;
        Ok(Page {
            items: found.items.into_iter().map(ApiKey::from).collect(),
            next: found.next,
        })
    }

    /// A key of the caller that may be used.
    pub async fn api_key(&self, identity: &Identity, id: ApiKeyId) -> Result<Option<ApiKey>, Error> {
        let connection = self.connection().await?;
        let found = api_keys::open_one(&connection, identity.user_id, id, self.clock.now()).await?;
        Ok(found.map(ApiKey::from))
    }

    /// Ends a key of the caller, here at once and everywhere within a moment; `false` if there is no such one of theirs.
    pub async fn end_api_key(&self, identity: &Identity, id: ApiKeyId) -> Result<bool, Error> {
        let mut connection = self.connection().await?;
        let tx = begin(&mut connection).await?;
        let ended = api_keys::end(&tx, identity.user_id, id).await?;
        let event = by(identity, Action::EndApiKey).to(&id).if_done(ended);
        self.note_in(&tx, event, &identity.client, self.clock.now()).await?;
        commit(tx).await?;
        if ended {
            self.revocations.add([id.as_uuid()], Instant::now());
            tracing::info!(user_id = %identity.user_id, api_key_id = %id, "API key ended");
        }
        Ok(ended)
    }

    pub(super) async fn authenticate_key(&self, text: &str) -> Result<Identity, Error> {
        let secret = Opaque::parse(Kind::ApiKey, text).ok_or(TokenError::Malformed)?;
        let hash = secret.hash();
        if let Some(user) = self.api_key_cache.get(&hash, Instant::now()) {
            match self.revocations.standing(user.id.as_uuid(), Instant::now()) {
                Standing::Open if user.expires_at > self.clock.now() => return Ok(user.into()),
                Standing::Ended => return Err(TokenError::Revoked.into()),
                Standing::Open | Standing::Unknown => {}
            }
        }
        let read_at = Instant::now();
        let user = patiently(async {
            let connection = self.connection().await?;
            Ok(api_keys::use_key(&connection, &hash, self.clock.now()).await?)
        });
        // Whether it never was one, is over or was ended is told to nobody who merely tries.
        let user = user.await?.ok_or(TokenError::Revoked)?;
        self.api_key_cache.0.insert(hash, (user.clone(), read_at));
        Ok(user.into())
    }
}

/// All broken rules at once, or the row; its id and hint are yet to come.
fn checked(new: NewApiKey, now: Timestamp) -> Result<ApiKeyRow, Error> {
    let mut problems = Vec::new();
    let name = new.name.trim();
    if let Err(problem) = check_name(name) {
        let message = format!("A key's name {problem}.");
        problems.push(FieldProblem::new("name", "invalid_value", message));
    }
    let scopes: Scopes = new.scopes.into_iter().collect();
    if scopes.is_empty() {
        let message = "A key is for at least one of read, run, write and admin.";
        problems.push(FieldProblem::new("scopes", "missing", message));
    }
    let lifetime = match new.lifetime {
        None => USUAL_LIFETIME,
        Some(wanted) => {
            if !(LEAST_LIFETIME..=LONGEST_LIFETIME).contains(&wanted) {
                let message = "A key lasts 1 minute to 366 days.";
                problems.push(FieldProblem::new("expires_in", "invalid_value", message));
            }
            SignedDuration::try_from(wanted).unwrap_or(USUAL_LIFETIME)
        }
    };
    if !problems.is_empty() {
        return Err(Error::Invalid { problems });
    }
    Ok(ApiKeyRow {
        id: uuid::Uuid::nil().into(),
        name: name.to_owned(),
        hint: String::new(),
        scopes,
        project_id: new.project_id,
        created_at: now,
        expires_at: now.saturating_add(lifetime).unwrap_or(Timestamp::MAX),
        used_at: None,
    })
}

impl From<ApiKeyRow> for ApiKey {
    fn from(row: ApiKeyRow) -> Self {
        Self {
            id: row.id,
            name: row.name,
            hint: row.hint,
            scopes: row.scopes,
            project_id: row.project_id,
            created_at: row.created_at,
            expires_at: row.expires_at,
            used_at: row.used_at,
        }
    }
}

impl From<KeyUser> for Identity {
    fn from(user: KeyUser) -> Self {
        Self {
            user_id: user.user_id,
            email: user.email,
            role: user.role,
            default_project_id: user.default_project_id,
            credential: Credential::ApiKey {
                id: user.id,
                scopes: user.scopes,
                project_id: user.project_id,
            },
            expires_at: user.expires_at,
            client: Client::default(),
        }
    }
}
