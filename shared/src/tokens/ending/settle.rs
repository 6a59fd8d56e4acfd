//! A tombstone, until the provider answered for its tokens.

use std::time::Duration;

use jiff::SignedDuration;
use sealpost_schemas::{Code, Connection, ProviderId, RevokedAtProvider};
use secrecy::SecretString;

use super::PATIENCE;
use crate::failure::{Failure, Verdict};
use crate::http::NoAnswer;
use crate::keys::KeyError;
use crate::metrics;
use crate::oauth::{self, OAuthProvider, RevocationTokens, RevokeError, Revokes, TokenKind};
use crate::records::{Content, Revocation, Tombstone, TombstoneId};
use crate::tokens::TokenKeeper;
use crate::tokens::turn::Turn;

/// Between two looks of the sweep at a tombstone: this much, doubled with every refusal.
const AGAIN: Duration = Duration::from_mins(1);

/// What became of a tombstone.
pub(super) enum Settled {
    /// Somebody was faster.
    Gone,
    /// It is no more, and was of this connection.
    Cleared(Option<Connection>),
    /// It stays, and is of this connection.
    NotYet(Option<Connection>, Failure),
}

/// Why a token may still be good, and whether that counts against the patience with it.
struct NotYet {
    failure: Failure,
    refused: bool,
}

impl NotYet {
    fn later(failure: Failure) -> Self {
        Self { failure, refused: false }
    }
}

impl TokenKeeper {
    /// Has a tombstone's tokens revoked, and takes it away. With a turn, nothing is sent that may outlast it.
    pub(super) async fn settle<P>(
        &self,
        id: &TombstoneId,
        provider: &P,
        by: Option<&Revocation>,
        turn: Option<&mut Turn>,
    ) -> Result<Settled, Failure>
    where
        P: Fn(&ProviderId) -> Option<OAuthProvider> + Sync,
    {
        let Some(tombstone) = self.store.load_tombstone(id).await? else { return Ok(Settled::Gone) };
        let (content, said) = match self.opened(&tombstone).await {
            Ok(Some(content)) => {
                let said = self.at_provider(&tombstone, &content, provider, turn).await;
                (Some(content), said)
            }
            Ok(None) => (None, Ok(RevokedAtProvider::GaveUp)),
            Err(not_yet) => (None, Err(not_yet)),
        };
        let connection = content.map(|content| content.connection);
        match said {
            Ok(word) => {
                if self.store.clear_tombstone(id, word.as_str(), by).await? {
                    metrics::revoked(word);
                    let name = connection.as_ref().map(|of| of.provider.as_str());
                    tracing::info!(record = %id.record, provider = name, outcome = word.as_str(), "ended");
                }
                Ok(Settled::Cleared(connection))
            }
            Err(NotYet { failure, refused }) => {
                let wait = AGAIN * 2_u32.pow(tombstone.tries.min(PATIENCE));
                let until = self.calls.clock.now() + SignedDuration::try_from(wait).unwrap_or_default();
                self.store.put_tombstone_off(id, until, refused).await?;
                metrics::revoked(RevokedAtProvider::Pending);
                Ok(Settled::NotYet(connection, failure))
            }
        }
    }

    /// What is in it; `None`: that will never be known.
    async fn opened(&self, tombstone: &Tombstone) -> Result<Option<Content>, NotYet> {
        let key = match self.keys.get(tombstone.key()).await {
            Ok(key) => key,
            Err(error) => {
                let refused = matches!(error, KeyError::Missing { .. } | KeyError::Disabled { .. });
                if refused && tombstone.tries >= PATIENCE {
                    return Ok(None);
                }
                return Err(NotYet { failure: error.into(), refused });
            }
        };
        match tombstone.open(&key) {
            Ok(content) => Ok(Some(content)),
            Err(error) if error.code() == Code::Quarantined => Ok(None),
            Err(error) => Err(NotYet::later(error.into())),
        }
    }

