//! The ledger's protocol, explored to its end: what `shared/src/ledger.rs` and its scripts do, with one job, two workers, a
//! broker that delivers at least once and may redeliver while the first worker still runs, and a provider that may post
//! late. Anybody may crash anywhere, answers get lost, claims run out under slow workers, and an operator decides unknown
//! outcomes. Then one rule at a time is left out, and a property must notice.
//!
//! What it takes for granted: at a provider where posts are looked up, a request is processed before its claim is over.

use stateright::{Checker, HasDiscoveries, Model, Property};

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Provider {
    Plain,
    /// Makes no second post under one idempotency key.
    Idempotent,
    /// Posts can be looked up.
    Findable,
}

#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
enum Outcome {
    Happened,
    Refused,
}

/// The field `state` of an entry.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
enum Entry {
    Absent,
    Claimed,
    Sending,
    Unknown,
    Told(Outcome),
    Done(Outcome),
    Conflict,
}

/// What a producer is told.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
enum Told {
    Published,
    Failed,
    Unknown,
    Conflict,
}

/// What a worker does next.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
enum At {
    Idle,
    Begin,
    /// As it was met: how many requests were sent, and whether the claim of the newest lived.
    Doubt {
        sent: u8,
        living: bool,
    },
    Repeat {
        doubtful: bool,
        sent: u8,
    },
    Mark,
    Send(u8),
    Settle(u8, Option<Outcome>),
    Reply(Told),
    Ack,
}

#[derive(Clone, PartialEq, Eq, Hash, Debug)]
struct State {
    entry: Entry,
    /// The number of the newest request.
    sent: u8,
    /// A request before the newest may have been posted.
    repeats: bool,
    /// Who holds the living claim.
    claim: Option<usize>,
    workers: [At; 2],
    ready: u8,
    unacked: [bool; 2],
    posts: u8,
    /// Requests that the provider has and may still process.
    late: u8,
    word: Option<Outcome>,
    /// By [`Told`].
    told: [bool; 4],
    left: Faults,
}

