//! RabbitMQ: reachable, new enough, its queues ours.

use sealpost_shared::broker::{Inspection, inspect};
use sealpost_shared::config::Config;
use sealpost_shared::secrets::Secrets;

use super::Finding;

pub(super) async fn check(config: &Config, secrets: &Secrets) -> Vec<Finding> {
    // why not is told with the other secrets
    let Ok(url) = secrets.read(&config.broker.url).await else { return Vec::new() };
    match inspect(url.text).await {
        Ok(inspection) => findings(&inspection),
        Err(error) => vec![Finding::wrong("broker", format!("{error}; does RabbitMQ run there, and is it reachable?"))],
    }
}

fn findings(inspection: &Inspection) -> Vec<Finding> {
    let Inspection { at, version, missing, problems, waiting, dead_letters } = inspection;
    let mut found = vec![Finding::good("broker", format!("RabbitMQ {version} at {at}"))];
    found.extend(problems.iter().map(|problem| Finding::wrong("queues", problem.to_string())));
    if let Some(first) = missing.first() {
        let says = format!(
            "{} of Sealpost's queues and exchanges are not there yet ({first} is one); the first worker makes them",
            missing.len()
        );
        found.push(Finding::warning("queues", says));
    } else if problems.is_empty() {
        found.push(Finding::good("queues", "all are there, with Sealpost's arguments"));
    }
    found.extend(waiting.iter().map(|(queue, messages)| {
        let says = format!("{messages} message(s) wait, and no worker takes them; start one: sealpost work all");
        Finding::warning(queue, says)
    }));
    if *dead_letters > 0 {
        let says = format!("{dead_letters} message(s) were put aside; sealpost dead list tells why");
        found.push(Finding::warning("dead letters", says));
    }
    found
}
