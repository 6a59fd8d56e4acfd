//! The search finds what is there: a secret that was planted on purpose, in each form, in a file of each kind.

use std::collections::BTreeSet;
use std::fs::OpenOptions;
use std::io::Write;

use redis::AsyncCommands;
use sealpost_tests::canary::written::{AWKWARD, every_way};
use sealpost_tests::canary::{Canaries, Find};
use sealpost_tests::pipeline::{properties, publish_job};

use super::world::World;

fn forms(finds: &[Find]) -> BTreeSet<&'static str> {
    finds.iter().map(|find| find.form).collect()
}

#[tokio::test]
async fn a_secret_that_is_planted_in_any_form_is_found_in_a_file_of_each_kind_and_in_texts() {
    let world = World::start().await;
    let worker = world.worker().await;
    let (rig, mut canaries) = (&world.pipeline.rig, Canaries::default());
    canaries.add("the planted secret", AWKWARD);
    let client = redis::Client::open(rig.redis_url()).unwrap();
    let mut redis = client.get_multiplexed_async_connection().await.unwrap();
    let mut measures = worker.page("/metrics").await.1.into_bytes();
    let log = std::fs::read_dir(rig.folder()).unwrap().flatten().map(|entry| entry.path());
    let log = log.into_iter().find(|path| path.extension().is_some_and(|ending| ending == "log")).unwrap();
    let search = canaries.search();
    let (stored, queued) = (rig.redis.folder(), world.rabbitmq.folder());
    for finds in [search.folder(stored), search.folder(queued), search.file(&log)] {
        assert_eq!(finds, [], "nothing is there before it is planted");
    }

    let mut planted = BTreeSet::new();
    for (form, text) in every_way(AWKWARD) {
        planted.insert(form);
        let field = format!("field-{form}");
        let _: () = redis.hset("planted", field, format!("{}{text}", "x".repeat(40))).await.unwrap();
        // a quorum queue of the pipeline, which nobody reads
        rig.broker.publish_raw("dead-letters", text.as_bytes(), properties("publish-job.v1", form)).await;
        // a classic one
        rig.broker.publish_raw("answers", text.as_bytes(), properties("publish-job.v1", form)).await;
        writeln!(OpenOptions::new().append(true).open(&log).unwrap(), "TRACE a line: {text}").unwrap();
        writeln!(measures, "sealpost_jobs_total{{code=\"{text}\"}} 1").unwrap();
    }
    assert_eq!(forms(&search.folder(stored)), planted, "the append-only file");
    let (quorum, classic) =
        search.folder(queued).into_iter().partition::<Vec<_>, _>(|find| find.place.contains("/quorum/"));
    assert_eq!(forms(&quorum), planted, "the log and segments of quorum queues, while RabbitMQ runs");
    assert_eq!(forms(&classic), planted, "the store of classic queues");
    assert_eq!(forms(&search.file(&log)), planted, "a log");
    assert_eq!(forms(&search.text("the metrics", &measures)), planted);

    // and the other scenarios look there
    world.secret("the planted secret", AWKWARD);
    world.told("the metrics", String::from_utf8_lossy(&measures));
    let name = world.hidden("user");
    let _: () = redis.sadd("planted-names", &name).await.unwrap();
    rig.broker.publish_raw("answers", name.as_bytes(), properties("publish-job.v1", "a name")).await;
    let finds = world.finds(&[]).await;
    let named: Vec<_> = finds.iter().filter(|find| find.secret == "user").map(|find| &find.place).collect();
    assert!(!named.is_empty() && named.iter().all(|place| place.starts_with(stored.to_str().unwrap())), "{named:?}");
    let places: BTreeSet<_> = finds.into_iter().map(|find| find.place).collect();
    for place in [stored, queued, &log, "the metrics".as_ref()] {
        let place = place.to_str().unwrap();
        assert!(places.iter().any(|found| found.starts_with(place)), "{place}: {places:?}");
    }

    // what goes through the worker lies in files too, and in a snapshot
    let job = publish_job("acme", "ada", AWKWARD);
    let answer = world.pipeline.ask("publish-job.v1", &job).await;
    assert_eq!(answer["failure"]["code"], "unknown-provider", "{answer}");
    world.snapshot().await;
    let snapshot = search.file(&stored.join("dump.rdb"));
    assert_eq!(forms(&snapshot), planted, "a snapshot");
    rig.redis.terminate().await;
    world.rabbitmq.terminate().await;
    assert_eq!(forms(&search.folder(stored)), planted);
    assert_eq!(forms(&search.folder(queued)), planted);
    let told = snapshot[0].to_string();
    assert!(told.contains("the planted secret as ") && told.contains("dump.rdb at byte "), "{told}");
}