#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
struct Faults {
    crashes: u8,
    losses: u8,
    redeliveries: u8,
    overruns: u8,
    refusals: u8,
    words: u8,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Action {
    Deliver(usize),
    Step(usize),
    /// The provider refuses.
    Refuse(usize),
    /// It posts, and the answer is lost.
    Lose(usize),
    /// The request is lost, or comes late.
    Cut(usize, bool),
    Process,
    Crash(usize),
    Redeliver(usize),
    ClaimOver,
    Word(Outcome),
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum LeftOut {
    Nothing,
    LivingClaimIsWaitedFor,
    MarkNeedsTheClaim,
    MarkBeforeTheRequest,
    ClockBeforeTheRequest,
    DoubtIsNoReasonToAct,
    TimeoutIsNoRefusal,
    RefusalIsOfTheNewest,
    RefusedRepeatProvesNothing,
    RepeatIsAnAct,
    LookUpAfterTheClaim,
    NobodyActedSince,
    LateAnswerCounts,
    ConflictIsTold,
    AnswerBeforeAck,
}

#[derive(Clone)]
struct Ledger {
    provider: Provider,
    faults: Faults,
    without: LeftOut,
}

impl Ledger {
    fn lacks(&self, rule: LeftOut) -> bool {
        self.without == rule
    }

    fn post(&self, s: &mut State) {
        if self.provider != Provider::Idempotent || s.posts == 0 {
            s.posts += 1;
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
    fn later(s: &mut State, w: usize) {
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

    fn step(&self, s: &mut State, w: usize) {
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
            At::Doubt { living: true, .. } if !self.lacks(LeftOut::LookUpAfterTheClaim) => Self::later(s, w),
            At::Doubt { .. } if self.provider == Provider::Findable && s.posts > 0 => {
                let told = self.settle(s, 0, Outcome::Happened);
                Self::reply_or_later(s, w, told);
            }
            At::Doubt { sent, .. } => {
                s.workers[w] = At::Repeat { doubtful: self.provider == Provider::Idempotent, sent };
            }
            At::Repeat { .. } if self.lacks(LeftOut::RepeatIsAnAct) => {
                self.post(s);
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
                s.sent += 1;
                s.workers[w] = At::Send(s.sent);
            }
            At::Mark => {
                let ours = s.claim == Some(w) && s.entry == Entry::Claimed;
                if ours || self.lacks(LeftOut::MarkNeedsTheClaim) {
                    (s.entry, s.sent) = (Entry::Sending, s.sent + 1);
                    s.workers[w] = At::Send(s.sent);
                } else {
                    Self::later(s, w);
                }
            }
            At::Send(n) if self.may_send(s, w) => {
                self.post(s);
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
    fn may_send(&self, s: &State, w: usize) -> bool {
        s.claim == Some(w) || self.lacks(LeftOut::ClockBeforeTheRequest)
    }
}

fn told(entry: Entry) -> Option<Told> {
    match entry {
        Entry::Done(Outcome::Happened) | Entry::Told(Outcome::Happened) => Some(Told::Published),
        Entry::Done(Outcome::Refused) | Entry::Told(Outcome::Refused) => Some(Told::Failed),
        Entry::Conflict => Some(Told::Conflict),
        Entry::Unknown => Some(Told::Unknown),
        Entry::Absent | Entry::Claimed | Entry::Sending => None,
    }
}

fn quiet(s: &State) -> bool {
    s.ready == 0 && s.late == 0 && s.workers == [At::Idle; 2]
}

impl Model for Ledger {
    type State = State;
    type Action = Action;

    fn init_states(&self) -> Vec<State> {
        vec![State {
            entry: Entry::Absent,
            sent: 0,
            repeats: false,
            claim: None,
            workers: [At::Idle; 2],
            ready: 1,
            unacked: [false; 2],
            posts: 0,
            late: 0,
            word: None,
            told: [false; 4],
            left: self.faults,
        }]
    }

    fn actions(&self, s: &State, actions: &mut Vec<Action>) {
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
        actions.extend((s.late > 0).then_some(Action::Process));
        if let Some(holder) = s.claim {
            let may_end = self.provider != Provider::Findable || s.late == 0;
            if may_end && (s.workers[holder] == At::Idle || left.overruns > 0) {
                actions.push(Action::ClaimOver);
            }
        }
        let doubt = matches!(s.entry, Entry::Unknown | Entry::Sending) || (s.entry == Entry::Claimed && s.repeats);
        if left.words > 0 && doubt && s.claim.is_none() {
            actions.extend([Action::Word(Outcome::Happened), Action::Word(Outcome::Refused)]);
        }
    }

    fn next_state(&self, last: &State, action: Action) -> Option<State> {
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
                self.post(&mut s);
                s.workers[w] = At::Settle(sending(&s, w)?, None);
            }
            Action::Cut(w, late) => {
                s.left.losses -= 1;
                s.late += u8::from(late);
                s.workers[w] = At::Settle(sending(&s, w)?, None);
            }
            Action::Process => {
                s.late -= 1;
                self.post(&mut s);
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

    fn properties(&self) -> Vec<Property<Self>> {
        vec![
            Property::always("never posted twice", |_, s: &State| s.posts < 2),
            Property::always("published is said only of a post that exists", |_, s: &State| {
                s.entry != Entry::Done(Outcome::Happened) || s.posts > 0
            }),
            Property::always("failed is known only of a post that does not exist", |_, s: &State| {
                s.entry != Entry::Done(Outcome::Refused) || s.posts + s.late == 0
            }),
            Property::always("an operator is contradicted aloud", |_, s: &State| match (s.entry, s.word) {
                (Entry::Done(known), Some(word)) => known == word,
                _ => true,
            }),
            Property::always("every job is answered", |_, s: &State| !quiet(s) || s.told.contains(&true)),
            Property::always("the last word is told unless its teller died", |m: &Self, s: &State| {
                m.faults.crashes > 0
                    || !quiet(s)
                    || matches!(s.entry, Entry::Told(_))
                    || told(s.entry).is_none_or(|last| s.told[last as usize])
            }),
            Property::always("an outcome that somebody saw is not left unknown", |m: &Self, s: &State| {
                m.faults.losses > 0 || m.faults.crashes > 0 || !quiet(s) || s.repeats || s.entry != Entry::Unknown
            }),
            Property::always("unknown is told only where something was lost", |m: &Self, s: &State| {
                m.faults.losses + m.faults.crashes + m.faults.overruns > 0 || !s.told[Told::Unknown as usize]
            }),
            Property::sometimes("an outcome stays unknown", |m: &Self, s: &State| {
                m.faults.losses == 0 || m.provider != Provider::Plain || (quiet(s) && s.entry == Entry::Unknown)
            }),
            Property::sometimes("it is published", |_, s: &State| s.told[Told::Published as usize]),
        ]
    }
}

const PROVIDERS: [Provider; 3] = [Provider::Plain, Provider::Idempotent, Provider::Findable];

/// Mixtures of faults, each small enough to be explored to its end in a second.
fn mixtures() -> [Faults; 4] {
    let none = Faults { crashes: 0, losses: 0, redeliveries: 0, overruns: 0, refusals: 0, words: 0 };
    [
        Faults { redeliveries: 2, refusals: 1, ..none },
        Faults { redeliveries: 2, overruns: 2, refusals: 1, ..none },
        Faults { crashes: 2, losses: 1, redeliveries: 1, refusals: 1, ..none },
        Faults { crashes: 1, losses: 1, redeliveries: 2, overruns: 1, refusals: 1, words: 1 },
    ]
}

/// Whether a property does not hold when a rule is left out.
fn breaks(without: LeftOut, property: &'static str) -> bool {
    let enough = HasDiscoveries::AnyOf([property].into());
    mixtures().into_iter().any(|faults| {
        PROVIDERS.into_iter().any(|provider| {
            let model = Ledger { provider, faults, without };
            let checker = model.checker().finish_when(enough.clone()).threads(2).spawn_bfs().join();
            checker.discovery(property).is_some()
        })
    })
}

#[test]
fn the_protocol_keeps_every_promise() {
    for provider in PROVIDERS {
        for faults in mixtures() {
            let checker =
                Ledger { provider, faults, without: LeftOut::Nothing }.checker().threads(2).spawn_bfs().join();
            checker.assert_properties();
        }
    }
}

#[test]
fn every_rule_is_needed() {
    const TWICE: &str = "never posted twice";
    const FAILED: &str = "failed is known only of a post that does not exist";
    const OPERATOR: &str = "an operator is contradicted aloud";
    for (rule, breaks) in [
        (LeftOut::MarkNeedsTheClaim, TWICE),
        (LeftOut::MarkBeforeTheRequest, TWICE),
        (LeftOut::ClockBeforeTheRequest, TWICE),
        (LeftOut::DoubtIsNoReasonToAct, TWICE),
        (LeftOut::LookUpAfterTheClaim, TWICE),
        (LeftOut::NobodyActedSince, TWICE),
        (LeftOut::TimeoutIsNoRefusal, FAILED),
        (LeftOut::RefusalIsOfTheNewest, FAILED),
        (LeftOut::RefusedRepeatProvesNothing, FAILED),
        (LeftOut::RepeatIsAnAct, OPERATOR),
        (LeftOut::ConflictIsTold, OPERATOR),
        (LeftOut::LateAnswerCounts, "an outcome that somebody saw is not left unknown"),
        (LeftOut::AnswerBeforeAck, "every job is answered"),
        (LeftOut::LivingClaimIsWaitedFor, "unknown is told only where something was lost"),
    ] {
        assert!(self::breaks(rule, breaks), "{rule:?} left out, and nothing notices: {breaks}");
    }
}
