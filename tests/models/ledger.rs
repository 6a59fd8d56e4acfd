//! The ledger's protocol, explored to its end: what `shared/src/ledger.rs` and its scripts do, with one job, two workers, a
//! broker that delivers at least once and may redeliver while the first worker still runs, and a provider that may post
//! late. Anybody may crash anywhere, answers get lost, claims run out under slow workers, and an operator decides unknown
//! outcomes. Then one rule at a time is left out, and a property must notice.
//!
//! What the protocol does not promise is excused by name ([`State::excused`]): at a provider where posts are looked up, one
//! that is processed after its claim is over can be posted twice, since the look-up came too early to find it.

mod actions;
mod steps;
mod world;

use stateright::{Checker, HasDiscoveries, Model, Property};

use self::world::{Entry, Outcome, State, Told, told};

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Provider {
    Plain,
    /// Makes no second post under one idempotency key.
    Idempotent,
    /// Posts can be looked up.
    Findable,
}

#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
struct Faults {
    crashes: u8,
    losses: u8,
    redeliveries: u8,
    overruns: u8,
    refusals: u8,
    words: u8,
    belated: u8,
    reconsents: u8,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum LeftOut {
    Nothing,
    LivingClaimIsWaitedFor,
    MarkNeedsTheClaim,
    MarkBeforeTheRequest,
    ClockBeforeTheRequest,
    DoubtIsNoReasonToAct,
    TimeoutIsNoRefusal,
    RefusalIsOfTheNewest,
    RefusedRepeatProvesNothing,
    RepeatIsAnAct,
    LookUpAfterTheClaim,
    NobodyActedSince,
    LateAnswerCounts,
    ConflictIsTold,
    DoubtIsOfOneAccount,
    RepeatIsOfOneAccount,
    AnswerBeforeAck,
}

#[derive(Clone)]
struct Ledger {
    provider: Provider,
    faults: Faults,
    without: LeftOut,
}

impl Ledger {
    fn lacks(&self, rule: LeftOut) -> bool {
        self.without == rule
    }
}

impl Model for Ledger {
    type State = State;
    type Action = actions::Action;

    fn init_states(&self) -> Vec<State> {
        vec![State::new(self.faults)]
    }

    fn actions(&self, s: &State, actions: &mut Vec<Self::Action>) {
        self.possible(s, actions);
    }

    fn next_state(&self, last: &State, action: Self::Action) -> Option<State> {
        self.take(last, action)
    }

