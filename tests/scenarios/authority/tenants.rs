//! The tenants of each user.

use sealpost_shared::broker::Producer;
use sealpost_tests::command::run;
use sealpost_tests::pipeline::{SOON, properties, publish_job, rotation_tick};
use serde_json::json;

use super::{World, put_aside, refused};

#[tokio::test]
async fn a_user_acts_for_its_own_tenants_and_of_what_it_is_refused_nobody_else_is_told() {
    let world = World::start().await;
    let (pipeline, _worker) = (&world.pipeline, world.pipeline.worker().await);
    world.connect("ada").await;

    let job = publish_job("acme", "ada", "not by Bob");
    refused(&world.ask(&world.bob, "publish-job.v1", &job).await);
    put_aside(&pipeline.dead_letter().await, "publish-jobs", Some(&world.bob));
    let told = pipeline.event("job.dead-lettered").await.json();
    assert_eq!((&told["code"], &told["message"]), (&"not-allowed".into(), &job["id"]), "{told}");
    assert!(pipeline.events("publish.failed").await.is_empty(), "acme would take it for a job of its own");

    // not said who
    refused(&pipeline.ask("publish-job.v1", &job).await);
    put_aside(&pipeline.dead_letter().await, "publish-jobs", None);
    assert!(pipeline.sandbox.posts().await.is_empty());

    // the same id is nobody's yet
    for user in [&world.alice, &world.root] {
        let answer = world.ask(user, "publish-job.v1", &job).await;
        assert_eq!(answer["outcome"], "published", "{answer}");
    }
    assert_eq!(pipeline.sandbox.posts().await.len(), 1);
}

#[tokio::test]
async fn a_rotation_of_all_tenants_is_for_those_alone_who_may_act_for_all() {
    let world = World::start().await;
    let (pipeline, worker) = (&world.pipeline, world.pipeline.worker_with(&["rotate", "rotate-shard"], &[]).await);
    let mut theirs = rotation_tick();
    theirs["scope"] = json!({"tenant": "globex"});
    let by_provider = {
        let mut tick = rotation_tick();
        tick["scope"] = json!({"provider": "practice"});
        tick
    };
    for tick in [rotation_tick(), by_provider, theirs] {
        let properties = world.alice.signed("rotation-tick.v1", &tick);
        world.alice.publish(("", "rotation-ticks"), tick.to_string().as_bytes(), properties).await.unwrap();
        put_aside(&pipeline.dead_letter().await, "rotation-ticks", Some(&world.alice));
    }
    // nor by way of the shards
    let shard = json!({"id": rotation_tick()["id"], "tick": rotation_tick()["id"], "shard": 3, "mode": "rewrap"});
    let properties = world.alice.signed("rotation-shard.v1", &shard);
    world.alice.publish(("", "rotation-shards"), shard.to_string().as_bytes(), properties).await.unwrap();
    put_aside(&pipeline.dead_letter().await, "rotation-shards", Some(&world.alice));

    let mut own = rotation_tick();
    own["scope"] = json!({"tenant": "acme"});
    for (user, tick) in [(&world.alice, own), (&world.root, rotation_tick())] {
        let properties = user.signed("rotation-tick.v1", &tick);
        user.publish(("", "rotation-ticks"), tick.to_string().as_bytes(), properties).await.unwrap();
        assert_eq!(pipeline.event("rotation.done").await.json()["tick"], tick["id"]);
    }
    // the shards are ours
    worker.measured("sealpost_jobs_total", &["rotation-shards"], 2 * 256).await;
    assert_eq!(pipeline.rig.broker.depth("dead-letters").await, 0);
}

#[tokio::test]
async fn a_rotation_of_one_tenant_is_not_taken_for_one_of_all_whose_tick_has_the_same_id() {
    let world = World::start().await;
    let (pipeline, _worker) = (&world.pipeline, world.pipeline.worker_with(&["rotate", "rotate-shard"], &[]).await);
    pipeline.seed(3).await;
    pipeline.seed_for("globex", 4).await;
    pipeline.rotate_key();
    let all = rotation_tick();
    let mut own = all.clone();
    own["scope"] = json!({"tenant": "acme"});
    let mut heard = Vec::new();
    for (user, tick) in [(&world.alice, own), (&world.root, all)] {
        let properties = user.signed("rotation-tick.v1", &tick);
        user.publish(("", "rotation-ticks"), tick.to_string().as_bytes(), properties).await.unwrap();
        let done = pipeline.event("rotation.done").await.json();
        heard.push((done["id"].clone(), done["counts"]["resealed"].clone()));
    }
    assert_eq!((&heard[0].1, &heard[1].1), (&json!(3), &json!(4)));
    assert_ne!(heard[0].0, heard[1].0);
    let known = pipeline.store().await.rotations().await.unwrap();
    let mut known: Vec<_> =
        known.iter().map(|rotation| (rotation.begin.everything, rotation.counts.resealed)).collect();
    known.sort_unstable();
    assert_eq!(known, [(false, 3), (true, 4)]);
}

