//! What can happen next, and what it does.

use super::world::{Answer, At, Attempt, NOBODY, Record, Standing, World};
use super::{Protocol, Reuse, Rule};

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Action {
    /// A worker's next step.
    Step(u8),
    /// The provider gets to a worker's request, and the answer arrives.
    Answer(u8),
    /// The provider gets to it, and the answer is lost.
    LoseAnswer(u8),
    /// It is lost on its way to the provider.
    LoseRequest(u8),
    /// The worker no longer waits; the request is still on its way.
    GiveUp(u8),
    /// The provider gets to a request that nobody waits for.
    AnswerNobody,
    /// No connection is made.
    NotReached(u8),
    Crash(u8),
    LeaseRunsOut,
    StartReseal(u8),
    Expire,
    Connect,
    Delete,
    Withdraw,
}

fn numbered(world: &World) -> impl Iterator<Item = (u8, At)> {
    (0_u8..).zip(world.at.iter().copied())
}

pub(super) fn possible(model: &Protocol, world: &World, actions: &mut Vec<Action>) {
    let left = world.left;
    let stale = world.record.is_some_and(|record| !record.fresh && record.standing == Standing::Active);
    for (worker, at) in numbered(world) {
        let can_step = match at {
            At::Idle => stale,
            At::WantsTheLease(_) => world.lease.is_none() || model.left_out == Some(Rule::Lease),
            At::Waits(_) => false,
            _ => true,
        };
        let mut add = |allowed: bool, action: Action| {
            if allowed {
                actions.push(action);
            }
        };
        add(can_step, Action::Step(worker));
        add(at == At::Idle && left.reseals > 0 && world.record.is_some(), Action::StartReseal(worker));
        add(at != At::Idle && left.crashes > 0 && world.stray.is_none(), Action::Crash(worker));
        add(matches!(at, At::Sends(_)) && left.unreached > 0, Action::NotReached(worker));
        if let At::Waits(_) = at {
            add(true, Action::Answer(worker));
            add(left.lost > 0, Action::LoseAnswer(worker));
            add(left.lost > 0, Action::LoseRequest(worker));
            add(left.lost > 0 && world.stray.is_none(), Action::GiveUp(worker));
        }
    }
    let mut add = |allowed: bool, action: Action| {
        if allowed {
            actions.push(action);
        }
    };
    add(world.stray.is_some(), Action::AnswerNobody);
    if let Some(owner) = world.lease {
        // a lease lasts longer than a call may take, unless its owner stands still or the provider is late
        let within = if owner == NOBODY { world.stray.is_none() || left.late > 0 } else { left.overruns > 0 };
        add(within, Action::LeaseRunsOut);
    }
    add(left.expiries > 0 && world.record.is_some_and(|record| record.fresh), Action::Expire);
    add(left.reconnects > 0, Action::Connect);
    add(left.deletes > 0 && world.record.is_some(), Action::Delete);
    add(left.withdrawals > 0, Action::Withdraw);
}

pub(super) fn take(model: &Protocol, mut world: World, action: Action) -> Option<World> {
    let ends_family = model.reuse == Reuse::EndsTheFamily;
    match action {
        Action::Step(worker) => step(model, &mut world, worker),
        Action::Answer(worker) => {
            let At::Waits(attempt) = world.at[usize::from(worker)] else { return None };
            let answer = world.provider(attempt.token, ends_family)?;
            world.at[usize::from(worker)] = At::Has(attempt, answer);
        }
        Action::LoseAnswer(worker) | Action::LoseRequest(worker) | Action::GiveUp(worker) => {
            let At::Waits(attempt) = world.at[usize::from(worker)] else { return None };
            world.left.lost -= 1;
            world.lost = true;
            match action {
                Action::LoseAnswer(_) => drop(world.provider(attempt.token, ends_family)?),
                Action::GiveUp(_) => world.stray = Some(attempt.token),
                _ => {}
            }
            let gives_back = model.left_out == Some(Rule::LeaseRunsOutAfterALostAnswer);
            end(&mut world, worker, gives_back);
        }
        Action::AnswerNobody => {
            let token = world.stray.take()?;
            world.provider(token, ends_family)?;
        }
        Action::NotReached(worker) => {
            let At::Sends(attempt) = world.at[usize::from(worker)] else { return None };
            world.left.unreached -= 1;
            world.at[usize::from(worker)] = At::Has(attempt, Answer::NotSent);
        }
        Action::Crash(worker) => {
            world.left.crashes -= 1;
            match world.at[usize::from(worker)] {
                At::Waits(attempt) => (world.stray, world.lost) = (Some(attempt.token), true),
                At::Has(..) => world.lost = true,
                _ => {}
            }
            end(&mut world, worker, false);
        }
        Action::LeaseRunsOut => {
            let owner = world.lease.take()?;
            if owner == NOBODY {
                if world.stray.is_some() {
                    world.left.late -= 1;
                    world.excused = true;
                }
            } else {
                world.left.overruns -= 1;
                let at = world.at[usize::from(owner)];
                world.excused |= matches!(at, At::Waits(_) | At::Has(_, Answer::New(_) | Answer::Denied));
            }
        }
        Action::StartReseal(worker) => {
            world.left.reseals -= 1;
            world.at[usize::from(worker)] = At::Reseals(world.record?.revision);
        }
        Action::Expire => {
            world.left.expiries -= 1;
            world.record.as_mut()?.fresh = false;
        }
        Action::Connect => {
            world.left.reconnects -= 1;
            world.families += 1;
            world.consent(world.record.map_or(0, |record| record.revision) + 1, true)?;
        }
        Action::Delete => {
            world.left.deletes -= 1;
            world.record = None;
            world.deleted = true;
        }
        Action::Withdraw => {
            world.left.withdrawals -= 1;
            world.withdrawn = true;
            world.end_family(world.families);
        }
    }
    Some(world)
}

