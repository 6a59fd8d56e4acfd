//! What can happen next, and what the world's part in it is.

use super::world::{Answer, At, Call, Job, NOBODY, World};
use super::{Protocol, Rule, answers, steps};

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Action {
    /// An idle worker takes something up.
    Begin(u8, Job),
    /// A worker's next step.
    Step(u8),
    /// The provider gets to a worker's request, and the answer arrives.
    Answer(u8),
    /// The provider gets to it, and the answer is lost.
    LoseAnswer(u8),
    /// The worker no longer waits; the request is still on its way.
    GiveUp(u8),
    /// The provider gets to a request that nobody waits for.
    AnswerNobody,
    /// No connection is made.
    NotReached(u8),
    Crash(u8),
    LeaseRunsOut,
    /// The broker takes the revocation's worker for lost.
    Redeliver,
}

pub(super) fn possible(model: &Protocol, world: &World, actions: &mut Vec<Action>) {
    let left = world.left;
    for (worker, at) in (0_u8..).zip(world.at.iter().copied()) {
        if at == At::Idle {
            let jobs = [Job::Refresh, Job::Exchange, Job::Revocation, Job::Sweep];
            actions
                .extend(jobs.into_iter().filter(|job| waits(model, world, *job)).map(|job| Action::Begin(worker, job)));
            continue;
        }
        let mut add = |allowed: bool, action: Action| actions.extend(allowed.then_some(action));
        let can_step = match at {
            At::WantsTheLease(job) => world.lease.is_none() || steps::goes_without_lease(model, job),
            At::Waits(..) => false,
            _ => true,
        };
        add(can_step, Action::Step(worker));
        add(left.crashes > 0 && world.stray.is_none(), Action::Crash(worker));
        add(left.unreached > 0 && matches!(at, At::Sends(..)), Action::NotReached(worker));
        if matches!(at, At::Waits(..)) {
            add(true, Action::Answer(worker));
            add(left.lost > 0, Action::LoseAnswer(worker));
            add(left.lost > 0 && world.stray.is_none(), Action::GiveUp(worker));
        }
    }
    let mut add = |allowed: bool, action: Action| actions.extend(allowed.then_some(action));
    add(world.stray.is_some(), Action::AnswerNobody);
    add(left.redeliveries > 0 && !world.revocation_waits, Action::Redeliver);
    if let Some(owner) = world.lease {
        // a lease lasts longer than a call may take, unless its owner stands still or the provider is late
        let within = if owner == NOBODY { world.stray.is_none() || left.late > 0 } else { left.overruns > 0 };
        add(within, Action::LeaseRunsOut);
    }
}

fn waits(model: &Protocol, world: &World, job: Job) -> bool {
    match job {
        Job::Refresh => world.record.is_some_and(|record| record.stale),
        Job::Exchange => world.exchange_waits,
        Job::Revocation => world.revocation_waits,
        Job::Sweep => world.tombstone != 0 && !model.lacks(Rule::SweepTombstones),
    }
}

pub(super) fn take(model: &Protocol, mut world: World, action: Action) -> Option<World> {
    match action {
        Action::Begin(worker, job) => {
            world.at[usize::from(worker)] = match job {
                Job::Exchange => At::Claims,
                Job::Revocation => At::MovesTheEpoch,
                Job::Refresh | Job::Sweep => At::WantsTheLease(job),
            };
            world.exchange_waits &= job != Job::Exchange;
            world.revocation_waits &= job != Job::Revocation;
        }
        Action::Step(worker) => steps::step(model, &mut world, worker),
        Action::Answer(worker) => {
            let At::Waits(job, call) = world.at[usize::from(worker)] else { return None };
            let answer = world.provider(model.provider, call)?;
            world.at[usize::from(worker)] = At::Has(job, call, answer);
        }
        Action::LoseAnswer(worker) | Action::GiveUp(worker) => {
            let At::Waits(job, call) = world.at[usize::from(worker)] else { return None };
            world.left.lost -= 1;
            if action == Action::GiveUp(worker) {
                world.stray = Some(call);
            } else {
                answer_nobody(model, &mut world, call)?;
            }
            answers::again(model, &mut world, job, call);
            steps::end(&mut world, worker, model.lacks(Rule::LeaseRunsOutAfterALostAnswer));
        }
        Action::AnswerNobody => {
            let call = world.stray.take()?;
            answer_nobody(model, &mut world, call)?;
        }
        Action::NotReached(worker) => {
            let At::Sends(job, call) = world.at[usize::from(worker)] else { return None };
            world.left.unreached -= 1;
            world.at[usize::from(worker)] = At::Has(job, call, Answer::NotSent);
        }
        Action::Crash(worker) => {
            world.left.crashes -= 1;
            match world.at[usize::from(worker)] {
                At::Waits(_, call) => world.stray = Some(call),
                At::Has(.., Answer::Given(token)) => world.lost |= 1 << token,
                _ => {}
            }
            let job = steps::job_of(world.at[usize::from(worker)]);
            world.exchange_waits |= job == Some(Job::Exchange);
            world.revocation_waits |= job == Some(Job::Revocation);
            steps::end(&mut world, worker, false);
        }
        Action::LeaseRunsOut => {
            let owner = world.lease.take()?;
            if owner == NOBODY {
                world.left.late -= u8::from(world.stray.is_some());
                world.excused |= world.stray.is_some();
            } else {
                world.left.overruns -= 1;
                world.excused |= matches!(world.at[usize::from(owner)], At::Waits(..) | At::Has(..));
            }
        }
        Action::Redeliver => {
            world.left.redeliveries -= 1;
            world.revocation_waits = true;
        }
    }
    Some(world)
}

/// The provider gets to a request, and nobody hears of it.
fn answer_nobody(model: &Protocol, world: &mut World, call: Call) -> Option<()> {
    if let Answer::Given(token) = world.provider(model.provider, call)? {
        world.lost |= 1 << token;
    }
    Some(())
}
