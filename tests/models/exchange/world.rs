//! The state of the model: what Redis holds, what the provider knows, and where each worker is.

use super::{Faults, Kind};

/// The holder of a claim whose worker is gone, or has let the message go.
pub(super) const NOBODY: u8 = u8::MAX;

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub(super) enum Outcome {
    Happened,
    Refused,
}

/// The field `state` of the ledger's entry.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(super) enum Entry {
    Absent,
    Claimed,
    Sending,
    Unknown,
    Told(Outcome),
    Done(Outcome),
    Conflict,
}

/// What a producer is told.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub(super) enum Told {
    Stored,
    Failed,
}

/// Whose consent the record is of.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(super) struct Record {
    /// It names the request.
    pub(super) ours: bool,
    /// It has or had the token that is brought in.
    pub(super) had: bool,
}

/// Of the code, the token that is brought in, or the one that it is exchanged for.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(super) enum Token {
    Unborn,
    Live,
    Spent,
    Dead,
}

/// Who brings the token in.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(super) enum Who {
    We,
    They,
}

/// Another connection, for which the same token is brought in.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(super) enum Other {
    Absent,
    Brings,
    Holds,
    Refused,
}

/// A request to the provider: its number, and whether one before it may have been carried out.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub(super) struct Call {
    pub(super) n: u8,
    pub(super) doubtful: bool,
}

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub(super) enum Answer {
    Given,
    Denied,
    Lost,
    NotSent,
}

/// What a worker does next.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub(super) enum At {
    Idle,
    Begins,
    /// At a doubt, with how many requests were sent when it was met.
    Looks(u8),
    Found,
    Repeats(u8),
    Prepares(bool),
    Brings(bool),
    /// Something is known for good, and nothing is sent for it.
    Knows(Outcome),
    Marks(bool),
    Sends(Call),
    Waits(Call),
    Has(Call, Answer),
    Settles(Call, Outcome),
    /// With how many requests were sent when the record was looked at, or this one's number.
    TellsLost(u8),
    Replies(Told),
    Acks,
}

#[derive(Clone, PartialEq, Eq, Hash, Debug)]
#[expect(clippy::struct_excessive_bools, reason = "each says of a run that something happened in it")]
pub(super) struct World {
    pub(super) entry: Entry,
    pub(super) sent: u8,
    pub(super) repeats: bool,
    /// The owner's epoch at the first claim.
    pub(super) of_epoch: u8,
    /// What that must be.
    pub(super) began: u8,
    pub(super) claim: Option<u8>,
    pub(super) epoch: u8,
    pub(super) record: Option<Record>,
    /// The right to bring the token in. Both workers have it for the request.
    pub(super) lease: Option<Who>,
    pub(super) other: Other,
    pub(super) at: [At; 2],
    /// The epoch that a delivery met when it began.
    pub(super) met: [u8; 2],
    pub(super) unacked: [bool; 2],
    pub(super) ready: u8,
    pub(super) brought: Token,
    pub(super) given: Token,
    /// Requests that nobody waits for, and that the provider has not got to yet.
    pub(super) late: u8,
    pub(super) left: Faults,
    /// By [`Told`].
    pub(super) told: [bool; 2],
    /// A worker of ours stored what it had, ever.
    pub(super) was_stored: bool,
    /// A worker had an answer in hand, or a request came, past the claim.
    pub(super) excused: bool,
    /// The same, past the lease of the token.
    pub(super) long_excused: bool,
    /// A worker stored past its claim, and died or lost Redis before it could say so.
    pub(super) silenced: bool,
    pub(super) code_came_twice: bool,
    pub(super) resurrected: bool,
    pub(super) told_otherwise: bool,
    pub(super) told_of_nothing: bool,
    pub(super) in_vain: bool,
}

impl World {
    pub(super) fn new(left: Faults) -> Self {
        Self {
            entry: Entry::Absent,
            sent: 0,
            repeats: false,
            of_epoch: 0,
            began: 0,
            claim: None,
            epoch: 0,
            record: None,
            lease: None,
            other: Other::Absent,
            at: [At::Idle; 2],
            met: [0; 2],
            unacked: [false; 2],
            ready: 1,
            brought: Token::Live,
            given: Token::Unborn,
            late: 0,
            left,
            told: [false; 2],
            was_stored: false,
            excused: false,
            long_excused: false,
            silenced: false,
            code_came_twice: false,
            resurrected: false,
            told_otherwise: false,
            told_of_nothing: false,
            in_vain: false,
        }
    }

    /// Nobody is at anything, and nothing waits.
    pub(super) fn is_quiet(&self) -> bool {
        self.ready == 0 && self.late == 0 && self.other != Other::Brings && self.at == [At::Idle; 2]
    }

    pub(super) fn was_told(&self, word: Told) -> bool {
        self.told[word as usize]
    }

    /// What the request brought works at the provider.
    pub(super) fn works(&self, kind: Kind) -> bool {
        let token = if kind == Kind::Steady { self.brought } else { self.given };
        token == Token::Live
    }

    pub(super) fn is_ours(&self) -> bool {
        self.record.is_some_and(|record| record.ours)
    }

    /// The provider gets to a request.
    pub(super) fn provider(&mut self, kind: Kind) -> Answer {
        match (kind, self.brought) {
            (Kind::Steady, Token::Live) => Answer::Given,
            (_, Token::Live) => {
                (self.brought, self.given) = (Token::Spent, Token::Live);
                Answer::Given
            }
            _ => {
                self.code_came_twice |= kind == Kind::Code && self.brought == Token::Spent;
                // a second use ends what the first one brought
                if self.given == Token::Live {
                    self.given = Token::Dead;
                }
                Answer::Denied
            }
        }
    }

    /// Workers are alike: of both orders of them, one stands for the two.
    pub(super) fn in_order(mut self) -> Self {
        let key = |world: &Self, w: usize| (world.at[w], world.met[w], world.unacked[w], world.holds(w));
        if key(&self, 0) > key(&self, 1) {
            self.at.swap(0, 1);
            self.met.swap(0, 1);
            self.unacked.swap(0, 1);
            self.claim = self.claim.map(|holder| if holder < 2 { 1 - holder } else { holder });
        }
        self
    }

    /// The worker's claim lives.
    pub(super) fn holds(&self, worker: usize) -> bool {
        self.claim.is_some_and(|holder| usize::from(holder) == worker)
    }
}

/// What is told of an entry that is settled.
pub(super) fn told(entry: Entry) -> Option<Told> {
    match entry {
        Entry::Done(Outcome::Happened) | Entry::Told(Outcome::Happened) | Entry::Conflict => Some(Told::Stored),
        Entry::Done(Outcome::Refused) | Entry::Told(Outcome::Refused) => Some(Told::Failed),
        Entry::Absent | Entry::Claimed | Entry::Sending | Entry::Unknown => None,
    }
}
