//! Addresses whose path and query name fields. A value stays within its segment or parameter, and what came of it is
//! looked at again after parsing: the origin and everything else of the path are the entry's.

use sealpost_schemas::TextContent;
use serde::Deserialize;
use url::Url;
use url::form_urlencoded::byte_serialize;
use uuid::Uuid;

use super::super::request::RequestError;
use super::super::segment::{encoded, is_dots, is_single};
use super::{Text, Unfilled, Word, Words};

const UNFIT: &str = "is one segment of the address at this provider: it must not be empty, `.` or `..`, and have no `/`, \
                     `\\`, `%2e`, `%2f`, `%5c` or control character";

/// An address with words in its path and query.
#[derive(Clone, Debug, Deserialize)]
#[serde(try_from = "String")]
pub(in super::super) struct Address {
    /// As it is filled with harmless values.
    sample: Url,
    /// The segments of its path; none where the address names no field.
    path: Vec<Text>,
    /// The parameters of its query; none where the address names no field.
    query: Vec<Parameter>,
}

/// A parameter, as it is written in the address.
#[derive(Clone, Debug)]
struct Parameter {
    /// Its name; the whole of it, where it names no field.
    name: String,
    value: Option<Text>,
}

impl TryFrom<String> for Address {
    type Error = String;

    fn try_from(address: String) -> Result<Self, String> {
        Self::parse(&address).map_err(|problem| format!("{address:?}: {problem}"))
    }
}

impl Address {
    fn parse(address: &str) -> Result<Self, String> {
        if !address.contains(['{', '}']) {
            return Ok(Self { sample: parsed(address)?, path: Vec::new(), query: Vec::new() });
        }
        if address.contains(['#', '\\']) || address.contains("{{") {
            return Err("has no place for `#`, `\\` or a brace that means itself, where it names fields".into());
        }
        let (place, query) = address.split_once('?').map_or((address, None), |(place, query)| (place, Some(query)));
        let host = place.find("://").map_or(0, |at| at + 3);
        let (origin, path) = place.split_at(place[host..].find('/').map_or(place.len(), |at| host + at));
        if origin.contains(['{', '}']) {
            return Err("only its path and query may name fields".into());
        }
        let path = path.split('/').skip(1).map(segment).collect::<Result<Vec<_>, _>>()?;
        let query = query.iter().flat_map(|query| query.split('&')).map(Parameter::parse);
        let mut template = Self { sample: parsed(origin)?, path, query: query.collect::<Result<_, _>>()? };
        template.sample = template.sampled().map_err(|error| error.to_string())?;
        if template.sample.path_segments().map_or(0, Iterator::count) != template.path.len().max(1) {
            return Err("its path must have plain segments, without `.` and `..`".into());
        }
        Ok(template)
    }

    fn sampled(&self) -> Result<Url, RequestError> {
        let x = || Some("x".to_owned());
        let to = x().map(|one| vec![one]);
        let content = TextContent { text: "x".into(), title: x(), to, in_reply_to: x() };
        self.filled(&Words { content: &content, key: Uuid::nil() })
    }

    /// As it is without the content: for what can be said of its origin.
    pub(in super::super) fn sample(&self) -> &Url {
        &self.sample
    }

    pub(in super::super) fn names(&self, word: Word) -> bool {
        let values = self.query.iter().filter_map(|parameter| parameter.value.as_ref());
        self.path.iter().chain(values).any(|text| text.names(word))
    }

    /// The address of a request. A parameter whose field is absent is left out, `{to}` comes once for each recipient; a
    /// segment cannot be left out.
    pub(in super::super) fn fill(&self, words: &Words<'_>) -> Result<Url, RequestError> {
        let url = self.filled(words)?;
        if self.is_followed_by(&url) {
            Ok(url)
        } else {
            Err(RequestError::Malformed("the content leads out of the provider's API".into()))
        }
    }

    fn filled(&self, words: &Words<'_>) -> Result<Url, RequestError> {
        let mut url = self.sample.clone();
        if !self.path.is_empty() {
            let segments = self.path.iter().map(|text| filled_segment(text, words));
            url.set_path(&segments.collect::<Result<Vec<_>, _>>()?.join("/"));
        }
        if !self.query.is_empty() {
            let mut pairs = Vec::new();
            for Parameter { name, value } in &self.query {
                let Some(value) = value else {
                    pairs.push(name.clone());
                    continue;
                };
                let values = value.fill_each(words, |value| byte_serialize(value.as_bytes()).collect())?;
                pairs.extend(values.into_iter().map(|value| format!("{name}={value}")));
            }
            url.set_query((!pairs.is_empty()).then(|| pairs.join("&")).as_deref());
        }
        Ok(url)
    }

