//! Pages of metrics, spoilt: they come from whatever answers at an address.

use sealpost_fuzz::{ITERATIONS, near_text};

use super::{OURS, read};

#[test]
fn a_spoilt_page_has_only_finite_samples_of_ours() {
    let seeds = vec![
        "sealpost_jobs_total{queue=\"publish-jobs\",outcome=\"retried\"} 4 1395066363000\nsealpost_parks 0\n"
            .to_owned(),
        "sealpost_odd{a=\"\\\"\\\\\\n\",le=\"+Inf\"} 1e3\n".to_owned(),
    ];
    bolero::check!().with_iterations(ITERATIONS).with_generator(near_text(seeds)).for_each(|text| {
        for (series, value) in read(text) {
            assert!(series.name.starts_with(OURS) && value.is_finite(), "{series:?} {value}");
        }
    });
}
