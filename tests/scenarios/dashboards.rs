//! `dashboards/`: what is generated is committed, and every panel and alert asks for what there is.

mod panels;
mod run;
mod traffic;

use std::collections::BTreeSet;
use std::fs;
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use sealpost_tests::machine::workspace;
use sealpost_tests::prometheus::promtool;
use sealpost_tests::python::python_venv;
use serde_json::json;

use panels::Dashboard;

const MATPLOTLIB: &str = "matplotlib==3.11.2";

const NAMES: [&str; 4] = ["pipeline", "tokens", "keys", "providers"];

fn folder() -> PathBuf {
    workspace().join("dashboards")
}

fn dashboards() -> Vec<(&'static str, Dashboard)> {
    NAMES.iter().map(|name| (*name, Dashboard::read(&folder().join(format!("panels/{name}.toml"))))).collect()
}

/// For how long a run is to go on, so that pictures can be drawn of it: `make dashboards` says so.
fn drawing() -> Option<Duration> {
    let seconds = std::env::var("SEALPOST_DRAW_DASHBOARDS").ok()?.parse().expect("a number of seconds");
    let _ready = python_venv(&[MATPLOTLIB]); // which may take a while, in which nothing would move
    Some(Duration::from_secs(seconds))
}

/// Draws each dashboard as the last so many seconds look. Blocks.
fn draw(prometheus: &str, span: Duration) {
    let mut python = Command::new(python_venv(&[MATPLOTLIB]));
    python.arg(workspace().join("scripts/draw-dashboards.py")).args([prometheus, &span.as_secs().to_string()]);
    assert!(python.status().unwrap().success());
}

/// Every alert's name and expression.
fn alerts() -> Vec<(String, String)> {
    let text = fs::read_to_string(folder().join("alerts.yml")).unwrap();
    let rules = text.split("- alert: ").skip(1);
    rules
        .map(|rule| {
            let name = rule.lines().next().unwrap().to_owned();
            let (_, rest) = rule.split_once("expr:").unwrap_or_else(|| panic!("{name} has no expression"));
            let expression = rest.split("        for: ").next().unwrap().split("        labels: ").next().unwrap();
            assert!(rule.contains("          summary: ") && rule.contains("          runbook: >-"), "{name}");
            (name, expression.trim_start().trim_start_matches(">-").split_whitespace().collect::<Vec<_>>().join(" "))
        })
        .collect()
}

/// The names of metrics in an expression, without what a histogram adds to its own.
fn metrics_in(expression: &str) -> BTreeSet<String> {
    let words = expression.split(|letter: char| !letter.is_ascii_alphanumeric() && letter != '_');
    let names = words.filter(|word| ["sealpost_", "rabbitmq_", "redis_"].iter().any(|start| word.starts_with(start)));
    let base = |name: &str| {
        let ends = ["_bucket", "_count", "_sum"];
        ends.iter().find_map(|end| name.strip_suffix(end)).unwrap_or(name).to_owned()
    };
    names.map(base).collect()
}

#[test]
fn the_committed_dashboards_are_what_their_panels_say() {
    for (name, dashboard) in dashboards() {
        let file = folder().join(format!("{name}.json"));
        let text = serde_json::to_string_pretty(&dashboard.json()).unwrap() + "\n";
        if std::env::var_os("SEALPOST_WRITE_GENERATED").is_some() {
            fs::write(&file, &text).unwrap();
        }
        let committed = fs::read_to_string(&file).unwrap_or_default();
        assert!(committed == text, "{name}.json is not what its panels say: run `make generated` and commit it");
    }
}

#[test]
fn every_panel_has_a_title_a_unit_and_a_sentence_that_says_what_to_do() {
    for (name, dashboard) in dashboards() {
        let dashboard = dashboard.json();
        assert_eq!(dashboard["templating"]["list"][0]["type"], "datasource");
        let mut titles = BTreeSet::new();
        for panel in dashboard["panels"].as_array().unwrap() {
            let title = panel["title"].as_str().unwrap();
            assert!(!title.is_empty() && titles.insert(title), "{name}: {title:?} twice");
            assert!(panel["description"].as_str().unwrap().len() > 60, "{name}: {title} says too little");
            assert!(!panel["fieldConfig"]["defaults"]["unit"].as_str().unwrap().is_empty(), "{name}: {title}");
            assert_eq!(panel["datasource"], json!({"type": "prometheus", "uid": "${datasource}"}), "{name}: {title}");
            for target in panel["targets"].as_array().unwrap() {
                let expression = target["expr"].as_str().unwrap();
                for counter in metrics_in(expression).iter().filter(|metric| metric.ends_with("_total")) {
                    let (before, after) = expression.split_once(counter.as_str()).unwrap();
                    assert!(before.ends_with("rate(") || before.ends_with("increase("), "{title}: {counter} as it is");
                    let over = after.contains("[$__rate_interval]") || after.contains("[$__range]");
                    assert!(over, "{title}: {counter} over a time of its own");
                }
            }
        }
    }
}

#[test]
fn every_metric_of_the_dashboards_and_alerts_is_documented_or_the_brokers() {
    let documented = crate::operations::documented_metrics();
    let panels = dashboards().into_iter().flat_map(|(name, dashboard)| {
        dashboard.queries().into_iter().map(move |query| (name.to_owned(), query)).collect::<Vec<_>>()
    });
    for (place, expression) in panels.chain(alerts()) {
        let metrics = metrics_in(&expression);
        assert!(!metrics.is_empty(), "{place} asks for nothing: {expression}");
        for metric in metrics {
            let known = documented.contains(&metric) || metric.starts_with("rabbitmq_detailed_queue_");
            assert!(known, "{place}: {metric} is in no list");
        }
    }
}

#[test]
fn promtool_takes_the_rules_and_sees_each_fire_on_bad_data_only() {
    assert_eq!(alerts().len(), 10);
    let tests = fs::read_to_string(folder().join("alerts.test.yml")).unwrap();
    for (name, _) in alerts() {
        assert!(tests.contains(&format!("alertname=\"{name}\"")), "no test sees {name} fire");
    }
    for args in [["check", "rules", "alerts.yml"], ["test", "rules", "alerts.test.yml"]] {
        let said = promtool(&folder(), &args);
        let text = String::from_utf8_lossy(&[said.stdout, said.stderr].concat()).into_owned();
        assert!(said.status.success(), "{args:?}: {text}");
    }
}