    fn properties(&self) -> Vec<Property<Self>> {
        vec![
            Property::always("never posted twice", |_, s: &State| s.all_posts() < 2 || s.excused),
            Property::always("published is said only of a post that exists", |_, s: &State| {
                s.entry != Entry::Done(Outcome::Happened) || s.all_posts() > 0
            }),
            Property::always("failed is known only of a post that does not exist", |_, s: &State| {
                s.entry != Entry::Done(Outcome::Refused) || s.all_posts() + s.all_late() == 0 || s.excused
            }),
            Property::always("an operator is contradicted aloud", |_, s: &State| match (s.entry, s.word) {
                (Entry::Done(known), Some(word)) => known == word,
                _ => true,
            }),
            Property::always("every job is answered", |_, s: &State| !s.is_quiet() || s.told.contains(&true)),
            Property::always("the last word is told unless its teller died", |m: &Self, s: &State| {
                m.faults.crashes > 0
                    || !s.is_quiet()
                    || matches!(s.entry, Entry::Told(_))
                    || told(s.entry).is_none_or(|last| s.told[last as usize])
            }),
            Property::always("an outcome that somebody saw is not left unknown", |m: &Self, s: &State| {
                m.faults.losses > 0 || m.faults.crashes > 0 || !s.is_quiet() || s.repeats || s.entry != Entry::Unknown
            }),
            Property::always("unknown is told only where something was lost", |m: &Self, s: &State| {
                m.faults.losses + m.faults.crashes + m.faults.overruns > 0 || !s.told[Told::Unknown as usize]
            }),
            Property::sometimes("an outcome stays unknown", |m: &Self, s: &State| {
                m.faults.losses == 0 || m.provider != Provider::Plain || (s.is_quiet() && s.entry == Entry::Unknown)
            }),
            Property::sometimes("a request that comes after a look-up is a second post", |m: &Self, s: &State| {
                m.faults.belated == 0 || m.provider != Provider::Findable || s.all_posts() > 1
            }),
            Property::sometimes("it is published", |_, s: &State| s.told[Told::Published as usize]),
        ]
    }
}

const PROVIDERS: [Provider; 3] = [Provider::Plain, Provider::Idempotent, Provider::Findable];

/// Mixtures of faults, each small enough to be explored to its end in a second.
fn mixtures() -> [Faults; 6] {
    let none = Faults {
        crashes: 0,
        losses: 0,
        redeliveries: 0,
        overruns: 0,
        refusals: 0,
        words: 0,
        belated: 0,
        reconsents: 0,
    };
    [
        Faults { redeliveries: 2, refusals: 1, ..none },
        Faults { redeliveries: 2, overruns: 2, refusals: 1, ..none },
        Faults { crashes: 2, losses: 1, redeliveries: 1, refusals: 1, ..none },
        Faults { crashes: 1, losses: 1, redeliveries: 2, overruns: 1, refusals: 1, words: 1, ..none },
        Faults { crashes: 1, losses: 1, redeliveries: 1, refusals: 1, belated: 1, ..none },
        Faults { crashes: 1, losses: 1, redeliveries: 1, reconsents: 1, ..none },
    ]
}

/// Whether a property does not hold when a rule is left out.
fn breaks(without: LeftOut, property: &'static str) -> bool {
    let enough = HasDiscoveries::AnyOf([property].into());
    mixtures().into_iter().any(|faults| {
        PROVIDERS.into_iter().any(|provider| {
            let model = Ledger { provider, faults, without };
            let checker = model.checker().finish_when(enough.clone()).threads(2).spawn_bfs().join();
            checker.discovery(property).is_some()
        })
    })
}

#[test]
fn the_protocol_keeps_every_promise() {
    let mut all = 0;
    for provider in PROVIDERS {
        for faults in mixtures() {
            let checker =
                Ledger { provider, faults, without: LeftOut::Nothing }.checker().threads(2).spawn_bfs().join();
            checker.assert_properties();
            all += checker.unique_state_count();
        }
    }
    println!("{all} states");
}

#[test]
fn every_rule_is_needed() {
    const TWICE: &str = "never posted twice";
    const FAILED: &str = "failed is known only of a post that does not exist";
    const OPERATOR: &str = "an operator is contradicted aloud";
    for (rule, breaks) in [
        (LeftOut::MarkNeedsTheClaim, TWICE),
        (LeftOut::MarkBeforeTheRequest, TWICE),
        (LeftOut::ClockBeforeTheRequest, TWICE),
        (LeftOut::DoubtIsNoReasonToAct, TWICE),
        (LeftOut::LookUpAfterTheClaim, TWICE),
        (LeftOut::NobodyActedSince, TWICE),
        (LeftOut::DoubtIsOfOneAccount, TWICE),
        (LeftOut::RepeatIsOfOneAccount, TWICE),
        (LeftOut::TimeoutIsNoRefusal, FAILED),
        (LeftOut::RefusalIsOfTheNewest, FAILED),
        (LeftOut::RefusedRepeatProvesNothing, FAILED),
        (LeftOut::RepeatIsAnAct, OPERATOR),
        (LeftOut::ConflictIsTold, OPERATOR),
        (LeftOut::LateAnswerCounts, "an outcome that somebody saw is not left unknown"),
        (LeftOut::AnswerBeforeAck, "every job is answered"),
        (LeftOut::LivingClaimIsWaitedFor, "unknown is told only where something was lost"),
    ] {
        assert!(self::breaks(rule, breaks), "{rule:?} left out, and nothing notices: {breaks}");
    }
}
