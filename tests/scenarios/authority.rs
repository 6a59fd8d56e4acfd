//! Who may act for whom: users of a real broker, the tenants of each, and the permissions that hold them.

mod again;
mod page;
mod permissions;
mod tenants;

use sealpost_tests::broker::User;
use sealpost_tests::pipeline::{exchange_request, queue_of};
use sealpost_tests::{Message, Pipeline, Rig, Sandbox, Setup};
use serde_json::Value;

/// A pipeline in which Alice may act for `acme`, Bob for `globex`, and Root for all. At the broker they may do everything.
struct World {
    pipeline: Pipeline,
    alice: User,
    bob: User,
    root: User,
}

impl World {
    async fn start() -> Self {
        let (rig, sandbox) = tokio::join!(Rig::start(), Sandbox::start());
        let all = [".*", ".*", ".*"];
        let broker = &rig.broker;
        let (alice, bob, root) =
            tokio::join!(broker.user("alice", all), broker.user("bob", all), broker.user("root", all));
        let users = format!("{} = ['acme']\n{} = ['globex']\n{} = '*'\n", alice.name(), bob.name(), root.name());
        let pipeline = Pipeline::of(rig, sandbox, Setup { users: Some(users), ..Setup::default() }).await;
        Self { pipeline, alice, bob, root }
    }

    /// Sends a message as this user, and waits for the answer.
    async fn ask(&self, user: &User, type_name: &str, body: &Value) -> Value {
        let bytes = serde_json::to_vec(body).unwrap();
        user.publish(("", queue_of(type_name)), &bytes, user.signed(type_name, body)).await.unwrap();
        self.pipeline.answer(body["id"].as_str().unwrap()).await.json()
    }

    /// Has the platform's user of this name connected, as tenant `acme`'s user of the same name.
    async fn connect(&self, name: &str) {
        let request = exchange_request("acme", name, &self.pipeline.consent(name).await);
        let answer = self.ask(&self.alice, "exchange-request.v1", &request).await;
        assert_eq!(answer["outcome"], "stored", "{answer}");
    }
}

/// Checks a failed result.
fn refused(answer: &Value) {
    assert_eq!((&answer["outcome"], &answer["failure"]["code"]), (&"failed".into(), &"not-allowed".into()), "{answer}");
}

/// Checks a dead letter that this user sent first; none, if nobody said who he was.
fn put_aside(dead: &Message, queue: &str, user: Option<&User>) {
    let reason = dead.header("sealpost-reason").unwrap();
    assert_eq!(dead.header("sealpost-code").as_deref(), Some("not-allowed"), "{reason}");
    assert_eq!(dead.header("sealpost-origin").as_deref(), Some(queue));
    assert_eq!(dead.header("sealpost-user").as_deref(), Some(user.map_or("", User::name)));
    assert!(reason.contains(user.map_or("user_id", User::name)), "{reason}");
}
