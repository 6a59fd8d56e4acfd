//! What must hold, and what must happen sometimes.

use stateright::Property;

use super::world::{Entry, Other, Outcome, Token, Told, World};
use super::{Faults, Kind, Protocol};

pub(super) const TWICE: &str = "no code reaches the provider twice";
pub(super) const NOTHING: &str = "stored is told only of what is or was stored";
pub(super) const WORKS: &str = "what is stored works at the provider";
pub(super) const FAILED: &str = "failed stands only where no record names the request";
pub(super) const RESURRECTED: &str = "no consent from before a revocation is stored after it";
pub(super) const VAIN: &str = "nothing is asked of the provider for an owner who is known to be revoked";
pub(super) const UNANSWERED: &str = "every request is answered";
pub(super) const TWO: &str = "a token that is brought in is not held by two connections";
pub(super) const OTHERWISE: &str = "what is told is what the ledger says";
pub(super) const GIVEN_UP: &str = "a token that works is not given up";
pub(super) const FAIR: &str = "nothing fails where nothing goes wrong";
pub(super) const MUST_HOLD: [&str; 11] =
    [TWICE, NOTHING, WORKS, FAILED, RESURRECTED, VAIN, UNANSWERED, TWO, OTHERWISE, GIVEN_UP, FAIR];

pub(super) fn all() -> Vec<Property<Protocol>> {
    vec![
        Property::always(TWICE, |_, world: &World| !world.code_came_twice),
        Property::always(NOTHING, |_, world: &World| !world.told_of_nothing),
        Property::always(WORKS, |model: &Protocol, world: &World| {
            let held = world.is_ours() || world.other == Other::Holds;
            !held || world.excused || world.works(model.kind)
        }),
        Property::always(FAILED, |_, world: &World| {
            let fails = matches!(world.entry, Entry::Told(Outcome::Refused) | Entry::Done(Outcome::Refused));
            let unsaid = fails || !world.was_told(Told::Stored);
            !world.is_quiet() || !world.is_ours() || !unsaid || world.silenced
        }),
        Property::always(RESURRECTED, |_, world: &World| !world.resurrected),
        Property::always(VAIN, |_, world: &World| !world.in_vain),
        Property::always(UNANSWERED, |_, world: &World| !world.is_quiet() || world.told.contains(&true)),
        Property::always(TWO, |_, world: &World| !world.is_ours() || world.other != Other::Holds || world.long_excused),
        Property::always(OTHERWISE, |_, world: &World| !world.told_otherwise),
        Property::always(GIVEN_UP, |model: &Protocol, world: &World| {
            let given_up = world.was_told(Told::Failed) && !world.was_told(Told::Stored);
            let free = world.other != Other::Holds && world.epoch == world.began;
            let works = model.kind != Kind::Code && world.brought == Token::Live;
            !world.is_quiet() || !given_up || !free || !works
        }),
        Property::always(FAIR, |model: &Protocol, world: &World| {
            let Faults { unreached, redeliveries, consents, .. } = model.faults;
            let wrong = model.faults != Faults { unreached, redeliveries, consents, ..Faults::default() };
            wrong || !world.was_told(Told::Failed)
        }),
        Property::sometimes("it is stored, and told so", |_, world: &World| {
            world.is_quiet() && world.is_ours() && world.was_told(Told::Stored)
        }),
        Property::sometimes("a lost outcome is told", |_, world: &World| {
            world.is_quiet() && world.entry == Entry::Told(Outcome::Refused)
        }),
        Property::sometimes("what comes late contradicts our own word", |_, world: &World| {
            world.is_quiet() && world.entry == Entry::Conflict
        }),
        Property::sometimes("a doubtful repeat is stored", |_, world: &World| {
            world.is_quiet() && world.repeats && world.is_ours()
        }),
        Property::sometimes("another connection has the token", |_, world: &World| {
            world.is_quiet() && world.other == Other::Holds && world.was_told(Told::Failed)
        }),
        Property::sometimes("another connection is refused", |_, world: &World| world.other == Other::Refused),
    ]
}
