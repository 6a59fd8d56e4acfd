//! Files of tokens, spoilt: no problem that is told repeats one.

use sealpost_fuzz::{ITERATIONS, near_text};

use super::parse;

#[test]
fn a_spoilt_file_is_read_or_every_problem_names_its_line_and_no_token() {
    let line = |user: &str| {
        format!(
            r#"{{"tenant":"acme","user":"{user}","provider":"gitea","refresh_token":"hunter2-{user}","scopes":["a"]}}"#
        )
    };
    let seeds = vec![[line("ada"), line("bob"), line("ada")].join("\n"), format!("\u{feff}{}\r\n\n", line("eve"))];
    bolero::check!().with_iterations(ITERATIONS).with_generator(near_text(seeds)).for_each(|text| {
        let Err(problems) = parse(text, None, &|name| name.as_str() == "gitea") else { return };
        assert!(!problems.is_empty());
        for problem in problems {
            assert!(problem.starts_with("line ") && !problem.contains("hunter2"), "{problem}");
        }
    });
}
