//! The state of the model: the record and its lease in Redis, the tokens at the provider, and where each worker is.

use super::Faults;

/// How many token sets a provider can give in one run.
pub(super) const TOKENS: usize = 5;

/// The owner of a lease that nobody can give back any more.
pub(super) const NOBODY: u8 = u8::MAX;

/// What the provider knows of a refresh token.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(super) enum Token {
    Unborn,
    Live,
    Spent,
    Dead,
}

#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(super) enum Standing {
    Active,
    Refused,
    OutcomeLost,
}

/// The record. A token stands for its generation.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(super) struct Record {
    pub(super) token: u8,
    pub(super) revision: u8,
    pub(super) fresh: bool,
    pub(super) standing: Standing,
    pub(super) marker: Option<u8>,
}

/// What came back from a token call.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(super) enum Answer {
    New(u8),
    Denied,
    NotSent,
}

/// An attempt, from its marker on: the token that is sent, the revision of the marker, and whether one was there.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(super) struct Attempt {
    pub(super) token: u8,
    pub(super) revision: u8,
    pub(super) predecessor: bool,
}

/// Where a worker is.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(super) enum At {
    Idle,
    WantsTheLease(Record),
    ReadsAgain,
    Marks(Record),
    Sends(Attempt),
    Waits(Attempt),
    Has(Attempt, Answer),
    GivesBack,
    Reseals(u8),
}

#[derive(Clone, PartialEq, Eq, Hash, Debug)]
#[expect(clippy::struct_excessive_bools, reason = "each says of a run that something happened in it")]
pub(super) struct World {
    pub(super) record: Option<Record>,
    pub(super) lease: Option<u8>,
    pub(super) at: Vec<At>,
    /// A request whose sender no longer waits, and that the provider has not got to yet.
    pub(super) stray: Option<u8>,
    tokens: [Token; TOKENS],
    family: [u8; TOKENS],
    /// The newest family.
    pub(super) families: u8,
    /// Which tokens a request of ours has spent.
    pub(super) spent: [bool; TOKENS],
    pub(super) left: Faults,
    pub(super) deleted: bool,
    /// An answer was lost, with its process or on its way.
    pub(super) lost: bool,
    pub(super) withdrawn: bool,
    /// What the protocol does not promise happened.
    pub(super) excused: bool,
    /// A spent token came again while its answer was in somebody's hands.
    pub(super) wasted: bool,
    pub(super) saved: bool,
    pub(super) healed: bool,
}

impl World {
    pub(super) fn new(workers: usize, left: Faults) -> Self {
        let mut world = Self {
            record: None,
            lease: None,
            at: vec![At::Idle; workers],
            stray: None,
            tokens: [Token::Unborn; TOKENS],
            family: [0; TOKENS],
            families: 0,
            spent: [false; TOKENS],
            left,
            deleted: false,
            lost: false,
            withdrawn: false,
            excused: false,
            wasted: false,
            saved: false,
            healed: false,
        };
        world.consent(0, false);
        world
    }

    /// Nobody is at anything.
    pub(super) fn is_quiet(&self) -> bool {
        self.stray.is_none() && self.at.iter().all(|at| *at == At::Idle)
    }

    pub(super) fn token(&self, token: u8) -> Token {
        self.tokens[usize::from(token)]
    }

    pub(super) fn family_of(&self, token: u8) -> u8 {
        self.family[usize::from(token)]
    }

    /// A person's consent, stored.
    pub(super) fn consent(&mut self, revision: u8, fresh: bool) -> Option<()> {
        let token = self.born(self.families)?;
        self.deleted = false;
        self.record = Some(Record { token, revision, fresh, standing: Standing::Active, marker: None });
        Some(())
    }

    fn born(&mut self, family: u8) -> Option<u8> {
        let free = self.tokens.iter().position(|token| *token == Token::Unborn)?;
        (self.tokens[free], self.family[free]) = (Token::Live, family);
        u8::try_from(free).ok()
    }

    pub(super) fn end_family(&mut self, family: u8) {
        for (token, of) in self.tokens.iter_mut().zip(self.family) {
            if of == family && *token != Token::Unborn {
                *token = Token::Dead;
            }
        }
    }

    /// The provider gets to a request. `None`: this run is out of tokens, and ends here.
    pub(super) fn provider(&mut self, token: u8, ends_the_family: bool) -> Option<Answer> {
        let index = usize::from(token);
        match self.tokens[index] {
            Token::Live => {
                let new = self.born(self.family[index])?;
                (self.tokens[index], self.spent[index]) = (Token::Spent, true);
                Some(Answer::New(new))
            }
            Token::Spent => {
                let held = |at: &At| matches!(at, At::Has(attempt, Answer::New(_)) if attempt.token == token);
                self.wasted |= !self.excused && self.at.iter().any(held);
                if ends_the_family {
                    self.end_family(self.family[index]);
                }
                Some(Answer::Denied)
            }
            Token::Dead | Token::Unborn => Some(Answer::Denied),
        }
    }
}
