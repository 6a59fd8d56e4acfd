//! The table for a person and `bench.json` for a program.

use serde_json::{Value, json};

use crate::median;

/// One run of one side.
#[derive(Clone, Copy, Debug, serde::Serialize)]
pub(crate) struct Run {
    /// Operations a second.
    pub(crate) per_second: f64,
    /// CPU time of its process for one operation, in microseconds.
    pub(crate) cpu_us: f64,
}

/// Everything that was measured.
pub(crate) struct Report {
    pub(crate) bare: Vec<Run>,
    pub(crate) ours: Vec<Run>,
    pub(crate) rewrite: Vec<Run>,
    pub(crate) walk: Vec<Run>,
    /// Of a worker that has nothing to do.
    pub(crate) idle_rss_mb: f64,
    /// The most that a walking worker had, at a tenth of the records and at all of them.
    pub(crate) walk_rss_mb: [f64; 2],
}

impl Report {
    fn ratios(&self) -> [f64; 3] {
        let of = |runs: &[Run], what: fn(&Run) -> f64| median(runs.iter().map(what));
        let speed = |ours: &[Run], bare: &[Run]| of(ours, |run| run.per_second) / of(bare, |run| run.per_second);
        let cpu = of(&self.ours, |run| run.cpu_us) / of(&self.bare, |run| run.cpu_us);
        [speed(&self.ours, &self.bare), cpu, speed(&self.walk, &self.rewrite)]
    }

    /// What a person reads.
    pub(crate) fn table(&self) -> String {
        let [jobs, cpu, reseal] = self.ratios();
        let line = |name: &str, runs: &[Run]| {
            let (rate, us) = (median(runs.iter().map(|run| run.per_second)), median(runs.iter().map(|run| run.cpu_us)));
            format!("{name:<24} {rate:>9.0} /s {us:>8.1} µs CPU each, median of {}\n", runs.len())
        };
        let [few, many] = self.walk_rss_mb;
        format!(
            "{}{}{}{}\n\
             jobs_ratio    {jobs:.2}   ours to bare, jobs a second (wanted: at least 0.7)\n\
             cpu_ratio     {cpu:.2}   ours to bare, CPU of a job (wanted: at most 1.6)\n\
             reseal_ratio  {reseal:.2}   ours to bare, records a second (wanted: at least 0.5)\n\
             idle_rss_mb   {:.1}   a worker that has nothing to do (wanted: under 25)\n\
             walk_rss_mb   {few:.1} at a tenth of the records, {many:.1} at all of them\n",
            line("bare pipeline", &self.bare),
            line("sealpost work publish", &self.ours),
            line("bare rewrite", &self.rewrite),
            line("re-sealing walk", &self.walk),
            self.idle_rss_mb,
        )
    }

    /// What a program reads.
    pub(crate) fn json(&self) -> String {
        let [jobs, cpu, reseal] = self.ratios();
        let report: Value = json!({
            "jobs_ratio": jobs, "cpu_ratio": cpu, "reseal_ratio": reseal, "idle_rss_mb": self.idle_rss_mb,
            "walk_rss_mb": {"tenth": self.walk_rss_mb[0], "all": self.walk_rss_mb[1]},
            "runs": {
                "bare_pipeline": self.bare, "sealpost": self.ours, "bare_rewrite": self.rewrite, "walk": self.walk,
            },
        });
        format!("{report:#}\n")
    }
}
