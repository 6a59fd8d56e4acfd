//! Revocation with its tombstone: one connection, at which workers refresh, exchange a code, revoke, and sweep.
//!
//! The record of a revoked connection is not deleted but buried: its token moves into a tombstone, and leaves it only when
//! the provider answered that it is revoked. The provider may get to a refresh, an exchange or a revocation late. The revocation
//! is the owner's own or its whole tenant's, and each kind had one before, after which the connection was made anew. Left out,
//! since `refresh` and `ledger` explore them: re-seals, the marker's word on a lost answer, claims of deliveries.
//!
//! What the protocol does not promise is excused by name ([`World::excused`]): a worker that stood still, or a request
//! that came, past its lease. Not for the first promise, which holds even then. A token whose answer was lost with its
//! process is known to nobody; at a provider that ends whole grants it is revoked all the same.

mod actions;
mod answers;
mod promises;
mod provider;
mod steps;
mod world;

use std::collections::BTreeSet;

use stateright::{Checker, HasDiscoveries, Model, Property};

use self::promises::{
    DELETED, EARLY, FORGOTTEN, MUST_HOLD, NEWER, NEWEST, RESURRECTED, TWICE, UNACCOUNTED, UNANSWERED,
};
use self::world::World;

/// A rule of the protocol that can be left out, to see that the properties notice.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Rule {
    RevocationTakesTheLease,
    ExchangeTakesTheLease,
    LeaseRunsOutAfterALostAnswer,
    LookAtTheClockBeforeSending,
    RevocationMovesTheEpoch,
    OneEpochARevocation,
    CompareWithTheCounterThatMoved,
    SaveInItsEpochOnly,
    SaveOnItsParentOnly,
    CodeIsSentOnce,
    BuryWhatIsStored,
    BuryOnlyWhatIsOlder,
    BuryALateRefresh,
    BuryALateConsent,
    BuryWhatAConsentReplaces,
    ClearOnlyOnAnAnswer,
    DeletedOnlyWithoutATombstone,
    SupersededByANewerConsent,
    SweepTombstones,
    PendingIsTriedAgain,
}

/// What the provider does when it revokes a token, or sees a spent one again.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Provider {
    EndsTheToken,
    /// Everything that this subject ever granted to us.
    EndsTheGrant,
}

/// Whose revocation it is: what counts it, and what it is compared with.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Scope {
    /// Counted by the owner's counter, compared with that and its tenant's together.
    Owner,
    /// Counted by the tenant's counter, compared with that alone.
    Tenant,
}

/// How often each kind of fault may strike.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
struct Faults {
    crashes: u8,
    lost: u8,
    unreached: u8,
    overruns: u8,
    late: u8,
    redeliveries: u8,
}

struct Protocol {
    workers: usize,
    provider: Provider,
    scope: Scope,
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
        vec![World::new(self.workers, self.faults)]
    }

    fn actions(&self, world: &World, actions: &mut Vec<Self::Action>) {
        actions::possible(self, world, actions);
    }

    fn next_state(&self, world: &World, action: Self::Action) -> Option<World> {
        actions::take(self, world.clone(), action).map(World::in_order)
    }

    fn properties(&self) -> Vec<Property<Self>> {
        promises::all()
    }
}

/// Which faults may come together. Each is small enough to be explored whole.
fn weathers() -> [(&'static str, usize, Faults); 5] {
    let none = Faults::default();
    [
        ("fair, three workers", 3, Faults { redeliveries: 1, unreached: 1, ..none }),
        ("losses", 2, Faults { crashes: 1, lost: 1, unreached: 1, ..none }),
        ("slow workers", 3, Faults { overruns: 1, ..none }),
        ("late requests", 2, Faults { lost: 1, late: 1, redeliveries: 1, ..none }),
        ("all at once", 2, Faults { crashes: 1, lost: 1, overruns: 1, ..none }),
    ]
}

/// Each with each. What differs by scope is in no weather alone.
const WORLDS: [(Provider, Scope); 4] = [
    (Provider::EndsTheToken, Scope::Owner),
    (Provider::EndsTheGrant, Scope::Owner),
    (Provider::EndsTheToken, Scope::Tenant),
    (Provider::EndsTheGrant, Scope::Tenant),
];

#[test]
fn no_order_of_steps_and_faults_leaves_a_revoked_token_behind() {
    let (mut all, mut seen) = (0, BTreeSet::new());
    for (provider, scope) in WORLDS {
        for (weather, workers, faults) in weathers() {
            let model = Protocol { workers, provider, scope, faults, left_out: None };
            let checker = model.checker().threads(2).spawn_bfs().join();
            println!("{provider:?}, {scope:?}, {weather}: {} states", checker.unique_state_count());
            all += checker.unique_state_count();
            for (name, path) in checker.discoveries() {
                assert!(
                    !MUST_HOLD.contains(&name),
                    "{provider:?}, {scope:?}, {weather}: {name}: {:?}",
                    path.into_actions()
                );
                seen.insert(name);
            }
        }
    }
    println!("{all} states");
    assert_eq!(seen.len(), 4, "what shall happen sometimes: {seen:?}");
}

/// The actions that break this property when the rule is left out.
fn breaks(rule: Rule, property: &'static str) -> Option<String> {
    let enough = HasDiscoveries::AnyOf([property].into());
    weathers().into_iter().find_map(|(weather, workers, faults)| {
        WORLDS.into_iter().find_map(|(provider, scope)| {
            let model = Protocol { workers, provider, scope, faults, left_out: Some(rule) };
            let checker = model.checker().finish_when(enough.clone()).threads(2).spawn_bfs().join();
            let path = checker.discovery(property)?;
            Some(format!("{provider:?}, {scope:?}, {weather}: {:?}", path.into_actions()))
        })
    })
}

#[test]
fn every_rule_of_revocation_is_needed() {
    for (rule, property) in [
        (Rule::RevocationTakesTheLease, DELETED),
        (Rule::ExchangeTakesTheLease, DELETED),
        (Rule::ExchangeTakesTheLease, NEWER),
        (Rule::LeaseRunsOutAfterALostAnswer, NEWER),
        (Rule::LookAtTheClockBeforeSending, NEWER),
        (Rule::RevocationMovesTheEpoch, RESURRECTED),
        (Rule::OneEpochARevocation, NEWER),
        (Rule::CompareWithTheCounterThatMoved, UNACCOUNTED),
        (Rule::SaveInItsEpochOnly, RESURRECTED),
        (Rule::SaveOnItsParentOnly, RESURRECTED),
        (Rule::CodeIsSentOnce, TWICE),
        (Rule::BuryWhatIsStored, NEWEST),
        (Rule::BuryOnlyWhatIsOlder, NEWER),
        (Rule::BuryALateRefresh, UNACCOUNTED),
        (Rule::BuryALateConsent, UNACCOUNTED),
        (Rule::BuryWhatAConsentReplaces, UNACCOUNTED),
        (Rule::ClearOnlyOnAnAnswer, UNACCOUNTED),
        (Rule::DeletedOnlyWithoutATombstone, EARLY),
        (Rule::SupersededByANewerConsent, NEWER),
        (Rule::SweepTombstones, FORGOTTEN),
        (Rule::PendingIsTriedAgain, UNANSWERED),
    ] {
        let broken = breaks(rule, property);
        println!("without {rule:?}: {property}: {}", broken.as_deref().unwrap_or("nothing breaks"));
        assert!(broken.is_some(), "{rule:?} left out, and nothing notices: {property}");
    }
}