#[tokio::test]
async fn what_sealpost_sends_itself_is_allowed_where_it_says_so() {
    let world = World::start().await;
    let (pipeline, _worker) = (&world.pipeline, world.pipeline.worker().await);
    world.connect("ada").await;
    for (named, outcome) in [(true, "published"), (false, "failed")] {
        let job = serde_json::from_value(publish_job("acme", "ada", "from a command")).unwrap();
        let message = sealpost::step::FollowUp::of::<sealpost_schemas::PublishJob>(&job).unwrap().outgoing();
        let producer = Producer::connect(&[pipeline.rig.amqp_url().into()], named).await.unwrap();
        let heard = producer.ask("publish-jobs", &message, SOON).await.unwrap();
        let answer: serde_json::Value = serde_json::from_slice(&heard.body).unwrap();
        assert_eq!(answer["outcome"], outcome, "{answer}");
    }
    put_aside(&pipeline.dead_letter().await, "publish-jobs", None);

    let publish = ["--tenant", "acme", "--user", "ada", "--provider", "practice", "--text", "from a terminal"];
    for args in [&[&["enqueue", "publish"], &publish[..]].concat()[..], &["enqueue", "rotate"]] {
        let said = run(pipeline, args).await;
        assert!(said.good, "{args:?}: {}", said.stderr);
    }
    assert_eq!(pipeline.rig.broker.depth("dead-letters").await, 0);
}

#[tokio::test]
async fn a_reply_says_that_sealpost_sent_it() {
    let world = World::start().await;
    let (pipeline, _worker) = (&world.pipeline, world.pipeline.worker().await);
    let job = publish_job("acme", "nobody", "x");
    world
        .alice
        .publish(("", "publish-jobs"), job.to_string().as_bytes(), world.alice.signed("publish-job.v1", &job))
        .await
        .unwrap();
    let answer = pipeline.answer(job["id"].as_str().unwrap()).await;
    assert_eq!(answer.properties.user_id().as_ref().unwrap().as_str(), "guest");
    let event = pipeline.event("publish.failed").await;
    assert_eq!(event.properties.user_id().as_ref().unwrap().as_str(), "guest");
}

#[tokio::test]
async fn connections_are_ended_and_asked_about_by_those_alone_who_may_act_for_their_tenant() {
    let world = World::start().await;
    let (pipeline, _worker) = (&world.pipeline, world.pipeline.worker().await);
    world.connect("ada").await;
    let id = || sealpost_shared::ids::fresh();
    let owner = json!({"tenant": "acme", "user": "ada"});
    let whole = |id| json!({"id": id, "scope": "tenant", "tenant": "acme"});
    let query = |id| json!({"id": id, "owner": owner, "provider": "practice"});
    for request in [whole(id()), json!({"id": id(), "scope": "owner", "owner": owner})] {
        refused(&world.ask(&world.bob, "revocation-request.v1", &request).await);
        put_aside(&pipeline.dead_letter().await, "revocation-requests", Some(&world.bob));
    }
    let shard = json!({"id": id(), "request": id(), "tenant": "acme", "shard": 3});
    let properties = world.bob.signed("revocation-shard.v1", &shard);
    world.bob.publish(("", "revocation-shards"), shard.to_string().as_bytes(), properties).await.unwrap();
    put_aside(&pipeline.dead_letter().await, "revocation-shards", Some(&world.bob));
    let answer = world.ask(&world.bob, "connection-query.v1", &query(id())).await;
    assert_eq!((&answer["connected"], &answer["failure"]["code"]), (&json!(false), &json!("not-allowed")), "{answer}");
    pipeline.dead_letter().await;
    assert!(pipeline.events("connection.revocation-failed").await.is_empty());

    assert_eq!(world.ask(&world.alice, "connection-query.v1", &query(id())).await["connected"], true);
    let answer = world.ask(&world.alice, "revocation-request.v1", &whole(id())).await;
    assert_eq!(answer["counts"]["unsupported"], 1, "{answer}");
    assert_eq!(world.ask(&world.root, "connection-query.v1", &query(id())).await["connected"], false);
    assert_eq!(pipeline.rig.broker.depth("dead-letters").await, 0);
}

#[tokio::test]
async fn nobody_says_that_he_is_somebody_else() {
    let world = World::start().await;
    let job = publish_job("acme", "ada", "by whom?");
    let forged = properties("publish-job.v1", "x").with_user_id(world.alice.name().into());
    let refused = world.bob.publish(("", "publish-jobs"), job.to_string().as_bytes(), forged).await;
    // the queue need not be there for that
    assert!(refused.unwrap_err().contains("PRECONDITION_FAILED"));
}
