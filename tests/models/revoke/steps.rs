//! What a worker does next.

use super::answers::{has, tell_deleted};
use super::world::{Answer, At, Call, Entry, Epochs, Job, NOBODY, Record, World};
use super::{Protocol, Provider, Rule, Scope};

pub(super) fn goes_without_lease(model: &Protocol, job: Job) -> bool {
    match job {
        Job::Refresh => false,
        Job::Exchange => model.lacks(Rule::ExchangeTakesTheLease),
        Job::Revocation | Job::Sweep => model.lacks(Rule::RevocationTakesTheLease),
    }
}

pub(super) fn job_of(at: At) -> Option<Job> {
    match at {
        At::Idle => None,
        At::Claims => Some(Job::Exchange),
        At::MovesTheEpoch | At::Buries(_) => Some(Job::Revocation),
        At::WantsTheLease(job)
        | At::Reads(job)
        | At::LooksIntoTheTombstone(job)
        | At::Sends(job, _)
        | At::Waits(job, _)
        | At::Has(job, ..)
        | At::Clears(job, _)
        | At::GivesBack(job) => Some(job),
    }
}

/// The worker is done; its lease is given back, or nobody can any more.
pub(super) fn end(world: &mut World, worker: u8, gives_back: bool) {
    world.at[usize::from(worker)] = At::Idle;
    if world.lease == Some(worker) {
        world.lease = if gives_back { None } else { Some(NOBODY) };
    }
}

pub(super) fn step(model: &Protocol, world: &mut World, worker: u8) {
    let next = match world.at[usize::from(worker)] {
        At::Idle => At::Idle,
        At::Claims => claim(model, world),
        At::MovesTheEpoch => {
            if world.revocation.is_none() {
                world.old_consent = world.entry != Entry::Absent;
            }
            if world.revocation.is_none() || model.lacks(Rule::OneEpochARevocation) {
                begin(model, world);
            }
            At::WantsTheLease(Job::Revocation)
        }
        At::WantsTheLease(job) => {
            if !goes_without_lease(model, job) {
                world.lease = Some(worker);
            }
            At::Reads(job)
        }
        At::Reads(job) => read(model, world, job),
        At::Buries(seen) => bury(model, world, seen),
        At::LooksIntoTheTombstone(job) => look_into_the_tombstone(model, world, job),
        At::Sends(job, call) => {
            let ours = world.lease == Some(worker) || goes_without_lease(model, job);
            if ours || model.lacks(Rule::LookAtTheClockBeforeSending) {
                At::Waits(job, call)
            } else {
                At::Has(job, call, Answer::NotSent)
            }
        }
        At::Waits(job, call) => At::Waits(job, call),
        At::Has(job, call, answer) => {
            has(model, world, job, (call, answer));
            match (call, answer) {
                (Call::Revoke(token), Answer::Revoked) => At::Clears(job, token),
                _ => At::GivesBack(job),
            }
        }
        At::Clears(job, token) => {
            world.tombstone &= !(1 << token);
            At::LooksIntoTheTombstone(job)
        }
        At::GivesBack(_) => return end(world, worker, true),
    };
    world.at[usize::from(worker)] = next;
}

/// The epoch that the revocation begins: it counts from then on.
fn begin(model: &Protocol, world: &mut World) {
    let moved = u8::from(!model.lacks(Rule::RevocationMovesTheEpoch));
    let Epochs { owner, tenant } = world.epochs;
    world.revocation = Some(match model.scope {
        Scope::Owner => owner + tenant + 1,
        Scope::Tenant => tenant + 1,
    });
    match model.scope {
        Scope::Owner => world.epochs.owner += moved,
        Scope::Tenant => world.epochs.tenant += moved,
    }
}

/// Whether the revocation is about a record: its consent was claimed before.
fn is_about(model: &Protocol, began: u8, record: Record) -> bool {
    let alone = model.scope == Scope::Tenant && !model.lacks(Rule::CompareWithTheCounterThatMoved);
    began > if alone { record.tenant_epoch } else { record.epoch }
}

/// The exchange's turn at its ledger.
fn claim(model: &Protocol, world: &mut World) -> At {
    match world.entry {
        Entry::Absent => world.entry = Entry::Claimed(world.epochs.together()),
        Entry::Sending(epoch) if model.lacks(Rule::CodeIsSentOnce) => world.entry = Entry::Claimed(epoch),
        Entry::Claimed(_) => {}
        Entry::Sending(_) | Entry::Done => {
            world.entry = Entry::Done;
            return At::Idle;
        }
    }
    At::WantsTheLease(Job::Exchange)
}

/// Reads under the lease what is stored, and decides what to do about it.
fn read(model: &Protocol, world: &mut World, job: Job) -> At {
    match (job, world.record, world.entry) {
        (Job::Refresh, Some(record), _) if record.stale => At::Sends(job, Call::Refresh(record.token)),
        (Job::Exchange, _, Entry::Claimed(epoch)) => {
            if epoch != world.epochs.together() && !model.lacks(Rule::SaveInItsEpochOnly) {
                // refused, and the code is not spent
                world.entry = Entry::Done;
                return At::GivesBack(job);
            }
            world.entry = Entry::Sending(epoch);
            At::Sends(job, Call::Code(epoch))
        }
        (Job::Revocation, Some(record), _)
            if world.revocation.is_some_and(|began| is_about(model, began, record))
                || model.lacks(Rule::BuryOnlyWhatIsOlder) =>
        {
            At::Buries(record.token)
        }
        (Job::Revocation | Job::Sweep, ..) => At::LooksIntoTheTombstone(job),
        _ => At::GivesBack(job),
    }
}

/// One script: what is stored goes, and its token into the tombstone.
fn bury(model: &Protocol, world: &mut World, seen: u8) -> At {
    let stored = world.record.map(|record| record.token);
    if stored != Some(seen) && !model.lacks(Rule::BuryWhatIsStored) {
        return At::Reads(Job::Revocation);
    }
    world.missed_the_newest |= stored != Some(seen);
    world.record = None;
    world.bury(seen);
    At::LooksIntoTheTombstone(Job::Revocation)
}

/// One script: the next token to revoke, or the word that settles the revocation.
fn look_into_the_tombstone(model: &Protocol, world: &mut World, job: Job) -> At {
    let newer = model.provider == Provider::EndsTheGrant && world.record.is_some();
    if world.tombstone != 0 && newer && !model.lacks(Rule::SupersededByANewerConsent) {
        (world.tombstone, world.superseded) = (0, true);
        world.answered |= job == Job::Revocation;
    } else if world.tombstone != 0 {
        let token = u8::try_from(world.tombstone.trailing_zeros()).unwrap_or_default();
        return At::Sends(job, Call::Revoke(token));
    } else if job == Job::Revocation {
        tell_deleted(world);
    }
    At::GivesBack(job)
}
