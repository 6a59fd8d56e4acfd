//! The refresh protocol of `sealpost_shared::tokens`: workers share a record and a lease; the provider knows of neither.
//!
//! A worker may crash or stand still anywhere; a request or its answer may be lost, or be late; a sweep re-seals the
//! record without a lease; a person connects again, deletes the connection, or withdraws consent at the provider. Left
//! out: what happens between two steps of Redis or of one process, and coalescing, which only makes workers fewer.
//!
//! What the protocol does not promise is excused by name ([`World::excused`]): a worker that stood still for longer than
//! its lease with an answer in hand or on its way, and a provider that gets to a request after the lease of its sender.

mod steps;
mod world;

use stateright::{Checker, HasDiscoveries, Model, Property};

use self::world::{Standing, Token, World};

/// A rule of the protocol that can be left out, to see that the properties notice.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Rule {
    Lease,
    ReadAgainUnderTheLease,
    LookAtTheClockBeforeSending,
    SaveOnTheGenerationNotTheRevision,
    SaveOnlyOnACondition,
    RefusalCountsForTheStoredTokenOnly,
    RefusalCountsForTheNewestAttemptOnly,
    UnmarkOnlyOnesOwn,
    UnmarkOnlyWithoutAPredecessor,
    LeaseRunsOutAfterALostAnswer,
}

/// What a provider does with a refresh token that comes a second time.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Reuse {
    Refused,
    EndsTheFamily,
}

/// How often each kind of fault may strike.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
struct Faults {
    crashes: u8,
    lost: u8,
    unreached: u8,
    overruns: u8,
    late: u8,
    reseals: u8,
    expiries: u8,
    reconnects: u8,
    deletes: u8,
    withdrawals: u8,
}

struct Protocol {
    workers: usize,
    reuse: Reuse,
    faults: Faults,
    left_out: Option<Rule>,
}

impl Model for Protocol {
    type State = World;
    type Action = steps::Action;

    fn init_states(&self) -> Vec<World> {
        vec![World::new(self.workers, self.faults)]
    }

    fn actions(&self, world: &World, actions: &mut Vec<Self::Action>) {
        steps::possible(self, world, actions);
    }

    fn next_state(&self, world: &World, action: Self::Action) -> Option<World> {
        steps::take(self, world.clone(), action)
    }

    fn properties(&self) -> Vec<Property<Self>> {
        vec![
            Property::always("no token comes again while its answer is safe", |_, world: &World| !world.wasted),
            Property::always("consent is asked for only when the stored token is dead", |_, world: &World| {
                let dead = |record: world::Record| world.token(record.token) != Token::Live;
                !world.is_quiet() || world.record.is_none_or(|r| r.standing == Standing::Active || dead(r))
            }),
            Property::always("a lost answer is never told as the provider's refusal", |_, world: &World| {
                let spent = |record: world::Record| world.spent[usize::from(record.token)];
                world.record.is_none_or(|record| record.standing != Standing::Refused || !spent(record))
            }),
            Property::always("a deleted connection stays deleted, and a new consent stays", |_, world: &World| {
                let newest = |record: world::Record| world.family_of(record.token) == world.families;
                world.record.is_none_or(|record| !world.deleted && newest(record))
            }),
            Property::always("a live token is stored, or a fault explains its loss", |_, world: &World| {
                let live = |record: world::Record| world.token(record.token) == Token::Live;
                !world.is_quiet() || world.lost || world.withdrawn || world.excused || world.record.is_none_or(live)
            }),
            Property::sometimes("a refresh is saved", |_, world: &World| world.saved),
            Property::sometimes("an answer in hand heals", |_, world: &World| world.healed),
            Property::sometimes("a lost outcome is told", |_, world: &World| {
                world.record.is_some_and(|record| record.standing == Standing::OutcomeLost)
            }),
        ]
    }
}

const MUST_HOLD: usize = 5;

/// Which faults may come together. Each is small enough to be explored whole.
fn weathers() -> Vec<(&'static str, usize, Faults)> {
    let fair = Faults { reseals: 1, ..Faults::default() };
    vec![
        ("fair, three workers", 3, Faults { reseals: 2, unreached: 1, ..fair }),
        ("losses", 2, Faults { crashes: 1, lost: 1, unreached: 1, expiries: 1, ..fair }),
        ("slow workers", 3, Faults { overruns: 1, unreached: 1, ..Faults::default() }),
        ("a late request", 2, Faults { lost: 1, late: 1, expiries: 1, ..fair }),
        ("people", 2, Faults { lost: 1, overruns: 1, reconnects: 1, deletes: 1, withdrawals: 1, ..Faults::default() }),
    ]
}

/// Explores one weather; returns how many states there are and what was found.
fn explore(model: Protocol) -> (usize, Vec<(&'static str, String)>) {
    let failures: Vec<&str> = model.properties().iter().take(MUST_HOLD).map(|property| property.name).collect();
    // a failure is enough; what shall happen sometimes must not end the search
    let until = if model.left_out.is_some() { HasDiscoveries::AnyFailures } else { HasDiscoveries::All };
    let checker = model.checker().finish_when(until).threads(2).spawn_bfs().join();
    let found = checker.discoveries().into_iter().map(|(name, path)| {
        let path = if failures.contains(&name) { format!("{:?}", path.into_actions()) } else { String::new() };
        (name, path)
    });
    (checker.unique_state_count(), found.collect())
}

#[test]
fn no_order_of_steps_and_faults_breaks_a_promise() {
    let mut all = 0;
    let mut seen = std::collections::BTreeSet::new();
    for reuse in [Reuse::Refused, Reuse::EndsTheFamily] {
        for (weather, workers, faults) in weathers() {
            let model = Protocol { workers, reuse, faults, left_out: None };
            let properties = model.properties();
            let (states, found) = explore(model);
            println!("{reuse:?}, {weather}: {states} states");
            all += states;
            for (name, path) in found {
                let promised = properties.iter().take(MUST_HOLD).any(|property| property.name == name);
                assert!(!promised, "{reuse:?}, {weather}: broken: {name}: {path}");
                seen.insert(name);
            }
        }
    }
    println!("{all} states");
    assert_eq!(seen.len(), 3, "what shall happen sometimes: {seen:?}");
}

#[test]
fn whatever_rule_is_left_out_a_promise_breaks() {
    let rules = [
        Rule::Lease,
        Rule::ReadAgainUnderTheLease,
        Rule::LookAtTheClockBeforeSending,
        Rule::SaveOnTheGenerationNotTheRevision,
        Rule::SaveOnlyOnACondition,
        Rule::RefusalCountsForTheStoredTokenOnly,
        Rule::RefusalCountsForTheNewestAttemptOnly,
        Rule::UnmarkOnlyOnesOwn,
        Rule::UnmarkOnlyWithoutAPredecessor,
        Rule::LeaseRunsOutAfterALostAnswer,
    ];
    for rule in rules {
        let broken = weathers().into_iter().find_map(|(weather, workers, faults)| {
            [Reuse::EndsTheFamily, Reuse::Refused].into_iter().find_map(|reuse| {
                let (_, found) = explore(Protocol { workers, reuse, faults, left_out: Some(rule) });
                let (name, path) = found.into_iter().find(|(_, path)| !path.is_empty())?;
                Some(format!("{name} ({reuse:?}, {weather})\n    {path}"))
            })
        });
        println!("without {rule:?}: {}", broken.as_deref().unwrap_or("nothing breaks"));
        assert!(broken.is_some(), "no property notices that {rule:?} is left out");
    }
}
