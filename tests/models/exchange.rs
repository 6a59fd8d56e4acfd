//! The exchange's ledger: one request, two workers, a broker that delivers at least once and may redeliver while the first
//! worker still runs, and a provider that may get to a request late. Its grant is a code, whose second use would end what
//! the first one brought (RFC 6749 §4.1.2), or a refresh token that is brought in, which a doubt sends again. Anybody may
//! crash anywhere, answers get lost, claims run out under slow workers; meanwhile the owner is revoked, consents anew, or
//! the same token is brought in for another connection. Left out: ID tokens, what cannot be told from a refusal here.
//!
//! What the protocol does not promise is excused by name: a brought-in token whose request or answer is under way past
//! its claim ([`World::excused`]) or its lease ([`World::long_excused`]), and a worker that stores past its claim and dies
//! before it says so ([`World::silenced`]). No code is sent twice even then.

mod actions;
mod ledger;
mod promises;
mod steps;
mod world;

use std::collections::BTreeSet;

use stateright::{Checker, HasDiscoveries, Model, Property};

use self::promises::{
    FAILED, FAIR, GIVEN_UP, MUST_HOLD, NOTHING, OTHERWISE, RESURRECTED, TWICE, TWO, UNANSWERED, VAIN, WORKS,
};
use self::world::World;

/// A rule of the protocol that can be left out, to see that the properties notice.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Rule {
    LivingClaimIsWaitedFor,
    ClaimOverBeforeADoubt,
    MarkNeedsTheClaim,
    MarkBeforeTheRequest,
    ClockBeforeTheRequest,
    LookAtTheRecord,
    CodeIsSentOnce,
    LostIsNotUnsent,
    LostIsNoRefusal,
    EpochOfTheFirstClaim,
    EpochBeforeTheRequest,
    EpochAtTheSave,
    RefusedSaveIsNotStored,
    SaveInDoubtIsLookedUp,
    LateTruthCounts,
    WordOnlyOnADoubt,
    WordOnlyOnWhatWasLookedAt,
    WordThatDidNotCountIsNotTold,
    WhatIsToldIsWritten,
    TokenLease,
    HeldIsLookedFor,
    UnfinishedKeepsItsTurn,
    AnswerBeforeAck,
}

/// What the request brings, and what its provider does.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Kind {
    Code,
    /// A refresh token, at a provider that replaces it, and ends the family when it comes again.
    Rotating,
    /// A refresh token that stays good.
    Steady,
}

/// How often each kind of fault may strike.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
struct Faults {
    crashes: u8,
    lost: u8,
    unreached: u8,
    late: u8,
    overruns: u8,
    redeliveries: u8,
    away: u8,
    revocations: u8,
    consents: u8,
    others: u8,
}

struct Protocol {
    kind: Kind,
    faults: Faults,
    left_out: Option<Rule>,
}

impl Protocol {
    fn lacks(&self, rule: Rule) -> bool {
        self.left_out == Some(rule)
    }
}

impl Model for Protocol {
    type State = World;
    type Action = actions::Action;

    fn init_states(&self) -> Vec<World> {
        vec![World::new(self.faults)]
    }

    fn actions(&self, world: &World, actions: &mut Vec<Self::Action>) {
        actions::possible(self, world, actions);
    }

    fn next_state(&self, world: &World, action: Self::Action) -> Option<World> {
        actions::take(self, world.clone(), action).map(World::in_order)
    }

    /// Workers that a rule left out sends round and round.
    fn within_boundary(&self, world: &World) -> bool {
        world.sent < 8
    }

    fn properties(&self) -> Vec<Property<Self>> {
        promises::all()
    }
}

