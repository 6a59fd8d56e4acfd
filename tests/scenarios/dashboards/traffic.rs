//! Jobs of a small application, and what goes wrong with them now and then.

use lapin::BasicProperties;
use reqwest::Method;
use sealpost_tests::Pipeline;
use sealpost_tests::pipeline::{ANSWERS, exchange_request, properties, publish_job, rotation_tick};
use serde_json::{Value, json};

/// Its users.
const USERS: [&str; 6] = ["ada", "ben", "cleo", "dan", "eva", "finn"];

/// What a platform does to one request in so many turns.
const FAULTS: [(usize, &str, &str); 7] = [
    (9, "/api/posts", r#"{"kind": "status", "status": 429, "headers": {"retry-after": "1"}}"#),
    (5, "/api/posts", r#"{"kind": "slow", "delay_ms": 700}"#),
    (14, "/token", r#"{"kind": "status", "status": 429, "headers": {"retry-after": "1"}}"#),
    (19, "/api/posts", r#"{"kind": "drop", "when": "after"}"#),
    (13, "/api/posts", r#"{"kind": "status", "status": 422, "body": "{\"error\": \"no\"}"}"#),
    (23, "/token", r#"{"kind": "drop"}"#),
    (29, "/token", r#"{"kind": "status", "status": 401, "body": "{\"error\": \"invalid_client\"}"}"#),
];

/// What was done so far.
pub(super) struct Traffic<'a> {
    pipeline: &'a Pipeline,
    vault: &'a Pipeline,
    turn: usize,
}

impl<'a> Traffic<'a> {
    /// Has the users connected.
    pub(super) async fn start(pipeline: &'a Pipeline, vault: &'a Pipeline) -> Self {
        for user in USERS {
            pipeline.connect(user).await;
        }
        vault.connect("ada").await;
        Self { pipeline, vault, turn: 0 }
    }

    /// Some jobs, more of them now and then.
    pub(super) async fn turn(&mut self) {
        self.turn += 1;
        for (every, path, how) in FAULTS.iter().filter(|(every, ..)| self.turn.is_multiple_of(*every)) {
            let mut fault: Value = serde_json::from_str(how).unwrap_or_else(|error| panic!("{every}: {error}"));
            fault["path"] = (*path).into();
            self.pipeline.sandbox.fault(fault).await;
        }
        let jobs = 2 + (self.turn % 40) / 4;
        for number in 0..jobs {
            let mut job = publish_job("acme", USERS[number % USERS.len()], "Hello");
            if self.turn.is_multiple_of(6) && number == 0 {
                job["titel"] = "misspelt".into();
            }
            self.pipeline.send("publish-job.v1", &job).await;
        }
        self.vault.ask("publish-job.v1", &publish_job("acme", "ada", "Hello")).await;
        match self.turn % 60 {
            2 => self.rotate().await,
            5 => self.not_readable().await,
            20 => self.ends("finn").await,
            26 => self.consents("finn").await,
            32 => self.withdraws("eva").await,
            40 => self.consents("eva").await,
            _ => {}
        }
        self.answered().await;
    }

    /// What was answered until now is taken away, by whoever it was for.
    async fn answered(&self) {
        self.pipeline.rig.broker.drain(ANSWERS).await;
    }

    async fn rotate(&self) {
        self.pipeline.rotate_key();
        self.pipeline.send("rotation-tick.v1", &rotation_tick()).await;
    }

    async fn not_readable(&self) {
        let odd = BasicProperties::default().with_type("publish-job.v1".into()).with_reply_to("gone".into());
        self.pipeline.send_raw("publish-job.v1", b"{", odd).await;
        let job = publish_job("acme", "nobody", "Hello");
        let nowhere = properties("publish-job.v1", job["id"].as_str().unwrap()).with_reply_to("gone".into());
        self.pipeline.send_raw("publish-job.v1", job.to_string().as_bytes(), nowhere).await;
    }

    /// Whatever comes of it: the platform may be unwell.
    async fn consents(&self, user: &str) {
        let request = exchange_request("acme", user, &self.pipeline.consent(user).await);
        self.pipeline.send("exchange-request.v1", &request).await;
    }

    async fn ends(&self, user: &str) {
        let request = json!({
            "id": sealpost_shared::ids::fresh(), "scope": "connection", "owner": {"tenant": "acme", "user": user},
            "provider": "practice", "label": "default",
        });
        self.pipeline.send("revocation-request.v1", &request).await;
    }

    async fn withdraws(&self, user: &str) {
        self.pipeline.sandbox.admin(Method::POST, "revoke", Some(json!({"user": user}))).await;
    }
}