/// The worker is done; its lease is given back, or nobody can any more.
fn end(world: &mut World, worker: u8, gives_back: bool) {
    world.at[usize::from(worker)] = At::Idle;
    if world.lease == Some(worker) {
        world.lease = if gives_back { None } else { Some(NOBODY) };
    }
}

fn step(model: &Protocol, world: &mut World, worker: u8) {
    let without = |rule| model.left_out == Some(rule);
    let stored = world.record.filter(|record| !record.fresh && record.standing == Standing::Active);
    let next = match world.at[usize::from(worker)] {
        At::Idle => stored.map_or(At::Idle, At::WantsTheLease),
        At::WantsTheLease(seen) => {
            if !without(Rule::Lease) {
                world.lease = Some(worker);
            }
            if without(Rule::ReadAgainUnderTheLease) {
                // it knows the token, and needs only the revision to write its marker on
                let revision = world.record.map_or(0, |record| record.revision);
                At::Marks(Record { revision, ..seen })
            } else {
                At::ReadsAgain
            }
        }
        At::ReadsAgain => stored.map_or(At::GivesBack, At::Marks),
        At::Marks(read) => match &mut world.record {
            Some(record) if record.revision == read.revision => {
                record.revision += 1;
                record.marker = Some(worker);
                let predecessor = read.marker.is_some();
                At::Sends(Attempt { token: read.token, revision: record.revision, predecessor })
            }
            _ => At::ReadsAgain,
        },
        At::Sends(attempt) => {
            let over = world.lease != Some(worker) && !without(Rule::Lease);
            if over && !without(Rule::LookAtTheClockBeforeSending) {
                At::Has(attempt, Answer::NotSent)
            } else {
                At::Waits(attempt)
            }
        }
        At::Waits(attempt) => At::Waits(attempt),
        At::Has(attempt, answer) => {
            match answer {
                Answer::New(token) => save(model, world, attempt, token),
                Answer::Denied => deny(model, world, worker, attempt),
                Answer::NotSent => unmark(model, world, worker, attempt),
            }
            At::GivesBack
        }
        At::GivesBack => return end(world, worker, true),
        At::Reseals(revision) => {
            if let Some(record) = world.record.as_mut().filter(|record| record.revision == revision) {
                record.revision += 1;
            }
            At::Idle
        }
    };
    world.at[usize::from(worker)] = next;
}

fn save(model: &Protocol, world: &mut World, attempt: Attempt, token: u8) {
    let allowed = match (model.left_out, world.record) {
        (Some(Rule::SaveOnlyOnACondition), _) => true,
        (Some(Rule::SaveOnTheGenerationNotTheRevision), Some(record)) => record.revision == attempt.revision,
        (_, Some(record)) => record.token == attempt.token,
        (_, None) => false,
    };
    if allowed {
        let revision = world.record.map_or(0, |record| record.revision) + 1;
        world.healed |= world.record.is_some_and(|record| record.standing != Standing::Active);
        world.saved = true;
        world.record = Some(Record { token, revision, fresh: true, standing: Standing::Active, marker: None });
    }
}

fn deny(model: &Protocol, world: &mut World, worker: u8, attempt: Attempt) {
    let without = |rule| model.left_out == Some(rule);
    let Some(record) = &mut world.record else { return };
    let stored = record.token == attempt.token || without(Rule::RefusalCountsForTheStoredTokenOnly);
    let newest = record.marker == Some(worker) || without(Rule::RefusalCountsForTheNewestAttemptOnly);
    if record.standing == Standing::Active && stored && newest {
        record.revision += 1;
        record.marker = None;
        record.standing = if attempt.predecessor { Standing::OutcomeLost } else { Standing::Refused };
    }
}

fn unmark(model: &Protocol, world: &mut World, worker: u8, attempt: Attempt) {
    let (own, first) = match model.left_out {
        Some(Rule::UnmarkOnlyOnesOwn) => (false, false),
        Some(Rule::UnmarkOnlyWithoutAPredecessor) => (true, false),
        _ => (true, true),
    };
    let Some(record) = &mut world.record else { return };
    if (!own || record.marker == Some(worker)) && (!first || !attempt.predecessor) {
        record.revision += 1;
        record.marker = None;
    }
}
