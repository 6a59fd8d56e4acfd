//! Jobs: answered, with one ending, the same everywhere, posted once.

use jiff::SignedDuration;

use super::Check;
use crate::soak::{
    audit::{Call, Entry, Evidence},
    errands::{Job, text},
    log::fate,
    told::Ending,
    world::user,
};

/// A request that was marked as sent is sent while its claim lasts.
const SENT_WITHIN: SignedDuration = SignedDuration::from_secs(12);

const NOTHING: &[Ending] = &[];

impl Evidence {
    fn endings(&self, of: &Job) -> &[Ending] {
        self.heard.endings.get(&of.id.to_string()).map_or(NOTHING, Vec::as_slice)
    }

    fn outcome(&self, job: &Job) -> &str {
        self.endings(job).last().map_or("", |ending| &ending.outcome)
    }

    fn entry(&self, of: &Job) -> Entry {
        self.ledger.get(&of.id.to_string()).cloned().unwrap_or_default()
    }

    fn posts(&self, job: &Job) -> usize {
        self.posts.get(&text(job.id)).copied().unwrap_or_default()
    }

    /// All jobs of which this is so, in words.
    fn those(&self, so: impl Fn(&Job) -> bool) -> Vec<String> {
        self.jobs.iter().filter(|job| so(job)).map(|job| self.words(job)).collect()
    }

    fn words(&self, job: &Job) -> String {
        let told: Vec<_> = self.endings(job).iter().map(|one| format!("{} {}", one.outcome, one.code)).collect();
        let entry = self.entry(job);
        let (at, posts) = (crate::soak::world::connection(job.connection), self.posts(job));
        let told = told.join(", then ");
        let (user, provider) = (at.user, at.provider);
        format!(
            "{} of {user} at {provider}: told {told:?}, ledger {:?} {:?}, {posts} posts",
            job.id, entry.state, entry.outcome
        )
    }
}

/// Everything about jobs that needs no explanation.
pub(super) fn checks(evidence: &Evidence) -> Vec<Check> {
    let all = evidence.jobs.len();
    let unanswered = evidence.consents.iter().filter(|one| evidence.endings(one).is_empty());
    let unanswered = unanswered.map(|one| one.id.to_string()).collect();
    let has_post = |job: &Job| evidence.posts(job) > 0;
    vec![
        Check::of("jobs answered", all, evidence.those(|job| evidence.endings(job).is_empty())),
        Check::of("jobs with one ending", all, evidence.those(|job| !is_one(evidence.endings(job)))),
        Check::of(
            "jobs of which the ledger says the same",
            all,
            evidence.those(|job| !agrees(&evidence.entry(job), evidence.outcome(job))),
        ),
        Check::none("jobs posted twice", evidence.those(|job| evidence.posts(job) > 1)),
        Check::of(
            "published jobs that have a post",
            told(evidence, "published"),
            evidence.those(|job| evidence.outcome(job) == "published" && !has_post(job)),
        ),
        Check::none(
            "failed jobs that have a post",
            evidence.those(|job| evidence.outcome(job) == "failed" && has_post(job)),
        ),
        Check::of("exchange requests answered", evidence.consents.len(), unanswered),
    ]
}

/// How many ended so at last.
pub(super) fn told(evidence: &Evidence, outcome: &str) -> usize {
    evidence.jobs.iter().filter(|job| evidence.outcome(job) == outcome).count()
}

/// A later truth may follow an unknown outcome; nothing else may follow anything.
fn is_one(endings: &[Ending]) -> bool {
    let mut outcomes: Vec<&str> = endings.iter().map(|ending| ending.outcome.as_str()).collect();
    outcomes.dedup();
    outcomes.len() <= 1 || outcomes == ["unknown", "published"]
}

/// A job that failed before anything was sent keeps no result: sent again it is tried again.
fn agrees(entry: &Entry, told: &str) -> bool {
    match told {
        "published" => entry.state == "done" && entry.outcome == "happened",
        "failed" => entry.state == "claimed" || (entry.state == "done" && entry.outcome == "refused"),
        "unknown" => entry.state == "unknown",
        _ => false,
    }
}

/// How many were told as unknown, and as published when that became known.
pub(super) fn cleared_up(evidence: &Evidence) -> usize {
    evidence.jobs.iter().filter(|job| evidence.outcome(job) == "published" && evidence.endings(job).len() > 1).count()
}

/// The jobs of unknown outcome that are explained, and those that are not.
pub(super) fn unknown(evidence: &Evidence) -> (Vec<String>, Vec<String>) {
    let (mut explained, mut unexplained) = (Vec::new(), Vec::new());
    for job in evidence.jobs.iter().filter(|job| evidence.outcome(job) == "unknown") {
        let (words, post) = (evidence.words(job), text(job.id));
        // the platform knows whose request it carried out; of one that never came only the ledger knows when it was marked
        let call = evidence.calls.iter().find(|call| call.text.as_ref() == Some(&post));
        let why = match (call, evidence.entry(job).first) {
            (Some(call), _) => fate(&evidence.struck, Some(call.from()), call.at).map(|fate| fate.words),
            (None, Some(marked)) => {
                fate(&evidence.struck, None, marked).map(|fate| format!("never arrived: {}", fate.words))
            }
            (None, None) => None,
        };
        match why {
            Some(why) => explained.push(format!("{words}: {why}")),
            None => unexplained.push(words),
        }
    }
    (explained, unexplained)
}

/// How an exchange request ended that failed, with the reason; or that none is known.
pub(super) fn failed_consents(evidence: &Evidence) -> (usize, Vec<String>) {
    let failed = evidence.consents.iter().filter(|one| evidence.outcome(one) != "stored");
    let failed: Vec<_> = failed.filter(|one| !evidence.endings(one).is_empty()).collect();
    let unexplained = failed.iter().filter(|one| {
        let lost = evidence.endings(one).iter().all(|ending| ending.code == "exchange-outcome-lost");
        let fate = evidence.entry(one).first.and_then(|marked| {
            // the provider knows who sent it, if it came
            let whose = user(one.connection);
            let sent = |call: &&Call| {
                call.kind == "authorization_code" && call.user.as_ref() == Some(&whose) && call.at >= marked
            };
            let call = evidence.calls.iter().filter(sent).find(|call| call.at < marked + SENT_WITHIN);
            fate(&evidence.struck, call.map(Call::from), call.map_or(marked, |call| call.at))
        });
        !lost || fate.is_none()
    });
    (failed.len(), unexplained.map(|one| evidence.words(one)).collect())
}
