//! What can happen next, and what the world's part in it is.

use super::ledger::{later, leave, say};
use super::steps::{again, end_bringing, save, step};
use super::world::{Answer, At, Entry, NOBODY, Other, Outcome, Record, Token, Told, Who, World};
use super::{Kind, Protocol, Rule};

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Action {
    Deliver(usize),
    Step(usize),
    /// The provider gets to a worker's request, and the answer arrives.
    Answer(usize),
    /// The provider gets to it, and the answer is lost.
    LoseAnswer(usize),
    /// It is lost on its way to the provider.
    LoseRequest(usize),
    /// The worker no longer waits; the request is still on its way.
    GiveUp(usize),
    /// The provider gets to a request that nobody waits for.
    AnswerNobody,
    /// No connection is made, or the provider has no time.
    NotReached(usize),
    Crash(usize),
    Redeliver(usize),
    ClaimOver,
    LeaseOver,
    /// Redis is away at the save, after it wrote or before.
    SaveInDoubt(usize, bool),
    /// Redis is away when the outcome is to be written.
    NotWritten(usize),
    Revoke,
    /// Another consent to the same connection is stored.
    Consent,
    /// Another connection wants the token that is brought in.
    TheyBring,
    TheySpend,
}

pub(super) fn possible(model: &Protocol, world: &World, actions: &mut Vec<Action>) {
    let left = world.left;
    let mut add = |allowed: bool, action: Action| actions.extend(allowed.then_some(action));
    for (worker, at) in world.at.iter().copied().enumerate() {
        if at == At::Idle {
            add(world.ready > 0, Action::Deliver(worker));
            continue;
        }
        let waits = matches!(at, At::Waits(_));
        add(!waits, Action::Step(worker));
        add(waits, Action::Answer(worker));
        add(waits && left.lost > 0, Action::LoseAnswer(worker));
        add(waits && left.lost > 0, Action::LoseRequest(worker));
        add(waits && left.lost > 0, Action::GiveUp(worker));
        add(matches!(at, At::Sends(_)) && world.holds(worker) && left.unreached > 0, Action::NotReached(worker));
        add(left.crashes > 0, Action::Crash(worker));
        add(left.redeliveries > 0 && world.unacked[worker], Action::Redeliver(worker));
        if let (At::Has(_, Answer::Given), true) = (at, left.away > 0) {
            add(world.of_epoch == world.epoch, Action::SaveInDoubt(worker, true));
            add(true, Action::SaveInDoubt(worker, false));
        }
        add(matches!(at, At::Settles(..)) && left.away > 0, Action::NotWritten(worker));
    }
    add(world.late > 0, Action::AnswerNobody);
    // what comes late harms no code, which is sent once
    let in_time = world.late == 0 || left.late > 0 || model.kind == Kind::Code;
    if let Some(holder) = world.claim {
        add(in_time && (holder == NOBODY || left.overruns > 0), Action::ClaimOver);
    }
    let asked = left.others > 0 && world.lease == Some(Who::We);
    add(asked && world.claim.is_none() && in_time, Action::LeaseOver);
    let begun = world.entry != Entry::Absent;
    add(left.revocations > 0 && begun, Action::Revoke);
    add(left.consents > 0 && begun, Action::Consent);
    let free = world.lease.is_none() || model.lacks(Rule::TokenLease);
    add(left.others > 0 && free && model.kind != Kind::Code, Action::TheyBring);
    add(world.other == Other::Brings, Action::TheySpend);
}