    /// Whether an address differs from this one in nothing but what words stand for.
    fn is_followed_by(&self, url: &Url) -> bool {
        let segments = |url: &Url| url.path().split('/').skip(1).map(ToOwned::to_owned).collect::<Vec<_>>();
        let (mine, its) = (segments(&self.sample), segments(url));
        let free = |at: usize| self.path.get(at).is_some_and(|text| text.words().next().is_some());
        url.origin() == self.sample.origin()
            && mine.len() == its.len()
            && mine.iter().zip(&its).enumerate().all(|(at, (mine, its))| free(at) || mine == its)
            && url.fragment().is_none()
    }
}

fn parsed(address: &str) -> Result<Url, String> {
    let url: Url = address.parse().map_err(|error| format!("is no address: {error}"))?;
    if url.has_host() { Ok(url) } else { Err("is no address: it has no host".into()) }
}

fn segment(text: &str) -> Result<Text, String> {
    let text = Text::parse(text)?;
    if text.is_list() {
        return Err("{to} is a list, and a path has no place for one; {recipient} is the only recipient".into());
    }
    Ok(text)
}

/// A value in it is encoded as a whole, so that it cannot end its segment.
fn filled_segment(text: &Text, words: &Words<'_>) -> Result<String, RequestError> {
    let escape = |value: &str| if is_single(value) { Ok(encoded(value)) } else { Err(UNFIT) };
    let filled = text.fill(words, escape).map_err(Unfilled::required)?;
    // together the pieces may be what none of them is
    match text.words().next() {
        Some(word) if filled.is_empty() || is_dots(&filled) => Err(word.unfit(UNFIT)),
        _ => Ok(filled),
    }
}

