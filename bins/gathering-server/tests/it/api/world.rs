//! Somebody who has one of each kind of thing.

use std::collections::BTreeMap;
use std::time::Duration;

use gathering_testkit::{Answer, Receiver, until};
use serde_json::{Value, json};

use super::{Document, Operation};
use crate::support::{Raw, Site};

const LIMIT: Duration = Duration::from_mins(1);

/// A server, and what its first user has there.
pub(crate) struct World {
    pub(crate) nobody: Site,
    pub(crate) owner: Site,
    pub(crate) document: Document,
    pub(crate) project: String,
    pub(crate) pipeline: String,
    pub(crate) schedule: String,
    /// A run that has failed.
    pub(crate) run: String,
    /// A run that waits for the breaker.
    pub(crate) waiting: String,
    pub(crate) breaker: String,
    /// Another session of the owner.
    pub(crate) session: String,
    pub(crate) admin: Site,
    /// A viewer of the owner's project.
    pub(crate) member: String,
    pub(crate) invitation: String,
    /// An API key of the owner's, with the scope `read`, and its id.
    pub(crate) reader: Site,
    pub(crate) api_key: String,
    /// One with the scope `run`.
    pub(crate) runner: Site,
    _receiver: Receiver,
}

impl World {
    /// Makes it, on a server with these variables.
    pub(crate) async fn new(variables: &[(&str, &str)]) -> Self {
        let receiver = Receiver::start();
        receiver.answer("/pay", Answer::status(503));
        let nobody = Site::start_with(variables).await;
        let owner = nobody.with_user("ada@example.org").await;
        let document = Document::new(nobody.raw(Raw::get("/openapi.json")).await.json);
        let me = owner.send("GET", "/api/v1/auth/me", None).await.json;
        let call = json!({"id": "call", "type": "action", "config": {"action": "call_api", "url": receiver.url("/pay")},
            "breaker": {"name": "payments", "failures": 1, "open": "1h", "max_open": "1h"}});
        let pipeline = owner.pipeline(&json!({"nodes": [call], "edges": []})).await;
        let run = owner.start_run(&pipeline, &json!({"labels": {"team": "blue"}})).await;
        assert_eq!(owner.ended_run(&run).await["status"], "failed");
        let schedule = owner.schedule(&yearly()).await;
        let waiting = owner.start_run(&pipeline, &json!({})).await;
        until("the run to wait", LIMIT, async || {
            let seen = owner.send("GET", &format!("/api/v1/runs/{waiting}"), None).await.json;
            (seen["status"] == "waiting").then_some(())
        })
        .await;
        let breakers = owner.send("GET", "/api/v1/breakers", None).await.json;
        nobody.with_login("ada@example.org").await;
        let sessions = owner.send("GET", "/api/v1/auth/sessions", None).await.json;
        let sessions = sessions["items"].as_array().unwrap();
        let other = sessions.iter().find(|session| session["current"] == false).unwrap();
        let project = me["default_project_id"].as_str().unwrap().to_owned();
        let admin = nobody.with_role("root@example.org", "admin").await;
        let invitation = admin.send("POST", "/api/v1/invitations", None).await.json;
        let [(reader, api_key), (runner, _)] = [owner.key("read").await, owner.key("run").await];
        Self {
            member: add_member(&owner, &project).await,
            project,
            admin,
            invitation: id(&invitation),
            reader,
            api_key,
            runner,
            breaker: id(&breakers["items"][0]),
            session: id(other),
            nobody,
            owner,
            document,
            pipeline,
            schedule,
            run,
            waiting,
            _receiver: receiver,
        }
    }

    /// Who may do this, as far as the server is concerned.
    pub(crate) fn who(&self, operation: &Operation) -> &Site {
        if operation.is_for_admins() {
            &self.admin
        } else {
            &self.owner
        }
    }

    /// An API key that has not the scope that this takes.
    pub(crate) fn without_scope(&self, operation: &Operation) -> &Site {
        if operation.json["x-permission"]["scope"] == "read" {
            &self.runner
        } else {
            &self.reader
        }
    }

    /// What stands for the parameters of a path, for somebody who may see it. A path that is new needs its line here.
    pub(crate) fn things(&self) -> BTreeMap<&'static str, Vec<(&'static str, &str)>> {
        let (run, breaker) = (vec![("id", &*self.run)], vec![("id", &*self.breaker)]);
        let (pipeline, session) = (vec![("id", &*self.pipeline)], vec![("id", &*self.session)]);
        let schedule = vec![("id", &*self.schedule)];
        let node = vec![("id", &*self.run), ("node", "call")];
        let (project, user) = (vec![("id", &*self.project)], vec![("id", &*self.member)]);
        let member = vec![("id", &*self.project), ("user_id", &*self.member)];
        BTreeMap::from([
            ("/api/v1/auth/api-keys/{id}", vec![("id", &*self.api_key)]),
            ("/api/v1/invitations/{id}", vec![("id", &*self.invitation)]),
            ("/api/v1/projects/{id}", project.clone()),
            ("/api/v1/projects/{id}/members", project),
            ("/api/v1/projects/{id}/members/{user_id}", member),
            ("/api/v1/users/{id}", user.clone()),
            ("/api/v1/users/{id}/disable", user.clone()),
            ("/api/v1/users/{id}/enable", user.clone()),
            ("/api/v1/users/{id}/role", user),
            ("/api/v1/auth/sessions/{id}", session),
            ("/api/v1/breakers/{id}", breaker.clone()),
            ("/api/v1/breakers/{id}/reset", breaker),
            ("/api/v1/pipelines/{id}", pipeline.clone()),
            ("/api/v1/pipelines/{id}/runs", pipeline),
            ("/api/v1/schedules/{id}", schedule.clone()),
            ("/api/v1/schedules/{id}/backfill", schedule.clone()),
            ("/api/v1/schedules/{id}/firings", schedule.clone()),
            ("/api/v1/schedules/{id}/pause", schedule.clone()),
            ("/api/v1/schedules/{id}/resume", schedule.clone()),
            ("/api/v1/schedules/{id}/trigger", schedule.clone()),
            ("/api/v1/schedules/{id}/week", schedule.clone()),
            ("/api/v1/schedules/{id}/why", schedule),
            ("/api/v1/runs/{id}", run.clone()),
            ("/api/v1/runs/{id}/cancel", vec![("id", &*self.waiting)]),
            ("/api/v1/runs/{id}/journal", run),
            ("/api/v1/runs/{id}/nodes/{node}/fail", node.clone()),
            ("/api/v1/runs/{id}/nodes/{node}/release", node),
        ])
    }
}

/// A schedule that does not fire while somebody looks.
fn yearly() -> Value {
    json!({"name": "yearly", "kind": "cron", "cron": "0 0 1 1 *",
        "action": {"type": "send_notification", "url": "http://127.0.0.1:9/", "message": "x"}})
}

fn id(json: &Value) -> String {
    json["id"].as_str().unwrap().to_owned()
}

/// Adds a viewer to a project, and gives their id.
async fn add_member(owner: &Site, project: &str) -> String {
    let bob = owner.with_user("bob@example.org").await;
    let user = id(&bob.send("GET", "/api/v1/auth/me", None).await.json);
    let body = json!({"user_id": user, "role": "viewer"});
    let added = owner
        .send("POST", &format!("/api/v1/projects/{project}/members"), Some(&body))
        .await;
    assert_eq!(added.status, 201, "{}", added.text);
    user
}
