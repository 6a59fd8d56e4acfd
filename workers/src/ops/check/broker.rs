//! RabbitMQ: reachable, new enough, its queues ours.

use sealpost_shared::broker::{Inspection, inspect};
use sealpost_shared::config::Config;
use sealpost_shared::secrets::Secrets;

use super::Finding;
use crate::worker;

pub(super) async fn check(config: &Config, secrets: &Secrets) -> Vec<Finding> {
    // why not is told with the other secrets
    let Ok(urls) = worker::texts(secrets, &config.broker.url).await else { return Vec::new() };
    let (mut first, mut nodes, mut lost) = (None, Vec::new(), Vec::new());
    for url in urls {
        match inspect(url).await {
            // of one cluster all say the same but for what they are
            Ok(inspection) => match &first {
                None => first = Some(inspection),
                Some(_) => nodes.push(reached(&inspection)),
            },
            Err(error) => lost.push(format!("{error}; does RabbitMQ run there, and is it reachable?")),
        }
    }
    let mark = if first.is_some() { Finding::warning } else { Finding::wrong };
    let found = first.iter().flat_map(findings).chain(nodes);
    found.chain(lost.into_iter().map(|says| mark("broker", says))).collect()
}

fn reached(Inspection { at, version, .. }: &Inspection) -> Finding {
    Finding::good("broker", format!("RabbitMQ {version} at {at}"))
}

fn findings(inspection: &Inspection) -> Vec<Finding> {
    let Inspection { missing, problems, waiting, dead_letters, .. } = inspection;
    let mut found = vec![reached(inspection)];
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
