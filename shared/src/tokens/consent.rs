//! What a consent brought, stored.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use sealpost_schemas::{Code, Connection, Owner};
use secrecy::{ExposeSecret, SecretString};
use uuid::Uuid;

use super::device::Waiting;
use super::{TokenKeeper, superseded};
use crate::failure::Failure;
use crate::ids;
use crate::keys::KeyError;
use crate::oauth::{Account, TokenAnswer};
use crate::records::{
    Content, Custody, Device, Expected, Metadata, Parking, Record, Replaced, Saved, Standing, State, Subject, TokenSet,
};
use crate::seal::{Key, KeyRef};

/// How often a save looks again when the record moved under it.
const SAVES: usize = 4;

/// How long a message waits when a record moved under every save.
const PAUSE: Duration = Duration::from_secs(1);

/// A connection that tokens can be stored for: its key is there and Redis takes writes.
pub struct Prepared {
    connection: Connection,
    /// The newest key then: one that goes away later must not cost what was consented to.
    key: (KeyRef, Arc<Key>),
    current: Option<Record>,
    /// What is in it and waits for its user's device, where that is known.
    inside: Option<Box<Content>>,
    /// The owner's epoch in which the consent was sent; `None`: any.
    epoch: Option<u64>,
}

/// What the consent of a request brought.
pub struct Consented<'a> {
    /// The request's id.
    pub request: Uuid,
    /// The tokens.
    pub tokens: &'a TokenAnswer,
    /// The scopes that were granted.
    pub scopes: &'a [String],
    /// Whose they are, where a verified ID token says so.
    pub account: Option<Account>,
    /// The refresh token that they were had for, where it was one.
    pub spent: Option<&'a SecretString>,
    /// Whether they may be another account's than the stored ones.
    pub replace_subject: bool,
    /// Where the tokens rest with the user: what that needs.
    pub on_device: Option<OnDevice>,
    /// Whether the tokens whose place they take are to be revoked: that must not end the new ones. Those of a consent from before
    /// a revocation are in any case.
    pub ends_replaced: bool,
    /// When they came.
    pub now: Timestamp,
}

/// Tokens that rest with the user.
#[derive(Clone, Debug)]
pub struct OnDevice {
    /// The public key (JWK, as JSON) that answers to the client are sealed to.
    pub reply_key: Option<String>,
}

impl<'a> Consented<'a> {
    /// Of an account that nobody told, which replaces none.
    #[must_use]
    pub fn new(request: Uuid, tokens: &'a TokenAnswer, scopes: &'a [String], now: Timestamp) -> Self {
        Self {
            request,
            tokens,
            scopes,
            account: None,
            spent: None,
            replace_subject: false,
            on_device: None,
            ends_replaced: false,
            now,
        }
    }
}

impl Prepared {
    /// To be stored only while the owner's epoch is this one: a revocation moves it.
    #[must_use]
    pub fn in_epoch(self, epoch: u64) -> Self {
        Self { epoch: Some(epoch), ..self }
    }

    /// What is stored and whose it is, if this very request stored it: it was delivered again, and its code is spent.
    #[must_use]
    pub fn stored_by(&self, request: Uuid) -> Option<(&Metadata, Option<&Subject>)> {
        let metadata = &self.current.as_ref()?.metadata;
        let subject = self.inside.as_ref().and_then(|content| content.subject.as_ref());
        (metadata.request == Some(request)).then_some((metadata, subject))
    }
}

impl TokenKeeper {
    /// Makes sure that tokens could be stored, before a code is spent on them.
    pub async fn prepare(&self, connection: &Connection) -> Result<Prepared, Failure> {
        let key = self.keys.newest_of(&connection.tenant).await?;
        let id = self.store.locate(connection);
        let current = self.store.load(&id).await?;
        let inside = self.inside_of(current.as_ref()).await?;
        self.store.writable(&id).await?;
        Ok(Prepared { connection: connection.clone(), key, current, inside, epoch: None })
    }

