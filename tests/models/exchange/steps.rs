//! What a worker does next.

use super::ledger::{answer, begin, give_up, know, later, leave, lost, mark, repeat, reply, settle, tell_lost, unsent};
use super::world::{Answer, At, Call, Other, Outcome, Record, Told, Who, World};
use super::{Kind, Protocol, Rule};

pub(super) fn step(model: &Protocol, world: &mut World, worker: usize) {
    match world.at[worker] {
        At::Idle | At::Waits(_) => {}
        At::Begins => begin(model, world, worker),
        At::Looks(sent) => look(model, world, worker, sent),
        At::Found => {
            settle(model, world, worker, (0, Outcome::Happened));
            answer(world, worker, Call { n: 0, doubtful: false }, Outcome::Happened);
        }
        At::Repeats(sent) => repeat(model, world, worker, sent),
        At::Prepares(doubtful) => {
            let over = world.of_epoch != world.epoch && !model.lacks(Rule::EpochBeforeTheRequest);
            world.at[worker] = match model.kind {
                _ if over => At::Knows(Outcome::Refused),
                Kind::Code => At::Marks(doubtful),
                Kind::Rotating | Kind::Steady => At::Brings(doubtful),
            };
        }
        At::Brings(doubtful) => bring(model, world, worker, doubtful),
        At::Knows(outcome) if model.lacks(Rule::WhatIsToldIsWritten) => {
            give_up(world, worker);
            let told = if outcome == Outcome::Happened { Told::Stored } else { Told::Failed };
            reply(world, worker, told);
        }
        At::Knows(outcome) => know(world, worker, outcome),
        At::Marks(doubtful) => match mark(model, world, worker) {
            Some(n) => world.at[worker] = At::Sends(Call { n, doubtful }),
            None => later(world, worker),
        },
        At::Sends(call) if world.holds(worker) || model.lacks(Rule::ClockBeforeTheRequest) => {
            world.in_vain |= world.met[worker] != world.of_epoch;
            world.at[worker] = At::Waits(call);
        }
        At::Sends(call) => not_sent(model, world, worker, call),
        At::Has(call, answer) => has(model, world, worker, (call, answer)),
        At::Settles(call, outcome) => {
            settle(model, world, worker, (call.n, outcome));
            answer(world, worker, call, outcome);
            end_bringing(world, worker);
        }
        At::TellsLost(sent) => {
            tell_lost(model, world, worker, sent);
            end_bringing(world, worker);
        }
        At::Replies(_) if model.lacks(Rule::AnswerBeforeAck) && world.unacked[worker] => world.unacked[worker] = false,
        At::Replies(told) => {
            world.told[told as usize] = true;
            world.at[worker] = At::Acks;
        }
        At::Acks => leave(world, worker),
    }
}

/// A request was sent, and nobody is there to say how it ended: what was stored names it.
fn look(model: &Protocol, world: &mut World, worker: usize, sent: u8) {
    world.at[worker] = match model.kind {
        _ if world.is_ours() && !model.lacks(Rule::LookAtTheRecord) => At::Found,
        Kind::Code if !model.lacks(Rule::CodeIsSentOnce) => At::TellsLost(sent),
        _ => At::Repeats(sent),
    };
}

/// Whether the token may be spent here, under its lease.
fn bring(model: &Protocol, world: &mut World, worker: usize, doubtful: bool) {
    if !model.lacks(Rule::TokenLease) {
        if world.lease == Some(Who::They) {
            give_up(world, worker);
            return later(world, worker);
        }
        world.lease = Some(Who::We);
    }
    let kept = world.record.is_some_and(|record| record.had);
    let held = world.other == Other::Holds && !model.lacks(Rule::HeldIsLookedFor);
    world.at[worker] = match (held, kept) {
        (true, _) => At::Knows(Outcome::Refused),
        (_, true) => At::Knows(Outcome::Happened),
        _ => return world.at[worker] = At::Marks(doubtful),
    };
    end_lease(world);
}

fn has(model: &Protocol, world: &mut World, worker: usize, (call, answer): (Call, Answer)) {
    let is_code = model.kind == Kind::Code;
    let outcome = match answer {
        Answer::Given => {
            let saved = save(model, world);
            if saved || model.lacks(Rule::RefusedSaveIsNotStored) { Outcome::Happened } else { Outcome::Refused }
        }
        Answer::Denied => Outcome::Refused,
        Answer::Lost if model.lacks(Rule::LostIsNotUnsent) => return not_sent(model, world, worker, call),
        // that it is lost is a code's last told
        Answer::Lost if is_code || model.lacks(Rule::LostIsNoRefusal) => Outcome::Refused,
        Answer::Lost => return again(model, world, worker, call),
        Answer::NotSent => return not_sent(model, world, worker, call),
    };
    world.at[worker] = At::Settles(call, outcome);
}

/// A consent is saved over whatever is stored, if no revocation came since it was claimed.
pub(super) fn save(model: &Protocol, world: &mut World) -> bool {
    let saved = world.of_epoch == world.epoch || model.lacks(Rule::EpochAtTheSave);
    if saved {
        world.record = Some(Record { ours: true, had: model.kind != Kind::Code });
        world.was_stored = true;
        world.resurrected |= world.began != world.epoch;
    }
    saved
}

/// Whether the request was carried out is not known.
pub(super) fn again(model: &Protocol, world: &mut World, worker: usize, call: Call) {
    lost(world, call.n);
    back(model, world, worker);
}

fn not_sent(model: &Protocol, world: &mut World, worker: usize, call: Call) {
    unsent(world, worker, call.n);
    back(model, world, worker);
}

/// A request that is not done keeps its turn at the token.
fn back(model: &Protocol, world: &mut World, worker: usize) {
    if model.lacks(Rule::UnfinishedKeepsItsTurn) {
        end_lease(world);
    }
    later(world, worker);
}

pub(super) fn end_bringing(world: &mut World, worker: usize) {
    if matches!(world.at[worker], At::Replies(_)) {
        end_lease(world);
    }
}

fn end_lease(world: &mut World) {
    world.lease = world.lease.filter(|who| *who != Who::We);
}
