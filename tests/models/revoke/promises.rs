//! What must hold, and what must happen sometimes.

use stateright::Property;

use super::world::World;
use super::{Protocol, Provider, Rule};

pub(super) const UNACCOUNTED: &str = "no token of a revoked connection stays alive and unaccounted";
pub(super) const DELETED: &str = "what was told as deleted is dead, and nothing comes after it";
pub(super) const EARLY: &str = "deleted is told only when no tombstone holds a token";
pub(super) const RESURRECTED: &str = "nothing revoked is stored again";
pub(super) const NEWEST: &str = "the newest token is what is revoked";
pub(super) const NEWER: &str = "a newer consent stays, and its tokens live";
pub(super) const TWICE: &str = "no token and no code comes again while its answer is safe";
pub(super) const FORGOTTEN: &str = "no tombstone is forgotten";
pub(super) const UNANSWERED: &str = "every revocation is answered";
pub(super) const MUST_HOLD: [&str; 9] =
    [UNACCOUNTED, DELETED, EARLY, RESURRECTED, NEWEST, NEWER, TWICE, FORGOTTEN, UNANSWERED];

/// It is stored, or waits to be revoked.
fn is_held(world: &World, token: u8) -> bool {
    world.record.is_some_and(|record| record.token == token) || world.tombstone & 1 << token != 0
}

/// Its answer was lost, so that nobody knows it; or the provider ends it with a newer consent, and not without.
fn is_nobodys(model: &Protocol, world: &World, token: u8) -> bool {
    let lost = world.lost & 1 << token != 0;
    match model.provider {
        Provider::EndsTheToken => lost,
        // what a refresh brought ends with the token that it was had for
        Provider::EndsTheGrant => world.superseded || (lost && world.family_of(token) == 1),
    }
}

pub(super) fn all() -> Vec<Property<Protocol>> {
    vec![
        Property::always(UNACCOUNTED, |model: &Protocol, world: &World| {
            let accounted = |token| is_held(world, token) || is_nobodys(model, world, token);
            !world.is_quiet() || world.alive().all(accounted)
        }),
        Property::always(DELETED, |model: &Protocol, world: &World| {
            !world.deleted || world.excused || world.alive().all(|token| is_nobodys(model, world, token))
        }),
        Property::always(EARLY, |_, world: &World| !world.told_early),
        Property::always(RESURRECTED, |_, world: &World| {
            !world.deleted || world.record.is_none_or(|record| !world.is_old(record.token))
        }),
        Property::always(NEWEST, |_, world: &World| !world.missed_the_newest),
        Property::always(NEWER, |_, world: &World| !world.harmed_a_newer),
        Property::always(TWICE, |_, world: &World| !world.came_twice),
        Property::always(FORGOTTEN, |model: &Protocol, world: &World| {
            let swept = !model.lacks(Rule::SweepTombstones);
            !world.is_quiet() || swept || world.tombstone == 0
        }),
        Property::always(UNANSWERED, |_, world: &World| !world.is_quiet() || world.answered),
        Property::sometimes("a late token is buried", |_, world: &World| world.buried_late),
        Property::sometimes("it is told as deleted", |_, world: &World| world.is_quiet() && world.deleted),
        Property::sometimes("it is told as superseded", |_, world: &World| world.answered && world.superseded),
        Property::sometimes("a newer consent is stored, and stays", |_, world: &World| {
            world.is_quiet() && world.answered && world.record.is_some_and(|record| !world.is_old(record.token))
        }),
    ]
}
