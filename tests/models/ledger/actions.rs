//! What can happen next, and what the world's part in it is.

use super::world::{At, Entry, Outcome, State};
use super::{Ledger, Provider};

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Action {
    Deliver(usize),
    Step(usize),
    /// The provider refuses.
    Refuse(usize),
    /// It posts, and the answer is lost.
    Lose(usize),
    /// The request is lost, or comes late.
    Cut(usize, bool),
    Process(usize),
    Crash(usize),
    Redeliver(usize),
    ClaimOver,
    /// The user connects anew, with another account.
    Reconsent,
    Word(Outcome),
}

impl Ledger {
    pub(super) fn possible(&self, s: &State, actions: &mut Vec<Action>) {
        let left = s.left;
        for w in 0..2 {
            if s.workers[w] == At::Idle {
                actions.extend((s.ready > 0).then_some(Action::Deliver(w)));
                continue;
            }
            actions.push(Action::Step(w));
            if matches!(s.workers[w], At::Send(_)) && self.may_send(s, w) {
                actions.extend((left.refusals > 0).then_some(Action::Refuse(w)));
                if left.losses > 0 {
                    actions.extend([Action::Lose(w), Action::Cut(w, false), Action::Cut(w, true)]);
                }
            }
            actions.extend((left.crashes > 0).then_some(Action::Crash(w)));
            actions.extend((left.redeliveries > 0 && s.unacked[w]).then_some(Action::Redeliver(w)));
        }
        actions.extend([0, 1].into_iter().filter(|of| s.late[*of] > 0).map(Action::Process));
        actions.extend((left.reconsents > 0).then_some(Action::Reconsent));
        if let Some(holder) = s.claim {
            let may_end = !self.is_belated(s) || left.belated > 0;
            if may_end && (s.workers[holder] == At::Idle || left.overruns > 0) {
                actions.push(Action::ClaimOver);
            }
        }
        let doubt = matches!(s.entry, Entry::Unknown | Entry::Sending) || (s.entry == Entry::Claimed && s.repeats);
        if left.words > 0 && doubt && s.claim.is_none() {
            actions.extend([Action::Word(Outcome::Happened), Action::Word(Outcome::Refused)]);
        }
    }

    pub(super) fn take(&self, last: &State, action: Action) -> Option<State> {
        let mut s = last.clone();
        let sending = |s: &State, w: usize| match s.workers[w] {
            At::Send(n) => Some(n),
            _ => None,
        };
        match action {
            Action::Deliver(w) => {
                s.ready -= 1;
                s.unacked[w] = true;
                s.workers[w] = At::Begin;
            }
            Action::Step(w) => self.step(&mut s, w),
            Action::Refuse(w) => {
                s.left.refusals -= 1;
                s.workers[w] = At::Settle(sending(&s, w)?, Some(Outcome::Refused));
            }
            Action::Lose(w) => {
                s.left.losses -= 1;
                self.post(&mut s, last.token[w]);
                s.workers[w] = At::Settle(sending(&s, w)?, None);
            }
            Action::Cut(w, late) => {
                s.left.losses -= 1;
                s.late[s.token[w]] += u8::from(late);
                s.workers[w] = At::Settle(sending(&s, w)?, None);
            }
            Action::Process(of) => {
                s.late[of] -= 1;
                self.post(&mut s, of);
            }
            Action::Reconsent => {
                s.left.reconsents -= 1;
                s.account = 1;
            }
            Action::Crash(w) => {
                s.left.crashes -= 1;
                Self::later(&mut s, w);
            }
            Action::Redeliver(w) => {
                s.left.redeliveries -= 1;
                s.unacked[w] = false;
                s.ready += 1;
            }
            Action::ClaimOver => {
                s.left.belated -= u8::from(self.is_belated(&s));
                s.excused |= self.is_belated(&s);
                let holder = s.claim.take()?;
                s.left.overruns -= u8::from(s.workers[holder] != At::Idle);
            }
            Action::Word(outcome) => {
                s.left.words -= 1;
                (s.entry, s.word) = (Entry::Told(outcome), Some(outcome));
            }
        }
        Some(s)
    }

    /// A request is still on its way to a provider whose posts are looked up.
    fn is_belated(&self, s: &State) -> bool {
        self.provider == Provider::Findable && s.all_late() > 0
    }
}