    /// Has the tokens revoked, the refresh token first, which ends both where the provider follows RFC 7009 §2.1.
    async fn at_provider<P>(
        &self,
        tombstone: &Tombstone,
        content: &Content,
        provider: &P,
        mut turn: Option<&mut Turn>,
    ) -> Result<RevokedAtProvider, NotYet>
    where
        P: Fn(&ProviderId) -> Option<OAuthProvider> + Sync,
    {
        let (id, name) = (tombstone.id.record, &content.connection.provider);
        let patient = tombstone.tries < PATIENCE;
        let no = |code, why: String| {
            let message = format!("revoking a token of record {id} at {name}: {why}");
            if patient {
                return Err(NotYet { failure: Failure::retry(code, message), refused: true });
            }
            tracing::error!(reason = message, "given up; the token is good until it expires: end it at the provider");
            Ok(RevokedAtProvider::GaveUp)
        };
        let Some(provider) = provider(name) else {
            return no(Code::UnknownProvider, "it is not in the catalogue; add its entry again".into());
        };
        let tokens = tokens(content, provider.revocation.tokens);
        if provider.revocation_url.is_none() || tokens.is_empty() {
            return Ok(RevokedAtProvider::Unsupported);
        }
        let provider = match provider.of_tenant(&content.connection.tenant) {
            Ok(provider) => provider,
            Err(why) => return no(Code::OwnerMismatch, why),
        };
        let known: Vec<_> = content.tokens.access_token.iter().chain(&content.tokens.refresh_token).collect();
        let mut supported = false;
        for token in tokens {
            // one that cannot be read says nothing of the token, and is not held against the patience with it
            let credential = self.credential(&provider).await.map_err(NotYet::later)?;
            if provider.revoke == Revokes::Grant && self.is_superseded(tombstone, content).await? {
                return Ok(RevokedAtProvider::Superseded);
            }
            if turn.as_deref().is_some_and(|turn| self.left(turn) <= self.calls.limit) {
                let message = format!("revoking a token of record {id}: the lease is nearly over");
                return Err(NotYet::later(Failure::defer(super::LATER, Code::UnderWay, message)));
            }
            let times = (self.calls.limit, self.calls.clock.now());
            let failed = match oauth::revoke(&self.calls.http, &provider, &credential, token, &known, times).await {
                Ok(()) => {
                    supported = true;
                    continue;
                }
                Err(RevokeError::UnsupportedKind) => continue,
                Err(RevokeError::Refused(said)) => {
                    return no(Code::ProviderRejected, RevokeError::Refused(said).to_string());
                }
                Err(failed) => failed,
            };
            let message = format!("revoking a token of record {id} at {name}: {failed}");
            let (code, after) = match &failed {
                RevokeError::Unavailable { said, after } if said.status == Some(429) => (Code::RateLimited, *after),
                RevokeError::Unavailable { after, .. } => (Code::ProviderUnavailable, *after),
                RevokeError::InvalidClient(_) => (Code::InvalidClient, None),
                RevokeError::NoAnswer(NoAnswer::NotSent) => (Code::ProviderUnavailable, None),
                _ => {
                    // it may still arrive, and must not meet a newer consent
                    let left = turn.as_deref_mut().map(|turn| {
                        turn.run_out();
                        self.left(turn)
                    });
                    (Code::ProviderUnavailable, left)
                }
            };
            return Err(NotYet::later(Failure::new(Verdict::Retry { after }, code, message)));
        }
        Ok(if supported { RevokedAtProvider::Revoked } else { RevokedAtProvider::Unsupported })
    }

    /// Whether the user gave a newer consent, with the same account as far as that is known.
    async fn is_superseded(&self, tombstone: &Tombstone, content: &Content) -> Result<bool, NotYet> {
        let newer = async {
            let Some(newer) = self.store.load(&tombstone.id.record).await? else { return Ok(false) };
            let newer = self.subject_of(Some(&newer)).await?;
            let accounts = content.subject.as_ref().zip(newer.as_ref());
            Ok(accounts.is_none_or(|(old, newer)| old.id == newer.id))
        };
        newer.await.map_err(NotYet::later)
    }
}

fn tokens(content: &Content, wanted: RevocationTokens) -> Vec<(&SecretString, TokenKind)> {
    let refresh = content.tokens.refresh_token.as_ref().filter(|_| wanted != RevocationTokens::Access);
    let access = content.tokens.access_token.as_ref().filter(|_| wanted != RevocationTokens::Refresh);
    let refresh = refresh.map(|token| (token, TokenKind::Refresh));
    refresh.into_iter().chain(access.map(|token| (token, TokenKind::Access))).collect()
}