pub(super) fn take(model: &Protocol, mut world: World, action: Action) -> Option<World> {
    match action {
        Action::Deliver(worker) => {
            world.ready -= 1;
            (world.at[worker], world.unacked[worker]) = (At::Begins, true);
        }
        Action::Step(worker) => step(model, &mut world, worker),
        Action::Answer(worker) => {
            let At::Waits(call) = world.at[worker] else { return None };
            world.at[worker] = At::Has(call, world.provider(model.kind));
        }
        Action::LoseAnswer(worker) | Action::LoseRequest(worker) | Action::GiveUp(worker) => {
            let At::Waits(call) = world.at[worker] else { return None };
            world.left.lost -= 1;
            match action {
                Action::LoseAnswer(_) => drop(world.provider(model.kind)),
                Action::GiveUp(_) => world.late += 1,
                _ => {}
            }
            world.at[worker] = At::Has(call, Answer::Lost);
        }
        Action::AnswerNobody => {
            world.late -= 1;
            world.provider(model.kind);
        }
        Action::NotReached(worker) => {
            let At::Sends(call) = world.at[worker] else { return None };
            world.left.unreached -= 1;
            world.at[worker] = At::Has(call, Answer::NotSent);
        }
        Action::Crash(worker) => crash(&mut world, worker),
        Action::Redeliver(worker) => {
            world.left.redeliveries -= 1;
            world.unacked[worker] = false;
            world.ready += 1;
        }
        Action::ClaimOver => {
            let holder = world.claim.take()?;
            world.left.overruns -= u8::from(holder != NOBODY);
            excuse(model, &mut world, false);
        }
        Action::LeaseOver => {
            world.lease = None;
            excuse(model, &mut world, true);
        }
        Action::SaveInDoubt(worker, written) => {
            let At::Has(call, _) = world.at[worker] else { return None };
            world.left.away -= 1;
            if written {
                save(model, &mut world);
            }
            if model.lacks(Rule::SaveInDoubtIsLookedUp) {
                world.at[worker] = At::Settles(call, Outcome::Refused);
            } else {
                world.silenced |= written && !world.holds(worker);
                again(model, &mut world, worker, call);
            }
        }
        Action::NotWritten(worker) => {
            let At::Settles(_, outcome) = world.at[worker] else { return None };
            world.left.away -= 1;
            let told = if outcome == Outcome::Happened { Told::Stored } else { Told::Failed };
            say(&mut world, worker, told);
            end_bringing(&mut world, worker);
        }
        Action::Revoke => {
            world.left.revocations -= 1;
            world.epoch += 1;
            if world.record.take().is_some_and(|record| record.ours) {
                let token = if model.kind == Kind::Steady { &mut world.brought } else { &mut world.given };
                *token = Token::Dead;
            }
        }
        Action::Consent => {
            world.left.consents -= 1;
            let had = world.record.is_some_and(|record| record.had);
            world.record = Some(Record { ours: false, had });
        }
        Action::TheyBring => {
            world.left.others -= 1;
            let held = world.record.is_some_and(|record| record.had) && !model.lacks(Rule::HeldIsLookedFor);
            world.other = if held { Other::Refused } else { Other::Brings };
            if !held && !model.lacks(Rule::TokenLease) {
                world.lease = Some(Who::They);
            }
        }
        Action::TheySpend => {
            let given = world.provider(model.kind) == Answer::Given;
            world.other = if given { Other::Holds } else { Other::Refused };
            world.lease = world.lease.filter(|who| *who != Who::They);
        }
    }
    Some(world)
}

fn crash(world: &mut World, worker: usize) {
    world.left.crashes -= 1;
    world.silenced |= match world.at[worker] {
        At::Settles(_, Outcome::Happened) => !world.holds(worker),
        At::Replies(Told::Stored) => !world.unacked[worker],
        _ => false,
    };
    world.late += u8::from(matches!(world.at[worker], At::Waits(_)));
    if world.unacked[worker] { later(world, worker) } else { leave(world, worker) }
}

/// A claim or lease is over while a request is on its way, or its answer in somebody's hand.
fn excuse(model: &Protocol, world: &mut World, long: bool) {
    let in_hand = |at: &At| matches!(at, At::Waits(_) | At::Has(_, Answer::Given));
    if model.kind == Kind::Code || !(world.late > 0 || world.at.iter().any(in_hand)) {
        return;
    }
    world.left.late -= u8::from(world.late > 0);
    world.excused = true;
    world.long_excused |= long;
}