/// Which faults may come together. Each is small enough to be explored whole.
fn weathers() -> [(&'static str, Faults); 7] {
    let none = Faults::default();
    [
        ("fair", Faults { redeliveries: 2, unreached: 1, consents: 1, ..none }),
        ("losses", Faults { crashes: 1, lost: 1, redeliveries: 1, ..none }),
        ("slow workers", Faults { crashes: 1, overruns: 2, redeliveries: 1, ..none }),
        ("late requests", Faults { lost: 1, late: 1, overruns: 1, redeliveries: 1, ..none }),
        ("Redis is away", Faults { away: 1, crashes: 1, redeliveries: 1, ..none }),
        ("people", Faults { crashes: 1, lost: 1, revocations: 1, consents: 1, ..none }),
        ("another connection", Faults { crashes: 1, lost: 1, others: 1, ..none }),
    ]
}

const KINDS: [Kind; 3] = [Kind::Code, Kind::Rotating, Kind::Steady];

#[test]
fn no_order_of_steps_and_faults_tells_a_lie_of_an_exchange() {
    let (mut all, mut seen) = (0, BTreeSet::new());
    for kind in KINDS {
        for (weather, faults) in weathers() {
            let checker = Protocol { kind, faults, left_out: None }.checker().threads(2).spawn_bfs().join();
            println!("{kind:?}, {weather}: {} states", checker.unique_state_count());
            all += checker.unique_state_count();
            for (name, path) in checker.discoveries() {
                assert!(!MUST_HOLD.contains(&name), "{kind:?}, {weather}: {name}: {:?}", path.into_actions());
                seen.insert(name);
            }
        }
    }
    println!("{all} states");
    assert_eq!(seen.len(), 6, "what shall happen sometimes: {seen:?}");
}

/// The actions that break this property when the rule is left out.
fn breaks(rule: Rule, property: &'static str) -> Option<String> {
    let enough = HasDiscoveries::AnyOf([property].into());
    weathers().into_iter().find_map(|(weather, faults)| {
        KINDS.into_iter().find_map(|kind| {
            let model = Protocol { kind, faults, left_out: Some(rule) };
            let checker = model.checker().finish_when(enough.clone()).threads(2).spawn_bfs().join();
            let path = checker.discovery(property)?;
            Some(format!("{kind:?}, {weather}: {:?}", path.into_actions()))
        })
    })
}

#[test]
fn every_rule_of_an_exchange_is_needed() {
    let mut idle = Vec::new();
    for (rule, property) in [
        (Rule::LivingClaimIsWaitedFor, FAIR),
        (Rule::ClaimOverBeforeADoubt, WORKS),
        (Rule::MarkNeedsTheClaim, TWICE),
        (Rule::MarkBeforeTheRequest, TWICE),
        (Rule::ClockBeforeTheRequest, WORKS),
        (Rule::LookAtTheRecord, FAILED),
        (Rule::CodeIsSentOnce, TWICE),
        (Rule::LostIsNotUnsent, TWICE),
        (Rule::LostIsNoRefusal, GIVEN_UP),
        (Rule::EpochOfTheFirstClaim, RESURRECTED),
        (Rule::EpochBeforeTheRequest, VAIN),
        (Rule::EpochAtTheSave, RESURRECTED),
        (Rule::RefusedSaveIsNotStored, NOTHING),
        (Rule::SaveInDoubtIsLookedUp, FAILED),
        (Rule::LateTruthCounts, FAILED),
        (Rule::WordOnlyOnADoubt, FAILED),
        (Rule::WordOnlyOnWhatWasLookedAt, FAILED),
        (Rule::WordThatDidNotCountIsNotTold, OTHERWISE),
        (Rule::WhatIsToldIsWritten, OTHERWISE),
        (Rule::TokenLease, TWO),
        (Rule::HeldIsLookedFor, TWO),
        (Rule::UnfinishedKeepsItsTurn, WORKS),
        (Rule::AnswerBeforeAck, UNANSWERED),
    ] {
        let broken = breaks(rule, property);
        println!("without {rule:?}: {property}: {}", broken.as_deref().unwrap_or("nothing breaks"));
        if broken.is_none() {
            idle.push((rule, property));
        }
    }
    assert!(idle.is_empty(), "left out, and nothing notices: {idle:?}");
}
