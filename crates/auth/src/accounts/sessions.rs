//! Sessions: what a login opens, a refresh keeps going, and a logout ends.

use gathering_domain::SessionId;
use gathering_domain::refresh::{PresentedToken, Verdict};
use gathering_persistence::refresh_tokens::{self, LockedToken};
use gathering_persistence::sessions::{self, EndReason, NewSession, SessionUser};
use gathering_persistence::users::{self, Credentials};
use gathering_persistence::{Page, PageRequest, Transaction};
use jiff::Timestamp;
use secrecy::{ExposeSecret as _, SecretString};
use serde::Serialize;
use tokio::time::Instant;

use super::second_factor::{Passed, pass_in};
use super::{Accounts, Identity, IssuedTokens};
use crate::Error;
use crate::audit::{Action, Event, note_in};
use crate::tokens::{RefreshToken, Subject, sign};

/// The most open sessions of one user; with one more, the one that was used least lately ends.
const MOST_SESSIONS: i64 = 100;
/// The most characters of a client's name and address that are kept.
const MAX_CLIENT: usize = 200;
const MAX_ADDRESS: usize = 64;

/// Who asks, for the user to recognise the session by, and for the audit.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Client {
    /// What it calls itself, as in `User-Agent`; the first 200 characters are kept.
    pub name: Option<String>,
    /// Where it comes from.
    pub address: Option<String>,
    /// The id of its request, for the audit.
    pub request_id: Option<String>,
}

/// A session, as its user sees it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Session {
    /// Its id: the `sid` of its access tokens.
    pub id: SessionId,
    /// Whether it is the one that asks.
    pub current: bool,
    /// When it was opened.
    pub created_at: Timestamp,
    /// When it was last logged in with or refreshed.
    pub used_at: Timestamp,
    /// When it is over in any case.
    pub expires_at: Timestamp,
    /// What the client called itself.
    pub client: Option<String>,
    /// Where it came from.
    pub address: Option<String>,
}

impl Accounts {
    /// Opens a session for a user who has shown the password; `None` if it is not the password any more, or the user may not come in.
    pub(super) async fn open_session(
        &self,
        user: &Credentials,
        code: Option<&SecretString>,
        client: &Client,
    ) -> Result<Option<IssuedTokens>, Error> {
        let (now, token) = (self.clock.now(), RefreshToken::generate(&*self.entropy));
        let mut seed = [0; 32];
        self.entropy.fill(&mut seed);
        let kept = |text: &Option<String>, most| text.as_deref().and_then(|text| printable(text, most));
        let (name, address) = (kept(&client.name, MAX_CLIENT), kept(&client.address, MAX_ADDRESS));
        let session = NewSession {
            id: SessionId::new(now, &*self.entropy),
            user_id: user.id,
            created_at: now,
            expires_at: now.saturating_add(self.session_lifetime).unwrap_or(Timestamp::MAX),
            client: name.as_deref(),
            address: address.as_deref(),
            seed: &seed,
        };
        let mut connection = self.connection().await?;
        let tx = begin(&mut connection).await?;
        let Some(role) = users::lock_admission_in(&tx, user.id, &user.password_hash).await? else {
            return Ok(None);
        };
        let passed = match pass_in(&tx, user.id, code, now).await? {
            Ok(passed) => passed,
            Err(refused) => {
                let event = Event::failed(Action::Login).by(user.id, None).to(&user.email);
                let event = event.saying(&format_args!("right password, {}", refused.reason()));
                self.note_in(&tx, event, client, now).await?;
                commit(tx).await?;
                return Err(refused.into());
            }
        };
        sessions::insert(&tx, &session).await?;
        refresh_tokens::insert(&tx, &token.hash(), session.id, now).await?;
        let surplus = sessions::end_surplus(&tx, user.id, MOST_SESSIONS).await?;
        let done = |action| Event::done(action).by(user.id, session.id);
        self.note_in(&tx, done(Action::Login), client, now).await?;
        if let Passed::ByRecoveryCode { left } = passed {
            let event = done(Action::RecoveryCodeUsed).saying(&format_args!("{left} left"));
            self.note_in(&tx, event, client, now).await?;
        }
        for ended in &surplus {
            let event = done(Action::EndSession).to(ended).saying("too many were open");
            self.note_in(&tx, event, client, now).await?;
        }
        commit(tx).await?;
        self.revocations
            .add(surplus.into_iter().map(SessionId::as_uuid), Instant::now());
        tracing::info!(user_id = %user.id, session_id = %session.id, "logged in");
        let user = SessionUser {
            user_id: user.id,
            email: user.email.clone(),
            role,
            default_project_id: user.default_project_id,
        };
        self.issue(user, session.id, &token).map(Some)
    }

