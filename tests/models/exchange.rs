//! The exchange's ledger: one request, two workers, a broker that delivers at least once and may redeliver while the first
//! worker still runs, and a provider that may get to a request late. Its grant is a code, whose second use would end what
//! the first one brought (RFC 6749 §4.1.2), or a refresh token that is brought in, which a doubt sends again. Anybody may
//! crash anywhere, answers get lost, claims run out under slow workers; meanwhile the owner is revoked, consents anew, or
//! the same token is brought in for another connection. Left out: ID tokens and other
//! subjects, whose refusal is one like any other.
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

/// Which faults come together. Each is small enough to be explored whole in no time.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Weather {
    Fair,
    Losses,
    SlowWorkers,
    LateRequests,
    RedisAway,
    People,
    AnotherConnection,
}

impl Weather {
    const ALL: [Self; 7] = [
        Self::Fair,
        Self::Losses,
        Self::SlowWorkers,
        Self::LateRequests,
        Self::RedisAway,
        Self::People,
        Self::AnotherConnection,
    ];

    fn faults(self) -> Faults {
        let none = Faults::default();
        match self {
            Self::Fair => Faults { redeliveries: 2, unreached: 1, consents: 1, ..none },
            Self::Losses => Faults { crashes: 1, lost: 1, redeliveries: 1, ..none },
            Self::SlowWorkers => Faults { crashes: 1, overruns: 2, redeliveries: 1, ..none },
            Self::LateRequests => Faults { lost: 1, late: 1, overruns: 1, redeliveries: 1, ..none },
            Self::RedisAway => Faults { away: 1, crashes: 1, redeliveries: 1, ..none },
            Self::People => Faults { crashes: 1, lost: 1, revocations: 1, consents: 1, ..none },
            Self::AnotherConnection => Faults { crashes: 1, lost: 1, others: 1, ..none },
        }
    }
}

#[test]
fn no_order_of_steps_and_faults_tells_a_lie_of_an_exchange() {
    let (mut all, mut seen) = (0, BTreeSet::new());
    for kind in [Kind::Code, Kind::Rotating, Kind::Steady] {
        for weather in Weather::ALL {
            let model = Protocol { kind, faults: weather.faults(), left_out: None };
            let checker = model.checker().threads(2).spawn_bfs().join();
            println!("{kind:?}, {weather:?}: {} states", checker.unique_state_count());
            all += checker.unique_state_count();
            for (name, path) in checker.discoveries() {
                assert!(!MUST_HOLD.contains(&name), "{kind:?}, {weather:?}: {name}: {:?}", path.into_actions());
                seen.insert(name);
            }
        }
    }
    println!("{all} states");
    assert_eq!(seen.len(), 6, "what shall happen sometimes: {seen:?}");
}

#[test]
fn every_rule_of_an_exchange_is_needed() {
    for (rule, property, kind, weather) in [
        (Rule::LivingClaimIsWaitedFor, FAIR, Kind::Code, Weather::Fair),
        (Rule::ClaimOverBeforeADoubt, WORKS, Kind::Rotating, Weather::Losses),
        (Rule::MarkNeedsTheClaim, TWICE, Kind::Code, Weather::SlowWorkers),
        (Rule::MarkBeforeTheRequest, TWICE, Kind::Code, Weather::Losses),
        (Rule::ClockBeforeTheRequest, WORKS, Kind::Rotating, Weather::SlowWorkers),
        (Rule::LookAtTheRecord, FAILED, Kind::Code, Weather::Losses),
        (Rule::CodeIsSentOnce, TWICE, Kind::Code, Weather::Losses),
        (Rule::LostIsNotUnsent, TWICE, Kind::Code, Weather::Losses),
        (Rule::LostIsNoRefusal, GIVEN_UP, Kind::Rotating, Weather::Losses),
        (Rule::LostIsNoRefusal, GIVEN_UP, Kind::Steady, Weather::Losses),
        (Rule::EpochOfTheFirstClaim, RESURRECTED, Kind::Code, Weather::People),
        (Rule::EpochBeforeTheRequest, VAIN, Kind::Code, Weather::People),
        (Rule::EpochBeforeTheRequest, VAIN, Kind::Rotating, Weather::People),
        (Rule::EpochAtTheSave, RESURRECTED, Kind::Code, Weather::People),
        (Rule::RefusedSaveIsNotStored, NOTHING, Kind::Code, Weather::People),
        (Rule::SaveInDoubtIsLookedUp, FAILED, Kind::Code, Weather::RedisAway),
        (Rule::LateTruthCounts, FAILED, Kind::Code, Weather::SlowWorkers),
        (Rule::WordOnlyOnADoubt, FAILED, Kind::Code, Weather::SlowWorkers),
        (Rule::WordOnlyOnWhatWasLookedAt, FAILED, Kind::Code, Weather::SlowWorkers),
        (Rule::WordThatDidNotCountIsNotTold, OTHERWISE, Kind::Code, Weather::SlowWorkers),
        (Rule::WordThatDidNotCountIsNotTold, OTHERWISE, Kind::Rotating, Weather::Losses),
        (Rule::WhatIsToldIsWritten, OTHERWISE, Kind::Rotating, Weather::AnotherConnection),
        (Rule::TokenLease, TWO, Kind::Steady, Weather::AnotherConnection),
        (Rule::HeldIsLookedFor, TWO, Kind::Steady, Weather::AnotherConnection),
        (Rule::UnfinishedKeepsItsTurn, WORKS, Kind::Rotating, Weather::AnotherConnection),
        (Rule::AnswerBeforeAck, UNANSWERED, Kind::Code, Weather::Losses),
    ] {
        let model = Protocol { kind, faults: weather.faults(), left_out: Some(rule) };
        let enough = HasDiscoveries::AnyOf([property].into());
        let checker = model.checker().finish_when(enough).threads(2).spawn_bfs().join();
        let path = checker.discovery(property).map(|path| format!("{:?}", path.into_actions()));
        println!("without {rule:?}: {property}: {}", path.as_deref().unwrap_or("nothing breaks"));
        assert!(path.is_some(), "{rule:?} left out, and nothing notices: {property} ({kind:?}, {weather:?})");
    }
}