impl Parameter {
    fn parse(pair: &str) -> Result<Self, String> {
        let (name, value) = match pair.split_once('=') {
            Some((name, value)) => (name, Some(Text::parse(value)?)),
            None => (pair, None),
        };
        if name.contains(['{', '}']) {
            return Err(format!("{name:?}: the name of a parameter is no template"));
        }
        // what names nothing stays as it is written
        let (name, value) = match value {
            Some(value) if value.words().next().is_some() => (name, Some(value)),
            _ => (pair, None),
        };
        Ok(Self { name: name.into(), value })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::super::tests::{content, words};
    use super::Address;

    fn address(template: &str) -> Result<Address, String> {
        template.to_owned().try_into()
    }

    fn filled(template: &str, fields: &Value) -> Result<String, String> {
        let filled = address(template)?.fill(&words(&content(fields)));
        filled.map(Into::into).map_err(|error| error.to_string())
    }

    /// With this recipient and text.
    fn to(template: &str, recipient: &str, text: &str) -> Result<String, String> {
        filled(template, &json!({"text": text, "to": [recipient]}))
    }

    const ROOM: &str = "https://p.example/v3/rooms/{recipient}/send/m.room.message/{key}?a=%20b&c";

    #[test]
    fn a_value_is_one_segment_and_what_it_holds_is_encoded() {
        let of = |room: &str| {
            let whole = to(ROOM, room, "t").unwrap();
            let rest = "/send/m.room.message/00000000-0000-0000-0000-000000000000?a=%20b&c";
            whole.strip_prefix("https://p.example/v3/rooms/").and_then(|url| url.strip_suffix(rest)).unwrap().to_owned()
        };
        for (room, encoded) in [
            ("!abc:p.example", "%21abc%3Ap.example"),
            ("#room?x=1&y", "%23room%3Fx%3D1%26y"),
            ("a b%41é+;@", "a%20b%2541%C3%A9%2B%3B%40"),
            ("...", "..."),
            ("{key}", "%7Bkey%7D"),
        ] {
            assert_eq!(of(room), encoded, "{room}");
        }
        assert_eq!(to("https://p.example/~{recipient}.json", "a.b", "t").unwrap(), "https://p.example/~a.b.json");
    }

    #[test]
    fn no_value_leads_to_another_path_however_a_server_decodes_it() {
        for evil in [
            "",
            ".",
            "..",
            "/",
            "a/b",
            "../x",
            "/..",
            "//evil.example",
            "\\evil.example",
            "..\\x",
            "%2e%2e",
            "%2E.",
            "a%2fb",
            "%5c",
            "a\nb",
            "\0",
            "\u{85}",
            "\t..",
        ] {
            let error = to(ROOM, evil, "t").unwrap_err();
            assert!(error.starts_with("content.to: is one segment of the address"), "{evil:?}: {error}");
        }
        // which is none of them, but both together
        for template in ["https://p.example/{recipient}{text}/x", "https://p.example/%2e{text}"] {
            assert!(to(template, ".", ".").unwrap_err().contains("is one segment"), "{template}");
        }
    }

    #[test]
    fn a_value_in_a_query_stays_in_its_parameter_and_an_absent_one_is_left_out() {
        let template = "https://p.example/send?v=1&text={text}&re={in_reply_to}&to={to}&s=%2B{title}";
        assert_eq!(
            filled(template, &json!({"text": "a b&to=evil#x?%41+é\r\n"})).unwrap(),
            "https://p.example/send?v=1&text=a+b%26to%3Devil%23x%3F%2541%2B%C3%A9%0D%0A"
        );
        assert_eq!(
            filled(template, &json!({"text": "t", "title": "i", "to": ["a&b", "c"], "in_reply_to": "7"})).unwrap(),
            "https://p.example/send?v=1&text=t&re=7&to=a%26b&to=c&s=%2Bi"
        );
        assert_eq!(filled("https://p.example?re={title}", &json!({"text": "t"})).unwrap(), "https://p.example/");
    }

    #[test]
    fn an_address_that_is_not_the_entrys_any_more_is_known_as_such() {
        let entry = address("https://p.example/v3/{recipient}/send?a={text}").unwrap();
        let follows = |url: &str| entry.is_followed_by(&url.parse().unwrap());
        assert!(follows("https://p.example/v3/anything/send") && follows("https://p.example:443/v3/x/send?b=c"));
        for other in [
            "https://evil.example/v3/x/send",
            "http://p.example/v3/x/send",
            "https://p.example:8443/v3/x/send",
            "https://p.example/v4/x/send",
            "https://p.example/v3/x/sent",
            "https://p.example/v3/x/y/send",
            "https://p.example/v3/send",
            "https://p.example/v3/x/send/",
            "https://p.example/v3/x/send#y",
        ] {
            assert!(!follows(other), "{other}");
        }
    }

    #[test]
    fn a_segment_cannot_be_left_out_and_has_one_recipient() {
        let error = filled(ROOM, &json!({"text": "t"})).unwrap_err();
        assert_eq!(error, "content.to is missing; the provider's address needs it");
        let error = filled(ROOM, &json!({"text": "t", "to": ["a", "b"]})).unwrap_err();
        assert!(error.contains("takes one recipient"), "{error}");
    }

    #[test]
    fn an_address_that_names_no_field_stays_as_it_is() {
        for fixed in ["https://p.example/a%20b?c=d%26e", "http://[::1]:8080/", "https://p.example/?"] {
            assert_eq!(to(fixed, "r", "t").unwrap(), fixed);
        }
    }

    #[test]
    fn an_address_whose_origin_could_change_or_whose_path_is_not_plain_is_refused() {
        for (bad, named) in [
            ("https://{recipient}/x", "only its path and query may name fields"),
            ("https://{recipient}@p.example/x", "only its path and query"),
            ("https://p.example{text}", "only its path and query"),
            ("https://p.example:{text}/", "only its path and query"),
            ("{text}", "only its path and query"),
            ("{text}://p.example/", "only its path and query"),
            ("/{text}", "is no address"),
            ("mailto:{text}", "only its path and query"),
            ("data:x", "it has no host"),
            ("https://p.example/{to}", "{recipient} is the only recipient"),
            ("https://p.example/{txt}", "{txt} is none of"),
            ("https://p.example/a/../{text}", "plain segments"),
            ("https://p.example/%2e%2e/{text}", "plain segments"),
            ("https://p.example/a\\{text}", "no place for"),
            ("https://p.example/{text}#x", "no place for"),
            ("https://p.example/{{text}}", "no place for"),
            ("https://p.example/x?{text}=1", "name of a parameter"),
            ("https://p.example/x?{text}", "name of a parameter"),
            ("https://p.example/}", "stands alone"),
        ] {
            let error = address(bad).unwrap_err();
            assert!(error.contains(named), "{bad}: {error}");
        }
    }
}
