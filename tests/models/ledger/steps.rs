//! What a worker does next, and what the scripts do for it.

use super::world::{At, Entry, Outcome, State, Told, told};
use super::{Ledger, LeftOut, Provider};

impl Ledger {
    /// An idempotency key is the user's own.
    pub(super) fn post(&self, s: &mut State, account: usize) {
        if self.provider != Provider::Idempotent || s.posts[account] == 0 {
            s.posts[account] += 1;
        }
    }

    /// `ledger_settle.lua`, and what is told after it.
    fn settle(&self, s: &mut State, n: u8, outcome: Outcome) -> Option<Told> {
        let newest = n == s.sent || self.lacks(LeftOut::RefusalIsOfTheNewest);
        let alone = !s.repeats || self.lacks(LeftOut::RefusedRepeatProvesNothing);
        let settles = outcome == Outcome::Happened || (newest && alone);
        s.entry = match s.entry {
            Entry::Done(Outcome::Happened) | Entry::Conflict => s.entry,
            Entry::Sending if !settles && n == s.sent => Entry::Unknown,
            _ if !settles => s.entry,
            Entry::Unknown if self.lacks(LeftOut::LateAnswerCounts) => s.entry,
            Entry::Told(word) if word != outcome && !self.lacks(LeftOut::ConflictIsTold) => Entry::Conflict,
            _ => Entry::Done(outcome),
        };
        told(s.entry)
    }

    /// The message goes to a delay tier and comes back.
    pub(super) fn later(s: &mut State, w: usize) {
        if std::mem::take(&mut s.unacked[w]) {
            s.ready += 1;
        }
        s.workers[w] = At::Idle;
    }

    fn reply_or_later(s: &mut State, w: usize, told: Option<Told>) {
        match told {
            Some(told) => s.workers[w] = At::Reply(told),
            None => Self::later(s, w),
        }
    }

    fn release(s: &mut State, w: usize) {
        if s.claim == Some(w) {
            s.claim = None;
        }
    }

    pub(super) fn step(&self, s: &mut State, w: usize) {
        match s.workers[w] {
            At::Idle => {}
            At::Begin => self.begin(s, w),
            At::Doubt { sent, .. } if self.provider == Provider::Plain => {
                if self.lacks(LeftOut::DoubtIsNoReasonToAct) {
                    s.workers[w] = At::Repeat { doubtful: false, sent };
                } else {
                    s.workers[w] = At::Reply(Told::Unknown);
                }
            }
            At::Doubt { .. } if s.under != Some(s.account) && !self.lacks(LeftOut::DoubtIsOfOneAccount) => {
                s.workers[w] = At::Reply(Told::Unknown);
            }
            At::Doubt { living: true, .. } if !self.lacks(LeftOut::LookUpAfterTheClaim) => Self::later(s, w),
            At::Doubt { .. } if self.provider == Provider::Findable && s.posts[s.account] > 0 => {
                let told = self.settle(s, 0, Outcome::Happened);
                Self::reply_or_later(s, w, told);
            }
            At::Doubt { sent, .. } => {
                s.workers[w] = At::Repeat { doubtful: self.provider == Provider::Idempotent, sent };
            }
            At::Repeat { .. } if self.lacks(LeftOut::RepeatIsAnAct) => {
                self.post(s, s.account);
                s.workers[w] = At::Settle(s.sent, Some(Outcome::Happened));
            }
            At::Repeat { doubtful, sent } => {
                let unmoved = s.sent == sent || self.lacks(LeftOut::NobodyActedSince);
                let free = s.claim.is_none() || self.lacks(LeftOut::LookUpAfterTheClaim);
                if s.entry == Entry::Unknown && free && unmoved {
                    (s.entry, s.repeats, s.claim) = (Entry::Claimed, doubtful, Some(w));
                    s.workers[w] = At::Mark;
                } else {
                    Self::later(s, w);
                }
            }
            At::Mark if self.lacks(LeftOut::MarkBeforeTheRequest) => {
                s.token[w] = s.account;
                s.sent += 1;
                s.workers[w] = At::Send(s.sent);
            }
            At::Mark => {
                // consent may have been given anew since the doubt was met
                let alien = s.repeats && s.under != Some(s.account) && !self.lacks(LeftOut::RepeatIsOfOneAccount);
                let ours = s.claim == Some(w) && s.entry == Entry::Claimed && !alien;
                if ours || self.lacks(LeftOut::MarkNeedsTheClaim) {
                    s.token[w] = s.account;
                    s.under = Some(s.account);
                    (s.entry, s.sent) = (Entry::Sending, s.sent + 1);
                    s.workers[w] = At::Send(s.sent);
                } else {
                    Self::later(s, w);
                }
            }
            At::Send(n) if self.may_send(s, w) => {
                self.post(s, s.token[w]);
                s.workers[w] = At::Settle(n, Some(Outcome::Happened));
            }
            At::Send(n) => {
                // known not to have been sent
                if n == s.sent && s.repeats && s.entry == Entry::Sending {
                    s.entry = Entry::Unknown;
                } else if n == s.sent && !s.repeats && matches!(s.entry, Entry::Sending | Entry::Unknown) {
                    s.entry = Entry::Claimed;
                }
                Self::later(s, w);
            }
            At::Settle(n, Some(outcome)) => {
                let told = self.settle(s, n, outcome);
                Self::release(s, w);
                Self::reply_or_later(s, w, told);
            }
            At::Settle(n, None) if self.lacks(LeftOut::TimeoutIsNoRefusal) => {
                s.workers[w] = At::Settle(n, Some(Outcome::Refused));
            }
            At::Settle(n, None) => {
                if s.entry == Entry::Sending && n == s.sent {
                    s.entry = Entry::Unknown;
                }
                let plain = self.provider == Provider::Plain;
                Self::reply_or_later(s, w, plain.then_some(Told::Unknown));
            }
            At::Reply(told) => {
                if self.lacks(LeftOut::AnswerBeforeAck) && std::mem::take(&mut s.unacked[w]) {
                    return;
                }
                s.told[told as usize] = true;
                s.workers[w] = At::Ack;
            }
            At::Ack => {
                s.unacked[w] = false;
                s.workers[w] = At::Idle;
            }
        }
    }

    /// `ledger_begin.lua`.
    fn begin(&self, s: &mut State, w: usize) {
        let doubt = At::Doubt { sent: s.sent, living: s.claim.is_some() };
        match s.entry {
            Entry::Told(_) | Entry::Done(_) | Entry::Conflict => Self::reply_or_later(s, w, told(s.entry)),
            Entry::Unknown => s.workers[w] = doubt,
            Entry::Claimed | Entry::Sending if s.claim.is_some() && !self.lacks(LeftOut::LivingClaimIsWaitedFor) => {
                Self::later(s, w);
            }
            Entry::Claimed if !s.repeats => (s.claim, s.workers[w]) = (Some(w), At::Mark),
            Entry::Claimed | Entry::Sending => (s.entry, s.workers[w]) = (Entry::Unknown, doubt),
            Entry::Absent => (s.entry, s.claim, s.workers[w]) = (Entry::Claimed, Some(w), At::Mark),
        }
    }

    /// By the worker's own clock.
    pub(super) fn may_send(&self, s: &State, w: usize) -> bool {
        s.claim == Some(w) || self.lacks(LeftOut::ClockBeforeTheRequest)
    }
}
