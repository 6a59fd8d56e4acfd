//! What becomes of an answer, or of none.

use super::world::{Answer, Call, Entry, Job, Record, World};
use super::{Protocol, Provider, Rule};

/// A call has no answer: what becomes of the message that it was for.
pub(super) fn again(model: &Protocol, world: &mut World, job: Job, call: Call) {
    match (job, call) {
        (Job::Exchange, _) => world.entry = Entry::Done,
        (Job::Revocation | Job::Sweep, Call::Revoke(token)) => {
            if model.lacks(Rule::ClearOnlyOnAnAnswer) {
                world.tombstone &= !(1 << token);
            }
            let settles = model.lacks(Rule::DeletedOnlyWithoutATombstone);
            if job == Job::Revocation && settles {
                tell_deleted(world);
            }
            world.revocation_waits |= job == Job::Revocation && !settles && !model.lacks(Rule::PendingIsTriedAgain);
        }
        _ => {}
    }
}

pub(super) fn tell_deleted(world: &mut World) {
    (world.deleted, world.answered) = (true, true);
    world.told_early |= world.tombstone != 0;
}

pub(super) fn has(model: &Protocol, world: &mut World, job: Job, (call, answer): (Call, Answer)) {
    match (call, answer) {
        (Call::Refresh(parent), Answer::Given(token)) => save(model, world, parent, token),
        (Call::Refresh(parent), Answer::Denied) => {
            if let Some(record) = world.record.as_mut().filter(|record| record.token == parent) {
                record.stale = false;
            }
        }
        (Call::Code(epoch), Answer::Given(token)) => save_consent(model, world, epoch, token),
        (Call::Code(epoch), Answer::NotSent) => {
            (world.entry, world.exchange_waits) = (Entry::Claimed(epoch), true);
        }
        (Call::Code(_), _) => world.entry = Entry::Done,
        (Call::Revoke(_), Answer::NotSent) => again(model, world, job, call),
        _ => {}
    }
}

/// A refresh's answer: saved on its parent, or dropped for a newer one of the same consent, or buried.
fn save(model: &Protocol, world: &mut World, parent: u8, token: u8) {
    let stored = world.record.filter(|record| world.family_of(record.token) == world.family_of(parent));
    match stored {
        Some(record) if record.token == parent => world.record = Some(Record { token, stale: false, ..record }),
        Some(_) => world.lost |= 1 << token,
        None if model.lacks(Rule::SaveOnItsParentOnly) => {
            world.record = Some(Record { token, epoch: 0, tenant_epoch: 0, stale: false });
        }
        None => bury_late(world, token, !model.lacks(Rule::BuryALateRefresh)),
    }
}

/// A consent is saved over whatever is stored, if no revocation came since it was claimed. What it replaces is buried, but where
/// a token ends the whole grant and no revocation wants the old one to end.
fn save_consent(model: &Protocol, world: &mut World, epoch: u8, token: u8) {
    world.entry = Entry::Done;
    if epoch != world.epochs.together() && !model.lacks(Rule::SaveInItsEpochOnly) {
        return bury_late(world, token, !model.lacks(Rule::BuryALateConsent));
    }
    let tenant_epoch = world.epochs.tenant;
    let replaced = world.record.replace(Record { token, epoch, tenant_epoch, stale: false });
    let buries = |replaced: &Record| replaced.epoch < epoch || model.provider == Provider::EndsTheToken;
    if let Some(replaced) = replaced.filter(|replaced| buries(replaced) && !model.lacks(Rule::BuryWhatAConsentReplaces))
    {
        world.bury(replaced.token);
    }
}

fn bury_late(world: &mut World, token: u8, buries: bool) {
    if buries {
        world.bury(token);
        world.buried_late = true;
    }
}