    /// Exchanges a refresh token for the next one, and a new access token of the same session.
    ///
    /// A token is good for one exchange. The last one may be presented once more for ten seconds, as when the answer was lost, and gives the same
    /// successor; whoever presents one that was exchanged before that ends the session, because two parties have it.
    pub async fn refresh(&self, token: SecretString, client: &Client) -> Result<IssuedTokens, Error> {
        let refreshed = self.try_refresh(token, client).await;
        if matches!(refreshed, Err(Error::InvalidRefreshToken)) {
            self.note(Event::failed(Action::Refresh), client).await?;
        }
        refreshed
    }

    async fn try_refresh(&self, token: SecretString, client: &Client) -> Result<IssuedTokens, Error> {
        let token = RefreshToken::parse(token.expose_secret()).ok_or(Error::InvalidRefreshToken)?;
        let now = self.clock.now();
        let mut connection = self.connection().await?;
        let tx = begin(&mut connection).await?;
        let locked = refresh_tokens::lock_in(&tx, &token.hash()).await?;
        let locked = locked.ok_or(Error::InvalidRefreshToken)?;
        let (session, successor) = (locked.session_id, token.successor(&locked.seed));
        match judge(&tx, &locked, &successor, now).await? {
            Verdict::Exchange => {
                refresh_tokens::use_up(&tx, &token.hash(), now).await?;
                refresh_tokens::insert(&tx, &successor.hash(), session, now).await?;
                sessions::refreshed(&tx, session, now).await?;
            }
            Verdict::Repeat => {}
            Verdict::Reused => {
                sessions::end_any(&tx, session, EndReason::TokenReused).await?;
                let event = Event::done(Action::ReuseRefreshToken).to(&session);
                self.note_in(&tx, event.saying("its session is ended"), client, now)
                    .await?;
                commit(tx).await?;
                self.revocations.add([session.as_uuid()], Instant::now());
                tracing::warn!(session_id = %session, "a refresh token was used again: its session is ended, because two parties have it");
                return Err(Error::InvalidRefreshToken);
            }
            Verdict::Over => return Err(Error::InvalidRefreshToken),
        }
        let user = sessions::user(&tx, session, now).await?;
        let user = user.ok_or(Error::InvalidRefreshToken)?;
        self.note_in(&tx, Event::done(Action::Refresh).by(user.user_id, session), client, now)
            .await?;
        commit(tx).await?;
        self.issue(user, session, &successor)
    }

    /// Writes an event as the last thing of a transaction, which commits next.
    pub(crate) async fn note_in(
        &self,
        tx: &Transaction<'_>,
        event: Event,
        client: &Client,
        at: Timestamp,
    ) -> Result<(), Error> {
        note_in(tx, event, client, at).await?;
        self.counters.audit_rows.one();
        Ok(())
    }

    /// Writes an event that nothing else is written with.
    pub(crate) async fn note(&self, event: Event, client: &Client) -> Result<(), Error> {
        let mut connection = self.connection().await?;
        let tx = begin(&mut connection).await?;
        self.note_in(&tx, event, client, self.clock.now()).await?;
        commit(tx).await
    }

    fn issue(&self, user: SessionUser, session_id: SessionId, refresh: &RefreshToken) -> Result<IssuedTokens, Error> {
        let subject = Subject {
            user_id: user.user_id,
            session_id,
            email: user.email,
            role: user.role,
            default_project_id: user.default_project_id,
        };
        let now = self.clock.now();
        let claims = self.rules.claims(subject, now, &*self.entropy);
        Ok(IssuedTokens {
            access_token: sign(&self.keys.keys(), &claims, now)?,
            token_type: "Bearer",
            expires_in: self.rules.lifetime().unsigned_abs().as_secs(),
            refresh_token: refresh.text(),
        })
    }

