use std::fs;

use sealpost_schemas::{Code, Notice};
use serde_json::json;

use super::super::gsm7::{length, septets};
use super::Texts;

fn notice(language: &str, outcome: &str, code: Option<&str>) -> Notice {
    let mut notice = json!({
        "id": "0199ab3c-7d00-7000-8000-0000000000a1", "job": "0199ab3c-7d00-7000-8000-0000000000a2",
        "owner": {"tenant": "acme", "user": "ada"}, "provider": "practice", "phone": "+237650000000",
        "language": language, "outcome": outcome,
    });
    notice["code"] = code.map_or(serde_json::Value::Null, Into::into);
    serde_json::from_value(notice).unwrap()
}

fn of_file(text: &str) -> Result<Texts, String> {
    with_fallback(text, "en")
}

fn with_fallback(text: &str, fallback: &str) -> Result<Texts, String> {
    let file = tempfile::NamedTempFile::new().unwrap();
    fs::write(file.path(), text).unwrap();
    Texts::read(Some(file.path()), fallback)
        .map_err(|error| error.replace(&file.path().display().to_string(), "texts.toml"))
}

#[test]
fn every_built_in_text_fits_one_message_whatever_it_is_about() {
    let texts = Texts::read(None, "en").unwrap();
    assert_eq!(texts.languages().collect::<Vec<_>>(), ["en", "fr"]);
    texts.check().unwrap();
    for language in ["en", "fr"] {
        for outcome in ["published", "failed", "unknown", "conflict"] {
            for code in Code::ALL.iter().map(|code| Some(code.as_str())).chain([None]) {
                for url in ["https://a.example/1", &format!("https://a.example/{}", "€".repeat(60)), &"é".repeat(2000)]
                {
                    let provider = serde_json::from_value(json!("p".repeat(64))).unwrap();
                    let notice = Notice { provider, url: Some(url.into()), ..notice(language, outcome, code) };
                    for tokens_refreshed in [false, true] {
                        let text = texts.text(&Notice { tokens_refreshed, ..notice.clone() });
                        assert!((20..=160).contains(&length(&text)), "{text}");
                        assert!(text.chars().all(|c| septets(c).is_some()), "{text}");
                        let more =
                            if language == "en" { " Go online to get new tokens." } else { " de nouveaux jetons." };
                        assert_eq!(text.ends_with(more), tokens_refreshed, "{text}");
                    }
                }
            }
        }
    }
}

#[test]
fn a_language_is_spoken_by_who_speaks_a_kind_of_it_and_others_read_the_fallback() {
    let texts = Texts::read(None, "en").unwrap();
    for (language, start) in [("fr", "Votre"), ("fr-CM", "Votre"), ("FR", "Votre"), ("en-GB", "Your"), ("de", "Your")] {
        assert!(texts.text(&notice(language, "failed", None)).starts_with(start), "{language}");
    }
    let own = "[fr-ca]\npublished = 'p'\nfailed = 'f'\nunknown = 'u'\nconflict = 'c'\ntokens_refreshed = 't'\n";
    let own = with_fallback(own, "fr").unwrap();
    assert_eq!(own.text(&notice("fr-CA", "failed", None)), "f");
    assert!(own.text(&notice("de", "failed", None)).starts_with("Votre"));
}

#[test]
fn an_operators_text_counts_and_what_he_does_not_write_is_built_in() {
    let texts =
        of_file("[fr]\npublished = 'Reçu {{à}} {provider} : {url}'\n[fr.failures]\nrevoked = 'révoqué ({code})'")
            .unwrap();
    let url = |url: &str| Notice { url: Some(url.into()), ..notice("fr", "published", None) };
    assert_eq!(texts.text(&url("https://a.example/€")), "Recu {à} practice : https://a.example/€");
    assert_eq!(texts.text(&url(&"x".repeat(160))), "Recu {à} practice :", "half an address is none");
    assert_eq!(texts.text(&notice("fr", "failed", Some("revoked"))), "révoqué (revoked)");
    assert!(texts.text(&notice("fr", "failed", Some("no-connection"))).contains("connectez d'abord"));
}

#[test]
fn a_text_that_cannot_be_sent_as_it_looks_is_refused_with_its_line() {
    let fits = |text: &str| of_file(&format!("[en]\npublished = \"{text}\"\n"));
    assert!(fits(&"é".repeat(110)).is_ok());
    assert!(fits(&format!("{{provider}}{}", "é".repeat(86))).is_ok());
    for (bad, told) in [
        ("{name}", "must be filled as it looks: {name} is none of {provider}, {code}, {url}"),
        ("a { b", "a \"{\" stands alone"),
        ("Отправлено", "which has no 'О'"),
        (&"é".repeat(111), "must take at most 110 characters of GSM 03.38, and takes up to 111"),
        (&"€".repeat(56), "takes up to 112"),
        (&format!("{{provider}}{}", "é".repeat(87)), "takes up to 111"),
    ] {
        let error = fits(bad).unwrap_err();
        assert!(error.starts_with("texts.toml, line 2: published: ") && error.contains(told), "{error}");
    }
    for (bad, told) in [
        ("[en]\ntokens_refreshed = '{url}'", "line 2: tokens_refreshed: must name nothing: "),
        (&format!("[en]\ntokens_refreshed = '{}'", "x".repeat(50)), "line 2: tokens_refreshed: must take at most 49"),
        ("[en]\npublised = 'x'", "line 2: unknown field `publised`"),
        ("[en.failures]\nno-such-code = 'x'", "line 2: "),
        ("[de]\nfailed = 'x'", "[de] needs published, failed"),
        ("[FR]\nfailed = 'x'", "\"FR\" is no language tag in lower case"),
    ] {
        let error = of_file(bad).unwrap_err();
        assert!(error.starts_with("texts.toml") && error.contains(told), "{error}");
    }
    assert_eq!(with_fallback("", "de").unwrap_err(), "texts.toml: notify.language: there are no texts in \"de\"");
}
