//! What the producer sends, and when.

use std::time::Duration;

use fastrand::Rng;
use sealpost_shared::ids;
use serde_json::{Value, json};
use uuid::Uuid;

use super::{
    mail::Mail,
    world::{World, connection, user},
};
use crate::pipeline::{REDIRECT, rotation_tick};

/// A job, by its number in the list of all.
#[derive(Debug, Clone, Copy)]
pub(super) struct Job {
    pub(super) id: Uuid,
    pub(super) connection: usize,
}

/// One thing to send.
#[derive(Debug, Clone, Copy)]
pub(super) enum Errand {
    /// A job; every twentieth is sent again.
    Job(Job),
    /// Consent given anew by the user of a connection.
    Consent(Job),
    /// A new key version, and a tick that seals everything under it.
    Rotation,
}

/// Everything that is sent while blows fall.
pub(super) struct Errands {
    pub(super) jobs: Vec<Job>,
    pub(super) consents: Vec<Job>,
    /// Sorted by time.
    pub(super) all: Vec<(Duration, Errand)>,
}

/// Between two rotations.
const ROTATE: Duration = Duration::from_secs(15);

impl Errands {
    pub(super) fn new(seed: u64, jobs: usize, connections: usize, lasts: Duration) -> Self {
        let mut rng = Rng::with_seed(seed ^ 0x5eed);
        let mut list = |number: usize| -> Vec<Job> {
            (0..number).map(|_| Job { id: ids::fresh(), connection: rng.usize(..connections) }).collect()
        };
        let (jobs, consents) = (list(jobs), list(jobs / 50));
        let mut all = Vec::new();
        for job in &jobs {
            let at = lasts.mul_f64(rng.f64());
            all.push((at, Errand::Job(*job)));
            if rng.u8(..20) == 0 {
                let later = if rng.bool() { Duration::ZERO } else { Duration::from_secs_f64(20.0 * rng.f64()) };
                all.push(((at + later).min(lasts), Errand::Job(*job)));
            }
        }
        all.extend(consents.iter().map(|consent| (lasts.mul_f64(rng.f64()), Errand::Consent(*consent))));
        let rotations = (1..).map(|n| ROTATE * n).take_while(|at| *at < lasts);
        all.extend(rotations.map(|at| (at, Errand::Rotation)));
        all.sort_by_key(|(at, _)| *at);
        Self { jobs, consents, all }
    }
}

/// Sends it, until the broker has it.
pub(super) async fn send(world: &World, mail: &mut Mail, errand: Errand) {
    match errand {
        Errand::Job(job) => mail.send("publish-job.v1", &publish_job(job)).await,
        Errand::Consent(consent) => {
            let request = exchange_request(world, consent).await;
            mail.send("exchange-request.v1", &request).await;
        }
        Errand::Rotation => {
            world.rotate_key();
            mail.send("rotation-tick.v1", &rotation_tick()).await;
        }
    }
}

/// What a job's post says: no two say the same.
pub(super) fn text(job: Uuid) -> String {
    format!("job {job}")
}

fn publish_job(job: Job) -> Value {
    let of = connection(job.connection);
    json!({
        "id": job.id, "owner": {"tenant": of.tenant, "user": of.user}, "provider": of.provider,
        "content": {"type": "post", "text": text(job.id)}
    })
}

async fn exchange_request(world: &World, consent: Job) -> Value {
    let of = connection(consent.connection);
    let code = world.sandbox.mint_code(&user(consent.connection), REDIRECT, Some(CHALLENGE)).await;
    json!({
        "id": consent.id, "owner": {"tenant": of.tenant, "user": of.user}, "provider": of.provider,
        "grant": {"type": "authorization_code", "code": code, "redirect_uri": REDIRECT, "code_verifier": VERIFIER}
    })
}

/// The example of RFC 7636, appendix B: who knows a practice code may have it.
const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
const CHALLENGE: &str = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";
