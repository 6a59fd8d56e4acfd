//! A refresh that is interrupted at each of its points, and answers that are lost, late, torn or followed by a repeat: what
//! becomes of the connection by the rules of each server. Every line of the tables is asserted.

use std::{collections::HashMap, fmt::Write, fs, time::Duration};

use jiff::SignedDuration;
use sealpost::providers::Catalogue;
use sealpost_schemas::{Connection, ProviderId};
use sealpost_shared::{
    clock::{Clock, SystemClock},
    oauth::{CodeGrant, Consent, OAuthProvider, TokenAnswer, exchange_code, refresh},
    secrets::Secrets,
};
use sealpost_tests::{
    Proxy, Weather,
    django_peer::DjangoPeer,
    oidc_peer::OidcPeer,
    pipeline::{REDIRECT, SOON, connection},
    until,
    zitadel_peer::ZitadelPeer,
};
use secrecy::SecretString;
use url::Url;

use super::super::{
    points::{end, interrupted_everywhere},
    world::{PATIENT, World, granted},
};
use super::stage::entry_at;

/// How long a token call may take: longer than these servers need when they are asked by many at once.
const LIMIT: Duration = Duration::from_secs(4);

/// What becomes of a connection: where the answer died with its process, and where its old refresh token was sent again
/// behind the back of who had refreshed it.
struct Rules {
    lost: &'static str,
    repeated: &'static str,
}

struct Peer<C> {
    world: World,
    name: &'static str,
    issuer: String,
    port: u16,
    consent: C,
}

impl<C: AsyncFn(Url) -> Url> Peer<C> {
    async fn start(name: &'static str, (issuer, port): (&str, u16), consent: C) -> Self {
        Self { world: World::start().await, name, issuer: issuer.into(), port, consent }
    }

    /// The example's entry, reached at this port.
    fn provider(&self, port: u16) -> OAuthProvider {
        let file = self.world.file(&format!("{}-{port}.toml", self.name));
        fs::write(&file, entry_at(self.name, &self.issuer, &format!("http://127.0.0.1:{port}"))).unwrap();
        self.world.secret(&format!("{}.secret", self.name));
        Catalogue::read(&file).unwrap().get(&ProviderId::new(self.name).unwrap()).unwrap().oauth.clone()
    }

    /// A connection whose access token counts as expired, by a consent in the server's own pages; and its refresh token.
    async fn expired(&self, user: &str) -> (Connection, SecretString) {
        let provider = self.provider(self.port);
        let begun = Consent::begin(&provider, REDIRECT).unwrap();
        let back: HashMap<_, _> = (self.consent)(begun.url).await.query_pairs().into_owned().collect();
        let code = SecretString::from(back["code"].clone());
        let grant = CodeGrant { code: &code, redirect_uri: REDIRECT, code_verifier: &begun.verifier };
        let (pass, now) = (self.world.pass(self.name).await, SystemClock.now());
        let secret = provider.credential(&Secrets::default(), now).await.map_err(|failure| failure.message).unwrap();
        let tokens = exchange_code(&pass, &provider, &secret, &grant, (PATIENT, now)).await.unwrap();
        let expires_at = Some(now - SignedDuration::from_secs(5));
        self.world.store(user, &TokenAnswer { expires_at, ..tokens }).await;
        (connection("acme", user), self.world.content(user).await.tokens.refresh_token.unwrap())
    }

    async fn holds(&self, rules: Rules) {
        let provider = self.provider(self.port);
        let expired = async |user: &str| self.expired(user).await.0;
        interrupted_everywhere(&self.world, (&provider, LIMIT), expired, rules.lost).await;

        let slow = LIMIT.mul_f32(0.6);
        let mut ends = Vec::new();
        for (answer, weather) in
            [("lost", Weather::CutAfter(1)), ("torn", Weather::CutAfter(250)), ("late", Weather::Latency(slow))]
        {
            ends.push((answer, self.answered_in(answer, weather).await, rules.lost));
        }
        ends.push(("then repeated", self.repeated().await, rules.repeated));
        let mut table = String::from("the answer is    the connection\n");
        for (answer, end, _) in &ends {
            writeln!(table, "{answer:16} {end}").unwrap();
        }
        println!("{table}");
        assert!(ends.iter().all(|(_, end, expected)| end == expected), "{} {} {table}", rules.lost, rules.repeated);
    }

    /// The server refreshes, and its answer meets this weather. The token call fails, and is made again in fair weather.
    async fn answered_in(&self, user: &str, weather: Weather) -> &'static str {
        let (connection, _) = self.expired(user).await;
        let way = Proxy::to_port(self.port).await;
        let provider = self.provider(way.port());
        let keeper = self.world.keeper(LIMIT).await;
        way.set(weather);
        assert!(keeper.access_token(&connection, &provider).await.is_err(), "{user}: the answer arrived");
        way.set(Weather::Fair);
        end(Ok(until("it is settled", SOON, async || keeper.access_token(&connection, &provider).await.ok()).await))
    }

    /// The answer arrives and is saved, and then the same request arrives at the server once more.
    async fn repeated(&self) -> &'static str {
        let (connection, spent) = self.expired("repeated").await;
        let (provider, keeper) = (self.provider(self.port), self.world.keeper(LIMIT).await);
        granted(keeper.access_token(&connection, &provider).await);
        let pass = self.world.pass(self.name).await;
        let secret = provider.credential(&Secrets::default(), SystemClock.now()).await;
        let secret = secret.map_err(|failure| failure.message).unwrap();
        let _ = refresh(&pass, &provider, &secret, (&spent, None), (PATIENT, SystemClock.now())).await;
        let generation = self.world.record("repeated").await.metadata.generation;
        end(keeper.newer_than(generation, &connection, &provider).await)
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn at_oidc_provider_an_answer_that_died_ends_the_grant_and_so_does_a_repeat() {
    let server = OidcPeer::start().await;
    let consent = async |url| server.consent("ada", url).await;
    let peer = Peer::start("oidc-provider", (server.issuer(), server.port()), consent).await;
    peer.holds(Rules { lost: "refresh-outcome-lost", repeated: "needs-consent" }).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn at_zitadels_server_an_answer_that_died_is_told_and_a_repeat_harms_nobody() {
    let server = ZitadelPeer::start().await;
    let consent = async |url| server.consent(url).await;
    let peer = Peer::start("zitadel", (server.issuer(), server.port()), consent).await;
    peer.holds(Rules { lost: "refresh-outcome-lost", repeated: "works" }).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn at_djangos_server_the_grace_brings_a_dead_answer_again_and_a_repeat_harms_nobody() {
    let server = DjangoPeer::start(120).await;
    let consent = async |url| server.consent("ada", url).await;
    let peer = Peer::start("django", (server.issuer(), server.port()), consent).await;
    peer.holds(Rules { lost: "works", repeated: "works" }).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn at_djangos_server_without_a_grace_a_dead_answer_is_told_and_a_repeat_ends_the_family() {
    let server = DjangoPeer::start(0).await;
    let consent = async |url| server.consent("ada", url).await;
    let peer = Peer::start("django", (server.issuer(), server.port()), consent).await;
    peer.holds(Rules { lost: "refresh-outcome-lost", repeated: "needs-consent" }).await;
}
