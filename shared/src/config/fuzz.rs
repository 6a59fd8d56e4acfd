//! Configuration files, spoilt: an error is one line, names one of the file's, and repeats no secret in the wrong place.

use std::fs;

use sealpost_fuzz::{ITERATIONS, near_text};

use super::Config;

fn seeds() -> Vec<String> {
    let good = "providers = 'p.toml'\n[broker]\nurl = { env = 'A' }\nprefetch = 5\nusers = { alice = ['acme'], ops = '*' }\n\
                [store]\nurl = { file = 'B' }\nshards = 5\n[keys]\nfile = 'k'\nkey = 'tokens'\n[http]\nlimit_seconds = 5\n\
                [ops]\nlisten = '127.0.0.1:1'\n[schedule]\nrewrap = '0 3 * * *'\n";
    let secret = "'amqp://u:hunter2@h'";
    let places = ["{ env = 'A' }", "{ file = 'B' }", "'A'", "5", "'k'", "'*'", "['acme']", "'127.0.0.1:1'", "'alice'"];
    let several = good.replacen("{ env = 'A' }", "[{ env = 'A' }, { file = 'C' }]", 1);
    let spoilt = several.replacen("{ file = 'C' }", secret, 1);
    places.iter().map(|place| good.replacen(place, secret, 1)).chain([good.to_owned(), several, spoilt]).collect()
}

#[test]
fn a_spoilt_configuration_is_read_or_refused_in_one_line_without_its_secrets() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("sealpost.toml");
    bolero::check!().with_iterations(ITERATIONS).with_generator(near_text(seeds())).for_each(|text| {
        fs::write(&file, text).unwrap();
        let Err(error) = Config::read(&file) else { return };
        let problem = error.strip_prefix(&format!("{}, line ", file.display())).unwrap_or_else(|| panic!("{error}"));
        let line: usize = problem.split(':').next().unwrap().parse().unwrap();
        assert!((1..=text.matches('\n').count() + 1).contains(&line), "{error}");
        assert!(!problem.contains("hunter2") && !problem.contains(char::is_control), "{problem:?}");
    });
}
