//! A real run, scraped by a real Prometheus: every panel shows something, and every alert asks for what exists.

use std::time::{Duration, Instant};

use reqwest::Method;
use sealpost::dev::servers::rabbitmq::RabbitMqOptions;
use sealpost_tests::patience::PATIENCE;
use sealpost_tests::prometheus::Scraped;
use sealpost_tests::{Own, Pipeline, Prometheus, Rig, Sandbox, Setup};
use serde_json::json;

use super::traffic::Traffic;
use super::{alerts, dashboards, metrics_in};
use crate::azure_keys::World;

/// What Grafana puts in the place of its variables, over a short run.
fn filled(query: &str) -> String {
    query.replace("$__rate_interval", "15s").replace("$__range", "5m")
}

/// The queries that bring no data now.
async fn without_data(prometheus: &Prometheus, queries: &[String]) -> Vec<String> {
    let mut missing = Vec::new();
    for query in queries {
        let series = prometheus.query(&filled(query)).await.unwrap_or_else(|refused| panic!("{refused}"));
        let is_number = |value: &serde_json::Value| value["value"][1].as_str().is_some_and(|number| number != "NaN");
        if !series.iter().any(is_number) {
            missing.push(query.clone());
        }
    }
    missing
}

#[tokio::test]
async fn every_query_of_every_panel_brings_data_of_a_real_run_and_every_alert_asks_for_what_exists() {
    let options = RabbitMqOptions { management: true, prometheus: true, ..RabbitMqOptions::default() };
    let rabbitmq = Own::rabbitmq(options).await;
    let (rig, sandbox, vault) = tokio::join!(Rig::on(&rabbitmq), Sandbox::start(), World::start(""));
    let pipeline = Pipeline::of(rig, sandbox, Setup { shards: 8, http_limit: 2, ..Setup::default() }).await;
    crate::revoke::world::entry(&pipeline, &format!("revocation_url = '{}/revoke'", pipeline.sandbox.issuer()));
    pipeline.sandbox.admin(Method::POST, "settings", Some(json!({"access_ttl": 8}))).await;
    let (first, second) = tokio::join!(pipeline.worker(), pipeline.worker());
    let (scheduler, of_vault) = tokio::join!(pipeline.scheduler(), vault.pipeline.worker());
    let sealpost = [&first, &second, &scheduler, &of_vault].map(|process| process.operations().to_owned()).into();
    let prometheus = Prometheus::start(&Scraped { sealpost, rabbitmq: rabbitmq.prometheus_port() }).await;

    let mut traffic = Traffic::start(&pipeline, &vault.pipeline).await;
    let (draw, began) = (super::drawing(), Instant::now());
    // each brought data at some time: what is rare need not come again
    let mut missing: Vec<_> = dashboards().iter().flat_map(|(_, dashboard)| dashboard.queries()).collect();
    while !missing.is_empty() || began.elapsed() < draw.unwrap_or_default() {
        traffic.turn().await;
        missing = without_data(&prometheus, &missing).await;
        assert!(began.elapsed() < draw.unwrap_or_default() + PATIENCE, "these bring no data: {missing:#?}");
        if draw.is_some() {
            tokio::time::sleep(Duration::from_millis(200)).await; // the pace of the load, for a picture
        }
    }
    if draw.is_some() {
        super::draw(&prometheus.url(), began.elapsed());
    }
    for (name, expression) in alerts() {
        prometheus.query(&expression).await.unwrap_or_else(|refused| panic!("{name}: {refused}"));
        for metric in metrics_in(&expression) {
            let parts = format!("count({{__name__=~\"{metric}(_bucket)?\"}})");
            assert!(!prometheus.query(&parts).await.unwrap().is_empty(), "{name}: nobody exports {metric}");
        }
    }
}
