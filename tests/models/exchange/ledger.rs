//! The ledger's scripts, as an exchange uses them.

use super::world::{At, Call, Entry, NOBODY, Outcome, Told, World, told};
use super::{Protocol, Rule};

/// The message goes to a delay tier and comes back.
pub(super) fn later(world: &mut World, worker: usize) {
    world.ready += 1;
    leave(world, worker);
}

/// The worker is at this message no more; its claim runs out.
pub(super) fn leave(world: &mut World, worker: usize) {
    if world.holds(worker) {
        world.claim = Some(NOBODY);
    }
    (world.at[worker], world.met[worker], world.unacked[worker]) = (At::Idle, 0, false);
}

fn release(world: &mut World, worker: usize) {
    if world.holds(worker) {
        world.claim = None;
    }
}

fn claim(world: &mut World, worker: usize) {
    world.claim = u8::try_from(worker).ok();
}

/// Answers what the entry says; a word that it does not say is remembered.
pub(super) fn reply(world: &mut World, worker: usize, said: Told) {
    world.told_otherwise |= told(world.entry) != Some(said);
    say(world, worker, said);
}

/// Answers, whatever the entry says.
pub(super) fn say(world: &mut World, worker: usize, said: Told) {
    let had = world.record.is_some_and(|record| record.had);
    world.told_of_nothing |= said == Told::Stored && !world.was_stored && !had;
    world.at[worker] = At::Replies(said);
}

fn reply_or_later(world: &mut World, worker: usize) {
    match told(world.entry) {
        Some(said) => reply(world, worker, said),
        None => later(world, worker),
    }
}

/// `ledger_begin.lua`.
pub(super) fn begin(model: &Protocol, world: &mut World, worker: usize) {
    world.met[worker] = world.epoch;
    let living = world.claim.is_some();
    match world.entry {
        Entry::Told(_) | Entry::Done(_) | Entry::Conflict => reply_or_later(world, worker),
        Entry::Unknown if living && !model.lacks(Rule::ClaimOverBeforeADoubt) => later(world, worker),
        Entry::Claimed | Entry::Sending if living && !model.lacks(Rule::LivingClaimIsWaitedFor) => later(world, worker),
        Entry::Claimed if !world.repeats => act(model, world, worker),
        Entry::Absent => {
            world.entry = Entry::Claimed;
            (world.of_epoch, world.began) = (world.epoch, world.epoch);
            act(model, world, worker);
        }
        Entry::Claimed | Entry::Sending | Entry::Unknown => {
            (world.entry, world.at[worker]) = (Entry::Unknown, At::Looks(world.sent));
        }
    }
}

fn act(model: &Protocol, world: &mut World, worker: usize) {
    if model.lacks(Rule::EpochOfTheFirstClaim) {
        world.of_epoch = world.epoch;
    }
    claim(world, worker);
    world.at[worker] = At::Prepares(false);
}

/// `ledger_repeat.lua`.
pub(super) fn repeat(model: &Protocol, world: &mut World, worker: usize, sent: u8) {
    let free = world.claim.is_none() || model.lacks(Rule::ClaimOverBeforeADoubt);
    if world.entry == Entry::Unknown && free && world.sent == sent {
        (world.entry, world.repeats) = (Entry::Claimed, true);
        claim(world, worker);
        world.at[worker] = At::Prepares(true);
    } else {
        later(world, worker);
    }
}

/// `ledger_sending.lua`: the number of the request, if it may be sent.
pub(super) fn mark(model: &Protocol, world: &mut World, worker: usize) -> Option<u8> {
    let ours = world.holds(worker) && world.entry == Entry::Claimed;
    if !ours && !model.lacks(Rule::MarkNeedsTheClaim) {
        return None;
    }
    if !model.lacks(Rule::MarkBeforeTheRequest) {
        world.entry = Entry::Sending;
    }
    world.sent += 1;
    Some(world.sent)
}

/// `ledger_settle.lua` with an answer to request `n`.
pub(super) fn settle(model: &Protocol, world: &mut World, worker: usize, (n, outcome): (u8, Outcome)) {
    let newest = n == world.sent;
    let settles = outcome == Outcome::Happened || (newest && !world.repeats);
    world.entry = match world.entry {
        Entry::Done(Outcome::Happened) | Entry::Conflict => world.entry,
        Entry::Sending if !settles && newest => Entry::Unknown,
        _ if !settles => world.entry,
        Entry::Told(_) if model.lacks(Rule::LateTruthCounts) => world.entry,
        Entry::Told(said) if said != outcome => Entry::Conflict,
        _ => Entry::Done(outcome),
    };
    release(world, worker);
}

/// What a request ended as is answered; a refused repeat is no answer yet, since an earlier request may have been heard.
pub(super) fn answer(world: &mut World, worker: usize, call: Call, outcome: Outcome) {
    if world.entry == Entry::Unknown && call.doubtful && outcome == Outcome::Refused {
        world.at[worker] = At::TellsLost(call.n);
    } else {
        reply_or_later(world, worker);
    }
}

/// A request may have been heard; the claim runs out.
pub(super) fn lost(world: &mut World, n: u8) {
    if world.entry == Entry::Sending && n == world.sent {
        world.entry = Entry::Unknown;
    }
}

/// A request was not heard.
pub(super) fn unsent(world: &mut World, worker: usize, n: u8) {
    if n == world.sent && world.repeats && world.entry == Entry::Sending {
        world.entry = Entry::Unknown;
    } else if n == world.sent && !world.repeats && matches!(world.entry, Entry::Sending | Entry::Unknown) {
        world.entry = Entry::Claimed;
    }
    release(world, worker);
}

/// Nothing was sent under this claim.
pub(super) fn give_up(world: &mut World, worker: usize) {
    if world.holds(worker) && world.entry == Entry::Claimed && world.repeats {
        world.entry = Entry::Unknown;
    }
    release(world, worker);
}

/// Nothing was sent under this claim, and nothing will be: it is known already what the request ends as.
pub(super) fn know(world: &mut World, worker: usize, outcome: Outcome) {
    let declines = world.entry == Entry::Claimed && world.holds(worker);
    world.entry = match (world.entry, outcome) {
        (Entry::Done(Outcome::Happened) | Entry::Conflict, _) => world.entry,
        (Entry::Told(Outcome::Refused), Outcome::Happened) => Entry::Conflict,
        (_, Outcome::Happened) => Entry::Done(outcome),
        // one before it may have been heard
        (_, Outcome::Refused) if declines && world.repeats => Entry::Told(outcome),
        (_, Outcome::Refused) if declines => Entry::Done(outcome),
        _ => world.entry,
    };
    release(world, worker);
    reply_or_later(world, worker);
}

/// `ledger_tell.lua`: our own word that it is lost.
pub(super) fn tell_lost(model: &Protocol, world: &mut World, worker: usize, sent: u8) {
    let doubt = match world.entry {
        Entry::Unknown | Entry::Sending => true,
        Entry::Claimed => world.repeats,
        _ => false,
    };
    let unmoved = world.sent == sent || model.lacks(Rule::WordOnlyOnWhatWasLookedAt);
    let over = world.claim.is_none() || model.lacks(Rule::LivingClaimIsWaitedFor);
    let again = world.entry == Entry::Told(Outcome::Refused);
    let counts = again || (doubt && unmoved && over) || model.lacks(Rule::WordOnlyOnADoubt);
    if counts {
        world.entry = Entry::Told(Outcome::Refused);
    }
    if counts || model.lacks(Rule::WordThatDidNotCountIsNotTold) {
        reply(world, worker, Told::Failed);
    } else {
        later(world, worker);
    }
}
