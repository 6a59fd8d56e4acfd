//! Where a server is: one address, or those of several of its nodes, each a secret.

use std::fmt;
use std::path::Path;

use serde::de::value::{MapAccessDeserializer, SeqAccessDeserializer};
use serde::de::{Error, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};

use super::SecretSource;
use super::secret::PLACES;

/// A secret, or a list of them: `{ env = "A" }`, or `[{ env = "A" }, { env = "B" }]`. At least one.
#[derive(Clone, Debug)]
pub struct Urls(Vec<SecretSource>);

impl Urls {
    /// The secrets, in the order that they are tried in.
    #[must_use]
    pub fn all(&self) -> &[SecretSource] {
        &self.0
    }

    /// Makes relative files relative to this folder.
    pub(super) fn resolve(&mut self, folder: &Path) {
        for url in &mut self.0 {
            url.resolve(folder);
        }
    }
}

impl<'de> Deserialize<'de> for Urls {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        from.deserialize_any(OneOrMore)
    }
}

struct OneOrMore;

impl<'de> Visitor<'de> for OneOrMore {
    type Value = Urls;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a secret or a list of secrets")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Urls, A::Error> {
        let one = SecretSource::deserialize(MapAccessDeserializer::new(&mut map))?;
        match map.next_key::<IgnoredAny>()? {
            None => Ok(Urls(vec![one])),
            Some(_) => Err(A::Error::custom("must be in one place: { env = … }, { file = … } or { vault = … }")),
        }
    }

    fn visit_seq<A: SeqAccess<'de>>(self, list: A) -> Result<Urls, A::Error> {
        let all = Vec::deserialize(SeqAccessDeserializer::new(list))?;
        if all.is_empty() { Err(A::Error::custom("must have one address at least")) } else { Ok(Urls(all)) }
    }

    /// The secret itself, which is not repeated.
    fn visit_str<E: Error>(self, _: &str) -> Result<Urls, E> {
        Err(E::unknown_variant("", &PLACES))
    }
}

#[cfg(test)]
mod tests {
    use crate::config::Config;

    fn read(broker: &str, store: &str) -> Result<Config, String> {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("sealpost.toml");
        let text = format!("providers = 'p'\n[broker]\nurl = {broker}\n[store]\nurl = {store}\n[keys]\nfile = 'k'\n");
        std::fs::write(&file, text).unwrap();
        Config::read(&file).map_err(|problem| problem.replace(&format!("{}, ", file.display()), ""))
    }

    #[test]
    fn an_address_may_be_one_or_a_list_of_several() {
        let one = "{ env = 'A' }";
        let several = "[\n{ env = 'A' },\n{ file = 'b' },\n]";
        let config = read(several, &format!("{several}\ncluster = true")).unwrap();
        assert_eq!((config.broker.url.all().len(), config.store.url.all().len()), (2, 2));
        let config = read(one, one).unwrap();
        assert_eq!((config.broker.url.all().len(), config.store.url.all().len()), (1, 1));
        assert!(read(one, &format!("[{one}]")).is_ok());
    }

    #[test]
    fn an_address_that_cannot_be_is_told_with_its_line_and_not_repeated() {
        for (url, told) in [
            ("[]", "line 3: url: must have one address at least"),
            ("{ env = 'hunter2', file = 'b' }", "line 3: url: must be in one place"),
            ("[\n{ env = 'A' },\n'hunter2']", "line 5: expected { env = \"VARIABLE\" }"),
            ("'hunter2'", "line 3: url: expected { env = \"VARIABLE\" }"),
            ("{ hunter2 = 'A' }", "line 3: url: expected { env = \"VARIABLE\" }"),
            ("[{ env = 'A' }, { vault = 'v' }]", "broker.url: { vault = … } needs source = \"azure\""),
            ("5", "line 3: url: expected { env = \"VARIABLE\" }"),
        ] {
            let problem = read(url, "{ env = 'B' }").unwrap_err();
            assert!(problem.contains(told) && !problem.contains("hunter2"), "{url}: {problem}");
        }
    }

    #[test]
    fn a_redis_that_is_no_cluster_has_one_address() {
        let problem = read("{ env = 'A' }", "[{ env = 'A' }, { env = 'B' }]").unwrap_err();
        assert!(problem.contains("store.url: has several addresses; write cluster = true"), "{problem}");
    }
}
