//! Ticks on schedule.

use std::collections::HashMap;

use sealpost::schedule::ticks;
use sealpost_schemas::RotationMode;
use sealpost_shared::broker::{Broker, BrokerConfig};
use sealpost_shared::clock::SystemClock;
use sealpost_tests::Rig;
use sealpost_tests::pipeline::SOON;
use tokio_util::sync::CancellationToken;

#[tokio::test]
async fn two_schedulers_publish_one_and_the_same_tick_at_each_time_until_they_are_told_to_stop() {
    let rig = Rig::start().await;
    let broker = Broker::start(&BrokerConfig { urls: vec![rig.amqp_url().into()], ..BrokerConfig::default() }).unwrap();
    broker.connected().await.unwrap();
    let stop = CancellationToken::new();
    let scheduler = || {
        let (broker, stop) = (broker.clone(), stop.clone());
        tokio::spawn(async move { ticks((RotationMode::Rewrap, "* * * * * *"), &broker, &SystemClock, &stop).await })
    };
    let schedulers = [scheduler(), scheduler()];
    let mut seen = HashMap::<String, Vec<String>>::new();
    while seen.values().filter(|ids| ids.len() == 2).count() < 2 {
        let tick = rig.broker.next("rotation-ticks", SOON).await;
        assert_eq!(tick.properties.kind().as_ref().unwrap().as_str(), "rotation-tick.v1");
        let tick = tick.json();
        assert_eq!(tick["mode"], "rewrap");
        seen.entry(tick["scheduled_for"].to_string()).or_default().push(tick["id"].to_string());
    }
    stop.cancel();
    for scheduler in schedulers {
        assert_eq!(scheduler.await.unwrap(), Ok(()));
    }
    for ids in seen.values() {
        assert!(ids.iter().all(|id| *id == ids[0]), "{seen:?}");
    }
    let mut ids: Vec<_> = seen.values().map(|ids| &ids[0]).collect();
    ids.dedup();
    assert_eq!(ids.len(), seen.len(), "another time, another tick");
}

#[tokio::test]
async fn a_schedule_that_cannot_be_read_says_how_it_is_written() {
    let broker = Broker::start(&BrokerConfig { urls: vec!["amqp://127.0.0.1:1".into()], ..BrokerConfig::default() });
    let (broker, stop, wrong) = (broker.unwrap(), CancellationToken::new(), (RotationMode::Refresh, "every night"));
    let error = ticks(wrong, &broker, &SystemClock, &stop).await.unwrap_err();
    assert!(error.starts_with("schedule.refresh = \"every night\"") && error.contains("0 3 * * *"), "{error}");
}