    /// Seals and saves what the consent of a request brought, and returns whose it is, where that is known. The newest
    /// consent wins over whatever is stored, but not one by another account that may not replace it: that is a failure
    /// with code `subject-changed`, and the record stays as it is. After a revocation nothing is saved (`revoked`), and the tokens
    /// are in a tombstone: [`Self::end_late`].
    pub async fn store_consent(
        &self,
        prepared: &Prepared,
        consented: &Consented<'_>,
    ) -> Result<Option<Subject>, Failure> {
        let mut metadata = metadata(prepared, consented);
        metadata.superseded = self.superseded_by(prepared.current.as_ref(), consented);
        let mut revision = prepared.current.as_ref().map(|record| record.revision);
        let mut inside = prepared.inside.clone();
        let mut replaced = prepared.current.clone().zip(prepared.inside.clone());
        let mut from_device = is_on_device(prepared.current.as_ref());
        for _ in 0..SAVES {
            let mut content =
                content(prepared, consented, inside.as_ref().and_then(|content| content.subject.as_ref()))?;
            let newest = self.keys.newest_of(&prepared.connection.tenant).await;
            let (name, key) = newest.unwrap_or_else(|_| prepared.key.clone());
            let draft = match &consented.on_device {
                None => self.store.draft(&content, metadata.clone(), &name, &key)?,
                Some(on_device) => {
                    let newest = self.store.hash_of_access(&consented.tokens.access_token);
                    let access = superseded::with(known_access(inside.as_deref()), [newest]);
                    content.device = Device { reply_key: on_device.reply_key.clone(), access };
                    // who held the tokens of the same account before is the device that waits for these
                    let same = content.subject.as_ref().is_none_or(|subject| !subject.replaced);
                    let owed_to_holder = same && !consented.replace_subject && from_device;
                    let parking = Parking { lasts: self.parked_for, exchange: true, owed_to_holder };
                    self.store.draft_parking(&content, metadata.clone(), (&name, &key), parking)?
                }
            };
            let buried = self.replaced(replaced.as_ref(), consented, (&name, &key))?;
            let draft = draft.in_epoch(prepared.epoch).in_place_of(buried);
            let expected = revision.map_or(Expected::Absent, Expected::Revision);
            if let Saved::Written(_) = self.noticed(&name, self.store.save(&draft, expected).await)? {
                return Ok(content.subject);
            }
            let Connection { tenant, user, .. } = prepared.connection.clone();
            let now = self.store.epoch(&Owner { tenant, user }).await?;
            if prepared.epoch.is_some_and(|epoch| epoch != now) {
                self.bury_late(&content, metadata.generation, consented.tokens, &(name, key)).await?;
                let message = "the owner's connections were revoked after this consent was sent; ask for consent again";
                return Err(Failure::reject(Code::Revoked, message));
            }
            let current = self.store.load(&draft.id()).await?;
            if current.as_ref().is_some_and(|record| self.is_of(record, consented)) {
                return self.subject_of(current.as_ref()).await;
            }
            revision = current.as_ref().map(|record| record.revision);
            from_device = is_on_device(current.as_ref());
            metadata.superseded = self.superseded_by(current.as_ref(), consented);
            // what this very consent saved, in an attempt whose answer was lost, is not what it found
            if current.as_ref().is_none_or(|record| record.metadata.request != Some(consented.request)) {
                inside = self.inside_of(current.as_ref()).await?;
                replaced = current.zip(inside.clone());
            } else {
                replaced = None;
            }
        }
        let id = self.store.locate(&prepared.connection);
        Err(Failure::defer(PAUSE, Code::Conflict, format!("saving record {id}: it moved under every attempt")))
    }

    /// The tombstone of what this consent takes the place of; `None`: nothing is there, or it is the same grant, which must not
    /// end.
    fn replaced(
        &self,
        replaced: Option<&(Record, Box<Content>)>,
        consented: &Consented<'_>,
        key: (&KeyRef, &Key),
    ) -> Result<Option<Replaced>, Failure> {
        let Some((record, content)) = replaced else { return Ok(None) };
        let TokenSet { access_token, refresh_token, .. } = &content.tokens;
        let mut has = refresh_token.iter().map(|token| self.store.hash_of(token)).collect::<Vec<_>>();
        has.extend(&record.metadata.superseded);
        let mut brings =
            consented.tokens.refresh_token.iter().chain(consented.spent).map(|token| self.store.hash_of(token));
        // some give the same token with every consent, and one that was brought in is of the grant that it was spent for
        let is_same_grant = brings.any(|hash| has.contains(&hash))
            || access_token.as_ref().is_some_and(|token| is_same(token, &consented.tokens.access_token));
        if is_same_grant || (access_token.is_none() && refresh_token.is_none()) {
            return Ok(None);
        }
        let tombstone = self.store.tombstone(content, record.metadata.generation, key)?;
        let tombstone = tombstone.expiring(record.metadata.access_expires_at);
        Ok(Some(Replaced { tombstone, always: consented.ends_replaced }))
    }

    /// Whether a record holds what this consent brought, or what a refresh made of it: it was saved in an attempt whose
    /// answer was lost, and must not be saved again over the newer token.
    fn is_of(&self, record: &Record, consented: &Consented<'_>) -> bool {
        let brought = consented.tokens.refresh_token.as_ref().map(|token| self.store.hash_of(token));
        let has = |hash| record.token == Some(hash) || record.metadata.superseded.contains(&hash);
        record.metadata.request == Some(consented.request) && brought.is_none_or(has)
    }

