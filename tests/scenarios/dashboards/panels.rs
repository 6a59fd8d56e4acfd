//! A dashboard as `dashboards/panels/` has it, and as Grafana reads it.

use std::fs;
use std::path::Path;

use sealpost_schemas::queues;
use serde::Deserialize;
use serde_json::{Value, json};

/// Columns of Grafana's grid.
const COLUMNS: usize = 24;

/// A dashboard: panels in the order in which they are read.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Dashboard {
    title: String,
    uid: String,
    about: String,
    panel: Vec<Panel>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Panel {
    title: String,
    /// A number, or lines over time.
    #[serde(default)]
    r#type: Kind,
    unit: String,
    /// What it shows, and what to do when it looks wrong.
    does: String,
    /// Of a histogram; its queries bring the buckets.
    #[serde(default)]
    percentiles: Vec<f64>,
    queries: Vec<Query>,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Kind {
    Stat,
    #[default]
    Timeseries,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Query {
    expr: String,
    #[serde(default)]
    legend: String,
}

impl Dashboard {
    pub(super) fn read(file: &Path) -> Self {
        let text = fs::read_to_string(file).unwrap();
        // in PromQL a regular expression is anchored
        let work = format!("({})([.]retries)?", queues::ALL.join("|"));
        toml::from_str(&text.replace("WORK", &work)).unwrap_or_else(|error| panic!("{}: {error}", file.display()))
    }

    /// Every expression.
    pub(super) fn queries(&self) -> Vec<String> {
        self.panel.iter().flat_map(Panel::targets).map(|(expression, _)| expression).collect()
    }

    /// As Grafana imports it.
    pub(super) fn json(&self) -> Value {
        let (stats, lines): (Vec<_>, Vec<_>) = self.panel.iter().partition(|panel| panel.r#type == Kind::Stat);
        let rows = stats.chunks(4).map(|row| (4, row)).chain(lines.chunks(3).map(|row| (8, row)));
        let (mut top, mut panels) = (0, Vec::new());
        for (height, row) in rows {
            let width = COLUMNS / row.len();
            for (place, panel) in row.iter().enumerate() {
                let place = json!({"h": height, "w": width, "x": place * width, "y": top});
                panels.push(panel.json(panels.len() + 1, &place));
            }
            top += height;
        }
        json!({
            "title": self.title, "uid": self.uid, "description": self.about, "tags": ["sealpost"],
            "schemaVersion": 39, "editable": true, "refresh": "30s", "time": {"from": "now-1h", "to": "now"},
            "timezone": "browser",
            "templating": {"list": [{
                "name": "datasource", "label": "Data source", "type": "datasource", "query": "prometheus",
            }]},
            "links": [{"type": "dashboards", "title": "Sealpost", "tags": ["sealpost"], "keepTime": true}],
            "panels": panels,
        })
    }
}

impl Panel {
    /// Expressions with their legends.
    fn targets(&self) -> Vec<(String, String)> {
        let of = |Query { expr, legend }: &Query| {
            if self.percentiles.is_empty() {
                return vec![(expr.clone(), legend.clone())];
            }
            let percentile = |share: &f64| {
                (format!("histogram_quantile({share}, {expr})"), format!("{legend} p{}", (share * 100.0).round()))
            };
            self.percentiles.iter().map(percentile).collect()
        };
        self.queries.iter().flat_map(of).collect()
    }

    fn json(&self, id: usize, place: &Value) -> Value {
        let source = json!({"type": "prometheus", "uid": "${datasource}"});
        let letters = 'A'..='Z';
        let targets = self.targets().into_iter().zip(letters).map(|((expression, legend), letter)| {
            json!({"refId": letter, "datasource": source, "expr": expression, "legendFormat": legend, "range": true})
        });
        let (kind, options, custom) = match self.r#type {
            Kind::Stat => {
                ("stat", json!({"reduceOptions": {"calcs": ["lastNotNull"]}, "colorMode": "none"}), json!({}))
            }
            Kind::Timeseries => (
                "timeseries",
                json!({
                    "legend": {"displayMode": "list", "placement": "bottom"},
                    "tooltip": {"mode": "multi", "sort": "desc"},
                }),
                json!({"fillOpacity": 10, "showPoints": "never", "spanNulls": true}),
            ),
        };
        json!({
            "id": id, "type": kind, "title": self.title, "description": self.does, "gridPos": place,
            "datasource": source, "options": options, "targets": targets.collect::<Vec<_>>(),
            "fieldConfig": {"defaults": {"unit": self.unit, "min": 0, "custom": custom}, "overrides": []},
        })
    }
}