    /// The open sessions of the caller, newest first.
    pub async fn sessions(&self, identity: &Identity, page: PageRequest) -> Result<Page<Session>, Error> {
        let connection = self.connection().await?;
        let Page { items, next } = sessions::open(&connection, identity.user_id, self.clock.now(), page).await?;
        let items = items.into_iter().map(|row| Session {
            current: Some(row.id) == identity.session_id(),
            id: row.id,
            created_at: row.created_at,
            used_at: row.used_at,
            expires_at: row.expires_at,
            client: row.client,
            address: row.address,
        });
        Ok(Page {
            items: items.collect(),
            next,
        })
    }

    /// Ends the caller's own session: its access and refresh tokens count no more, here at once and everywhere within a moment.
    pub async fn logout(&self, identity: &Identity) -> Result<(), Error> {
        let session = identity.session_id().ok_or(Error::LoginNeeded)?;
        self.end(identity, session, EndReason::Logout, Action::Logout).await?;
        Ok(())
    }

    /// Ends all sessions of the caller, this one included. Gives how many.
    pub async fn logout_everywhere(&self, identity: &Identity) -> Result<usize, Error> {
        let mut connection = self.connection().await?;
        let tx = begin(&mut connection).await?;
        let ended = sessions::end_all(&tx, identity.user_id, None, EndReason::Logout).await?;
        let event = by(identity, Action::LogoutEverywhere).saying(&format_args!("{} sessions", ended.len()));
        self.note_in(&tx, event, &identity.client, self.clock.now()).await?;
        commit(tx).await?;
        tracing::info!(user_id = %identity.user_id, sessions = ended.len(), "logged out everywhere");
        let count = ended.len();
        self.revocations
            .add(ended.into_iter().map(SessionId::as_uuid), Instant::now());
        Ok(count)
    }

    /// Ends one of the caller's sessions; `false` if there is no such open one of theirs.
    pub async fn end_session(&self, identity: &Identity, session: SessionId) -> Result<bool, Error> {
        self.end(identity, session, EndReason::Ended, Action::EndSession).await
    }

    async fn end(
        &self,
        identity: &Identity,
        session: SessionId,
        reason: EndReason,
        action: Action,
    ) -> Result<bool, Error> {
        let mut connection = self.connection().await?;
        let tx = begin(&mut connection).await?;
        let ended = sessions::end(&tx, identity.user_id, session, reason).await?;
        let event = by(identity, action).to(&session).if_done(ended);
        self.note_in(&tx, event, &identity.client, self.clock.now()).await?;
        commit(tx).await?;
        if ended {
            self.revocations.add([session.as_uuid()], Instant::now());
            tracing::info!(user_id = %identity.user_id, session_id = %session, ?reason, "session ended");
        }
        Ok(ended)
    }
}

async fn judge(
    tx: &Transaction<'_>,
    locked: &LockedToken,
    successor: &RefreshToken,
    now: Timestamp,
) -> Result<Verdict, Error> {
    let successor_is_used = locked.used_at.is_some() && refresh_tokens::is_used(tx, &successor.hash()).await?;
    let presented = PresentedToken {
        is_ended: locked.ended_at.is_some(),
        expires_at: locked.expires_at,
        used_at: locked.used_at,
        successor_is_used,
    };
    Ok(presented.judge(now))
}

/// Something that the caller did.
pub(super) fn by(identity: &Identity, action: Action) -> Event {
    Event::done(action).by(identity.user_id, identity.credential.in_audit())
}

/// What can be shown of what a client says of itself; `None` if nothing is left.
fn printable(text: &str, most: usize) -> Option<String> {
    let text: String = text.chars().filter(|letter| !letter.is_control()).take(most).collect();
    (!text.is_empty()).then_some(text)
}

pub(super) async fn begin(connection: &mut gathering_persistence::Connection) -> Result<Transaction<'_>, Error> {
    Ok(connection
        .transaction()
        .await
        .map_err(gathering_persistence::Error::from)?)
}

pub(super) async fn commit(tx: Transaction<'_>) -> Result<(), Error> {
    Ok(tx.commit().await.map_err(gathering_persistence::Error::from)?)
}
