//! The state of the model: what Redis holds, what the provider knows, and where each worker is.

use super::Faults;

/// How many tokens a provider can give in one run.
pub(super) const TOKENS: usize = 4;

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

/// How many revocations there were: the owner's own, and its tenant's.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(super) struct Epochs {
    pub(super) owner: u8,
    pub(super) tenant: u8,
}

impl Epochs {
    /// What a consent is claimed and saved in.
    pub(super) fn together(self) -> u8 {
        self.owner + self.tenant
    }
}

/// The record: the newest token of a consent, and the owner's and the tenant's epoch when the consent's request was claimed.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(super) struct Record {
    pub(super) token: u8,
    pub(super) epoch: u8,
    pub(super) tenant_epoch: u8,
    /// It wants a refresh.
    pub(super) stale: bool,
}

/// The ledger's entry of the exchange, with its epoch.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(super) enum Entry {
    Absent,
    Claimed(u8),
    Sending(u8),
    Done,
}

/// Why a worker is at work.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub(super) enum Job {
    Refresh,
    Exchange,
    Revocation,
    /// Of tombstones that hold a token.
    Sweep,
}

/// A request to the provider.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub(super) enum Call {
    Refresh(u8),
    /// The one code, in this epoch.
    Code(u8),
    Revoke(u8),
}

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub(super) enum Answer {
    Given(u8),
    Denied,
    Revoked,
    NotSent,
}

/// Where a worker is.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub(super) enum At {
    Idle,
    Claims,
    MovesTheEpoch,
    WantsTheLease(Job),
    Reads(Job),
    Buries(u8),
    LooksIntoTheTombstone(Job),
    Sends(Job, Call),
    Waits(Job, Call),
    Has(Job, Call, Answer),
    Clears(Job, u8),
    GivesBack(Job),
}

#[derive(Clone, PartialEq, Eq, Hash, Debug)]
#[expect(clippy::struct_excessive_bools, reason = "each says of a run that something happened in it")]
pub(super) struct World {
    pub(super) record: Option<Record>,
    /// The tokens in the tombstone, a bit each.
    pub(super) tombstone: u8,
    pub(super) epochs: Epochs,
    pub(super) lease: Option<u8>,
    pub(super) entry: Entry,
    pub(super) exchange_waits: bool,
    /// The revocation's own entry: which epoch it began.
    pub(super) revocation: Option<u8>,
    pub(super) revocation_waits: bool,
    pub(super) at: Vec<At>,
    /// A request that nobody waits for, and that the provider has not got to yet.
    pub(super) stray: Option<Call>,
    pub(super) tokens: [Token; TOKENS],
    /// 0: the consent that is stored at first; 1: the one that the exchange brings.
    pub(super) family: [u8; TOKENS],
    /// Its answer reached nobody who lived to write it down.
    pub(super) lost: u8,
    pub(super) code_used: bool,
    /// The exchange was claimed before the revocation began.
    pub(super) old_consent: bool,
    pub(super) left: Faults,
    pub(super) deleted: bool,
    pub(super) superseded: bool,
    /// What the protocol does not promise happened: a worker stood still, or a request came, past its lease.
    pub(super) excused: bool,
    pub(super) told_early: bool,
    pub(super) missed_the_newest: bool,
    pub(super) harmed_a_newer: bool,
    pub(super) came_twice: bool,
    pub(super) buried_late: bool,
    pub(super) answered: bool,
}

impl World {
    pub(super) fn new(workers: usize, left: Faults) -> Self {
        let mut tokens = [Token::Unborn; TOKENS];
        tokens[0] = Token::Live;
        let epochs = Epochs { owner: 1, tenant: 1 };
        Self {
            record: Some(Record { token: 0, epoch: epochs.together(), tenant_epoch: epochs.tenant, stale: true }),
            tombstone: 0,
            epochs,
            lease: None,
            entry: Entry::Absent,
            exchange_waits: true,
            revocation: None,
            revocation_waits: true,
            at: vec![At::Idle; workers],
            stray: None,
            tokens,
            family: [0; TOKENS],
            lost: 0,
            code_used: false,
            old_consent: false,
            left,
            deleted: false,
            superseded: false,
            excused: false,
            told_early: false,
            missed_the_newest: false,
            harmed_a_newer: false,
            came_twice: false,
            buried_late: false,
            answered: false,
        }
    }

    /// Nobody is at anything, and nothing waits.
    pub(super) fn is_quiet(&self) -> bool {
        let waits = self.exchange_waits || self.revocation_waits || self.stray.is_some();
        !waits && self.at.iter().all(|at| *at == At::Idle)
    }

    pub(super) fn family_of(&self, token: u8) -> u8 {
        self.family[usize::from(token)]
    }

    /// The revocation is about this token: its consent was there before.
    pub(super) fn is_old(&self, token: u8) -> bool {
        self.revocation.is_some() && (self.family_of(token) == 0 || self.old_consent)
    }

    pub(super) fn bury(&mut self, token: u8) {
        self.tombstone |= 1 << token;
        self.harmed_a_newer |= self.revocation.is_some() && !self.is_old(token);
    }

    /// Tokens of the revoked connection that are alive.
    pub(super) fn alive(&self) -> impl Iterator<Item = u8> + '_ {
        let live = |token: &u8| self.tokens[usize::from(*token)] == Token::Live && self.is_old(*token);
        (0_u8..).take(TOKENS).filter(live)
    }

    /// Workers are alike: of all orders of them, one stands for the rest.
    pub(super) fn in_order(mut self) -> Self {
        let mut order: Vec<u8> = (0_u8..).take(self.at.len()).collect();
        order.sort_by_key(|worker| (self.at[usize::from(*worker)], self.lease == Some(*worker)));
        self.at = order.iter().map(|worker| self.at[usize::from(*worker)]).collect();
        let holder = self.lease.and_then(|owner| order.iter().position(|worker| *worker == owner));
        self.lease = holder.and_then(|place| u8::try_from(place).ok()).or(self.lease.filter(|owner| *owner == NOBODY));
        self
    }
}
