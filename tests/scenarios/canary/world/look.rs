//! Where secrets and names are looked for.

use std::fs;

use base64::prelude::{BASE64_STANDARD, Engine};
use sealpost_tests::Worker;
use sealpost_tests::canary::{Find, none};
use sealpost_tests::pipeline::text_of;
use serde_json::Value;

use super::super::tokens;
use super::{HEARD, World};
use crate::operations::secrets::{bodies, headers};

impl World {
    /// What was given out or made meanwhile is a secret too.
    async fn gather(&self) {
        let given = self.pipeline.sandbox.secrets().await;
        for (kind, name) in [
            ("codes", "a code of the platform"),
            ("access_tokens", "an access token"),
            ("refresh_tokens", "a refresh token"),
            ("id_tokens", "an ID token"),
        ] {
            for token in given[kind].as_array().unwrap() {
                tokens::parts(name, token.as_str().unwrap()).for_each(|(name, part)| self.secret(&name, part));
            }
        }
        let keyring: Value = serde_json::from_str(&text_of(&self.pipeline.keyring())).unwrap();
        let bytes = |text: &Value| BASE64_STANDARD.decode(text.as_str().unwrap()).unwrap();
        self.secret("the index key", bytes(&keyring["index_key"]));
        for version in keyring["versions"].as_array().unwrap() {
            self.secret(&format!("the key {}", version["version"]), bytes(&version["key"]));
        }
    }

    /// Fails if anything is anywhere. The servers may run or not; `workers` run, or are gone.
    pub(in crate::canary) async fn look(&self, workers: &[&Worker]) {
        none(&self.finds(workers).await);
    }

    /// All that is anywhere.
    pub(in crate::canary) async fn finds(&self, workers: &[&Worker]) -> Vec<Find> {
        self.gather().await;
        for worker in workers.iter().filter(|worker| worker.lives()) {
            self.told("the metrics", worker.page("/metrics").await.1);
            self.told("the readiness", worker.page("/readyz").await.1);
            // not what it was given by a file's name, but all that others see of the process
            let at = format!("/proc/{}", worker.pid());
            self.told("the command line", text_of(format!("{at}/cmdline").as_ref()));
            self.told("the environment", String::from_utf8_lossy(&fs::read(format!("{at}/environ")).unwrap()));
        }
        let mut finds = self.in_files();
        finds.extend(self.known(|known| {
            let search = known.secrets.search();
            known.told.drain(..).flat_map(|(what, text)| search.text(&what, text)).collect::<Vec<_>>()
        }));
        finds
    }

    fn in_files(&self) -> Vec<Find> {
        self.known(|known| {
            let (secrets, redis) = (known.secrets.search(), self.pipeline.rig.redis.folder());
            let mut finds = secrets.folder(redis);
            finds.extend(known.hidden.search().folder(redis));
            finds.extend(known.not_in_messages().search().folder(self.rabbitmq.folder()));
            let logs = fs::read_dir(self.pipeline.rig.folder()).unwrap().flatten().map(|entry| entry.path());
            let logs = logs.filter(|path| path.extension().is_some_and(|ending| ending == "log"));
            finds.extend(logs.flat_map(|log| secrets.file(&log)));
            finds
        })
    }

    /// Redis's other kind of file.
    pub(in crate::canary) async fn snapshot(&self) {
        let client = redis::Client::open(self.pipeline.rig.redis_url()).unwrap();
        let mut redis = client.get_multiplexed_async_connection().await.unwrap();
        let _: String = redis::cmd("SAVE").query_async(&mut redis).await.unwrap();
    }

    /// The last look: at what readers get, and at the files after everything was stopped.
    pub(in crate::canary) async fn ends(self, worker: Worker) {
        self.listen_in().await;
        self.snapshot().await;
        self.rabbitmq.terminate().await;
        worker.logged("no broker connection").await;
        worker.terminate();
        worker.ended().await;
        self.pipeline.rig.redis.terminate().await;
        assert!(worker.log().contains("TRACE"), "the finest level");
        self.look(&[]).await;
        self.known(|known| {
            for name in ["an access token", "a refresh token", "an ID token", "a code", "a code verifier", "the key "] {
                assert!(known.secrets.count(name) > 0, "no {name} was looked for");
            }
        });
    }

    /// Takes what the broker holds for its readers, so that it is looked at: events, and dead letters.
    pub(in crate::canary) async fn listen_in(&self) {
        let events = self.pipeline.rig.broker.drain(HEARD).await;
        self.heard("events", &events);
        let dead = self.pipeline.rig.broker.drain("dead-letters").await;
        self.told("the headers of dead letters", headers(&dead));
        let others = self.known(|known| known.not_in_messages());
        none(&others.search().text("the bodies of dead letters", bodies(&dead)));
    }
}
