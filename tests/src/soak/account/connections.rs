//! Connections: those that ended, each with the answer that was lost and what befell the process that it was given to.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
};

use jiff::Timestamp;
use sealpost_schemas::Code;
use sealpost_shared::records::{Metadata, State};

use super::{Check, jobs};
use crate::soak::{
    audit::{Call, Evidence},
    log::{Fate, fate},
    world::{connection, user},
};

/// A family that the platform ended.
#[derive(Debug, Clone)]
pub(super) struct Ended {
    user: String,
    refused: (Timestamp, String),
    /// The last answer that the platform gave, and to whom.
    answered: Option<(Timestamp, String)>,
    /// What befell the one who was answered; or else that the one who was refused had stood still with a spent token.
    why: Option<Fate>,
}

impl fmt::Display for Ended {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { user, refused: (refused, by), answered, why } = self;
        let (at, to) = answered.as_ref().map(|(at, to)| (at.to_string(), to.as_str())).unwrap_or_default();
        let why = why.as_ref().map_or("NOTHING befell it", |why| &why.words);
        write!(f, "{user}: refresh of {at} answered to {to}; {why}; refused at {refused} to {by}")
    }
}

/// Every family with a refused refresh.
pub(super) fn ended(evidence: &Evidence) -> Vec<Ended> {
    let mut families: BTreeMap<usize, Vec<&Call>> = BTreeMap::new();
    for call in &evidence.calls {
        if let Some(family) = call.family {
            families.entry(family).or_default().push(call);
        }
    }
    let of = |calls: Vec<&Call>| {
        let refused = calls.iter().position(|call| call.outcome == "invalid_grant")?;
        let answered = calls[..refused].iter().rev().find(|call| call.outcome == "ok");
        Some(Ended {
            user: calls[refused].user.clone().unwrap_or_default(),
            refused: (calls[refused].at, calls[refused].from().into()),
            answered: answered.map(|call| (call.at, call.from().into())),
            why: answered.and_then(|call| fate(&evidence.struck, Some(call.from()), call.at)).or_else(|| {
                let refused = calls[refused];
                fate(&evidence.struck, Some(refused.from()), refused.at).filter(|fate| fate.went_on)
            }),
        })
    };
    families.into_values().filter_map(of).collect()
}

/// How many connections need consent of which no event told.
pub(super) fn untold(evidence: &Evidence) -> usize {
    let needy =
        |record: &Option<Metadata>| record.as_ref().is_some_and(|record| record.standing.state == State::NeedsConsent);
    let needy = evidence.records.iter().enumerate().filter(|(_, record)| needy(record));
    needy.filter(|(number, _)| !evidence.heard.needy.contains(&user(*number))).count()
}

/// How many refreshes the platform carried out.
pub(super) fn refreshes(evidence: &Evidence) -> usize {
    evidence.calls.iter().filter(|call| call.kind == "refresh_token" && call.outcome == "ok").count()
}

/// What must be so of connections.
pub(super) fn checks(evidence: &Evidence, ended: &[Ended]) -> Vec<Check> {
    let users: BTreeSet<&str> = ended.iter().map(|ended| ended.user.as_str()).collect();
    let unexplained = ended.iter().filter(|ended| ended.why.is_none()).map(ToString::to_string).collect();
    let failed = |job: &&crate::soak::errands::Job| {
        evidence.heard.endings.get(&job.id.to_string()).is_some_and(|all| all.iter().any(|one| one.outcome == "failed"))
    };
    let failed: Vec<_> = evidence.jobs.iter().filter(failed).collect();
    let for_nothing = failed.iter().filter(|job| {
        let endings = &evidence.heard.endings[&job.id.to_string()];
        let known = |code: &str| ["", "refresh-outcome-lost", "needs-consent", "outcome-unknown"].contains(&code);
        !users.contains(user(job.connection).as_str()) || endings.iter().any(|one| !known(&one.code))
    });
    let for_nothing = for_nothing.map(|job| format!("{} {:?}", job.id, evidence.heard.endings[&job.id.to_string()]));
    let (mut needy, mut wrong, mut marked) = (0, Vec::new(), Vec::new());
    for (number, record) in evidence.records.iter().enumerate() {
        let at = connection(number);
        let Some(record) = record else {
            wrong.push(format!("{} at {}: no record", at.user, at.provider));
            continue;
        };
        if record.marker.is_some() {
            marked.push(format!("{} at {}: {:?}", at.user, at.provider, record.marker));
        }
        if record.standing.state != State::Active {
            needy += 1;
            let whose = ended.iter().filter(|ended| ended.user == user(number));
            let known = match record.standing.code {
                Some(Code::RefreshOutcomeLost) => whose.count() > 0,
                // who goes on saves the answer that it held, and only then learns that the platform ended the family
                Some(Code::InvalidGrant) => whose.filter_map(|ended| ended.why.as_ref()).any(|why| why.went_on),
                _ => false,
            };
            if !known {
                wrong.push(format!("{} at {}: {:?}", at.user, at.provider, record.standing));
            }
        }
    }
    let (lost, unexplained_consents) = jobs::failed_consents(evidence);
    vec![
        Check::of("connections that ended with a process", ended.len(), unexplained),
        Check::of("failed jobs, all of such connections", failed.len(), for_nothing.collect()),
        Check::of("records that say why consent is needed", needy, wrong),
        Check::of("exchanges that were lost with a process", lost, unexplained_consents),
        Check::none("markers left", marked),
    ]
}