    /// The refresh tokens that the connection had before this consent.
    fn superseded_by(&self, current: Option<&Record>, consented: &Consented<'_>) -> Vec<[u8; 32]> {
        let before = current.map_or(&[][..], |record| &record.metadata.superseded);
        let had = current.and_then(|record| record.token);
        let spent = consented.spent.map(|token| self.store.hash_of(token));
        let has = consented.tokens.refresh_token.as_ref().map(|token| self.store.hash_of(token));
        superseded::with(before, had.into_iter().chain(spent).filter(|hash| Some(*hash) != has))
    }

    /// The account that a record is of. One that will never open has none that is known, so that consent heals it.
    pub(super) async fn subject_of(&self, record: Option<&Record>) -> Result<Option<Subject>, Failure> {
        Ok(self.inside_of(record).await?.and_then(|content| content.subject))
    }

    /// What is in a record, with what waits for its user's device, unless it will never open.
    async fn inside_of(&self, record: Option<&Record>) -> Result<Option<Box<Content>>, Failure> {
        let Some(record) = record.filter(|record| record.metadata.standing.state != State::Quarantined) else {
            return Ok(None);
        };
        let key = match self.keys.get(record.key()).await {
            Err(KeyError::Missing { .. }) => return Ok(None),
            key => key?,
        };
        match record.open(&key) {
            Err(error) if error.code() == Code::Quarantined => Ok(None),
            content if record.metadata.custody == Custody::Device => {
                let mut content = content?;
                if let Waiting::Tokens(tokens) = self.waiting(record, false).await? {
                    content.tokens = *tokens;
                }
                Ok(Some(Box::new(content)))
            }
            content => Ok(Some(Box::new(content?))),
        }
    }
}

fn is_same(one: &SecretString, other: &SecretString) -> bool {
    one.expose_secret() == other.expose_secret()
}

/// What is sealed, if it may take the place of what is known to be there.
fn content(prepared: &Prepared, consented: &Consented<'_>, known: Option<&Subject>) -> Result<Content, Failure> {
    let Consented { tokens, account, .. } = consented;
    let replaced = account.as_ref().zip(known).is_some_and(|(account, known)| account.id != known.id);
    if replaced && !consented.replace_subject {
        let spent = match consented.spent {
            Some(_) => ", and the refresh token that was brought in is spent",
            None => "",
        };
        let message = format!(
            "consent was given by another account of the provider than the one that is connected; nothing was stored{spent}. \
             Ask for consent by that account, or allow the change with replace_subject"
        );
        return Err(Failure::reject(Code::SubjectChanged, message));
    }
    let told = account.clone().map(|Account { id, name }| Subject { id, name, replaced });
    // Nobody said that it is the same account; nor that it is another one. The known one stays, so that a consent without
    // an ID token is no way around subject-changed, and the next ID token that says otherwise is noticed. Where a change
    // is allowed, it may have happened.
    let kept =
        || known.filter(|_| !consented.replace_subject).map(|known| Subject { replaced: false, ..known.clone() });
    let subject = told.or_else(kept);
    Ok(Content {
        connection: prepared.connection.clone(),
        subject,
        device: Device::default(),
        tokens: TokenSet {
            access_token: match consented.on_device {
                None => tokens.kept_access_token(),
                Some(_) => Some(tokens.access_token.clone()),
            },
            refresh_token: tokens.refresh_token.clone(),
            token_type: tokens.token_type.clone(),
            // it was judged before; a device gets it all the same
            id_token: tokens.id_token.clone().filter(|_| consented.on_device.is_some()),
        },
    })
}

/// Keyed hashes of the access tokens that a connection's user had and has.
fn known_access(content: Option<&Content>) -> &[[u8; 32]] {
    content.map_or(&[][..], |content| &content.device.access)
}

fn is_on_device(record: Option<&Record>) -> bool {
    record.is_some_and(|record| record.metadata.custody == Custody::Device)
}

fn metadata(
    prepared: &Prepared,
    Consented { request, tokens, scopes, now, on_device, .. }: &Consented<'_>,
) -> Metadata {
    Metadata {
        generation: ids::fresh(),
        standing: Standing::active(*now),
        custody: if on_device.is_some() { Custody::Device } else { Custody::Vault },
        access_expires_at: tokens.expires_at,
        next_due: tokens.expires_at.filter(|_| on_device.is_none()),
        scopes: scopes.to_vec(),
        created_at: prepared.current.as_ref().map_or(*now, |record| record.metadata.created_at),
        refreshed_at: *now,
        request: Some(*request),
        marker: None,
        superseded: Vec::new(),
    }
}
