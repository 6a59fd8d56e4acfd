//! The tokens of one tombstone at their provider.

use crate::tokens::Providers;
use std::time::Duration;

use jiff::SignedDuration;
use sealpost_schemas::{Code, ProviderError, RevokedAtProvider};
use secrecy::SecretString;

use super::PATIENCE;
use super::settle::NotYet;
use crate::failure::{Failure, Verdict};
use crate::http::NoAnswer;
use crate::metrics::{self, Call};
use crate::oauth::{self, OAuthProvider, RevocationTokens, RevokeError, Revoked, Revokes, TokenKind};
use crate::pace::{Endpoint, Line, Pass};
use crate::records::{Content, Tombstone};
use crate::tokens::TokenKeeper;
use crate::tokens::turn::Turn;

/// An access token that expires sooner than this is no good for a revocation any more: clocks differ.
const SKEW: SignedDuration = SignedDuration::from_secs(30);

/// How long a revocation waits at least whose provider is not to be called now: each look is at everything that it is about.
const HELD_BACK: Duration = Duration::from_secs(30);

/// A tombstone at which somebody has the turn.
pub(super) struct Revoking<'a> {
    pub(super) tombstone: Tombstone,
    pub(super) content: Content,
    pub(super) turn: &'a mut Turn,
    /// Whether its provider was called already: the calls of one act have one turn.
    pub(super) called: bool,
}

impl Revoking<'_> {
    fn token(&self, kind: TokenKind) -> Option<&SecretString> {
        match kind {
            TokenKind::Refresh => self.content.tokens.refresh_token.as_ref(),
            TokenKind::Access => self.content.tokens.access_token.as_ref(),
        }
    }
}

/// What the provider says of one token.
enum Said {
    Revoked(Revoked),
    /// It does not revoke tokens of this kind.
    UnsupportedKind,
    /// There is a newer consent, which would end with it.
    Superseded,
    Refused(ProviderError),
}

impl TokenKeeper {
    /// Has the tokens revoked, the refresh token first, which ends both where the provider follows RFC 7009 §2.1.
    pub(super) async fn revoke_all<P>(&self, of: &mut Revoking<'_>, provider: &P) -> Result<RevokedAtProvider, NotYet>
    where
        P: Providers,
    {
        let name = of.content.connection.provider.clone();
        let Some(provider) = provider(&name) else {
            return no(of, Code::UnknownProvider, "it is not in the catalogue; add its entry again");
        };
        // those that are on the user's device alone are not here to be revoked
        let is_empty = of.token(TokenKind::Refresh).is_none() && of.token(TokenKind::Access).is_none();
        if provider.revocation_url.is_none() || is_empty {
            return Ok(RevokedAtProvider::Unsupported);
        }
        let provider = match provider.of_tenant(&of.content.connection.tenant) {
            Ok(provider) => provider,
            Err(why) => return no(of, Code::OwnerMismatch, &why),
        };
        if provider.revocation.tokens == RevocationTokens::Access {
            return self.revoke_access(of, &provider).await;
        }
        let with_access = provider.revocation.tokens == RevocationTokens::Both;
        let kinds = [(TokenKind::Refresh, true), (TokenKind::Access, with_access)];
        let mut word = RevokedAtProvider::GaveUp;
        for kind in kinds.into_iter().filter_map(|(kind, wanted)| wanted.then_some(kind)) {
            match self.revoke_one(of, &provider, kind).await? {
                None => {}
                // that an access token is no good says nothing of a refresh token that is not revoked
                Some(Said::Revoked(Revoked::Before)) if word == RevokedAtProvider::Unsupported => {}
                Some(Said::Revoked(_)) => word = RevokedAtProvider::Revoked,
                Some(Said::UnsupportedKind) if word == RevokedAtProvider::Revoked => {}
                Some(Said::UnsupportedKind) => word = RevokedAtProvider::Unsupported,
                Some(Said::Superseded) => return Ok(RevokedAtProvider::Superseded),
                Some(Said::Refused(said)) => return refused(of, said),
            }
        }
        Ok(word)
    }

    /// The same of a provider that takes access tokens only: one that it does not know says nothing of what the refresh token
    /// would still bring, so that another one is had then.
    async fn revoke_access(
        &self,
        of: &mut Revoking<'_>,
        provider: &OAuthProvider,
    ) -> Result<RevokedAtProvider, NotYet> {
        let soon = self.calls.clock.now() + SKEW;
        let lasts = of.tombstone.access_expires_at.is_none_or(|at| at > soon);
        let mut anew = false;
        loop {
            if anew || !lasts || of.token(TokenKind::Access).is_none() {
                if self.is_superseded_by(of, provider).await? {
                    return Ok(RevokedAtProvider::Superseded);
                }
                if !self.access_anew(of, provider).await? {
                    let (record, name) = (of.tombstone.id.record, &of.content.connection.provider);
                    tracing::error!(%record, provider = name.as_str(), "not revoked: no access token can be had for that");
                    return Ok(RevokedAtProvider::GaveUp);
                }
                anew = true;
            }
            match self.revoke_one(of, provider, TokenKind::Access).await? {
                Some(Said::Revoked(Revoked::Now)) => return Ok(RevokedAtProvider::Revoked),
                Some(Said::Revoked(Revoked::Before)) if of.token(TokenKind::Refresh).is_none() => {
                    return Ok(RevokedAtProvider::Revoked);
                }
                None | Some(Said::Revoked(Revoked::Before)) if anew => return Ok(RevokedAtProvider::GaveUp),
                None | Some(Said::Revoked(Revoked::Before)) => anew = true,
                Some(Said::UnsupportedKind) => return Ok(RevokedAtProvider::Unsupported),
                Some(Said::Superseded) => return Ok(RevokedAtProvider::Superseded),
                Some(Said::Refused(said)) => return refused(of, said),
            }
        }
    }

    /// Has one token revoked; `None`: there is none of this kind.
    async fn revoke_one(
        &self,
        of: &mut Revoking<'_>,
        provider: &OAuthProvider,
        kind: TokenKind,
    ) -> Result<Option<Said>, NotYet> {
        if of.token(kind).is_none() {
            return Ok(None);
        }
        // one that cannot be read says nothing of the token, and is not held against the patience with it
        let credential = self.credential(provider).await.map_err(NotYet::later)?;
        if self.is_superseded_by(of, provider).await? {
            return Ok(Some(Said::Superseded));
        }
        let pass = self.pass(of).await?;
        self.in_time(of)?;
        let Some(token) = of.token(kind) else { return Ok(None) };
        let times = (self.calls.limit, self.calls.clock.now());
        let tokens = &of.content.tokens;
        let known: Vec<_> = tokens.access_token.iter().chain(&tokens.refresh_token).collect();
        let began = self.calls.clock.since_boot();
        let answer = oauth::revoke(&pass, provider, &credential, (token, kind), &known, times).await;
        let outcome = answer.as_ref().err().map_or("ok", RevokeError::label);
        metrics::api_call(of.content.connection.provider.as_str(), Call::Revoke, outcome, self.took(began));
        let failed = match answer {
            Ok(revoked) => return Ok(Some(Said::Revoked(revoked))),
            Err(RevokeError::UnsupportedKind) => return Ok(Some(Said::UnsupportedKind)),
            Err(RevokeError::Refused(said)) => return Ok(Some(Said::Refused(said))),
            Err(failed) => failed,
        };
        let message = revoking(of, &failed.to_string());
        let (code, after) = match &failed {
            RevokeError::Unavailable { said, after } if said.status == Some(429) => (Code::RateLimited, *after),
            RevokeError::Unavailable { after, .. } => (Code::ProviderUnavailable, *after),
            RevokeError::InvalidClient(_) => (Code::InvalidClient, None),
            RevokeError::NoAnswer(NoAnswer::NotSent) => (Code::ProviderUnavailable, None),
            // it may still arrive, and must not meet a newer consent
            _ => (Code::ProviderUnavailable, Some(self.run_out(of))),
        };
        Err(NotYet::later(Failure::new(Verdict::Retry { after }, code, message)))
    }

    /// The right to the next call.
    pub(super) async fn pass(&self, of: &mut Revoking<'_>) -> Result<Pass, NotYet> {
        let line = if of.called { Line::Follows } else { Line::Beside };
        let pass = self.calls.paces.pass(&of.content.connection.provider, Endpoint::Token, line).await;
        of.called = true;
        pass.map_err(|failure| {
            let verdict = match failure.verdict {
                // as where it is asked and does not answer: an operator hears of it in the end
                Verdict::Defer { .. } if failure.code == Code::ProviderUnavailable => Verdict::Retry { after: None },
                Verdict::Defer { after } => Verdict::Defer { after: after.max(HELD_BACK) },
                other => other,
            };
            NotYet::later(Failure { verdict, ..failure })
        })
    }

    /// Whether what is sent now cannot outlast the turn.
    pub(super) fn in_time(&self, of: &Revoking<'_>) -> Result<(), NotYet> {
        if self.left(of.turn) > self.calls.limit {
            return Ok(());
        }
        let message = revoking(of, "the lease is nearly over");
        Err(NotYet::later(Failure::defer(super::LATER, Code::UnderWay, message)))
    }

    /// What was sent may still arrive: nobody else has a turn before that must be over. How long that is.
    pub(super) fn run_out(&self, of: &mut Revoking<'_>) -> std::time::Duration {
        of.turn.run_out();
        self.left(of.turn)
    }

    /// Whether a token must be left alone, since it would end a newer consent.
    async fn is_superseded_by(&self, of: &Revoking<'_>, provider: &OAuthProvider) -> Result<bool, NotYet> {
        Ok(provider.revoke == Revokes::Grant && self.is_superseded(&of.tombstone, &of.content).await?)
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

pub(super) fn revoking(of: &Revoking<'_>, why: &str) -> String {
    let (record, name) = (of.tombstone.id.record, &of.content.connection.provider);
    format!("revoking a token of record {record} at {name}: {why}")
}

fn refused(of: &Revoking<'_>, said: ProviderError) -> Result<RevokedAtProvider, NotYet> {
    no(of, Code::ProviderRejected, &RevokeError::Refused(said).to_string())
}

/// It was not revoked: that is tried again as long as there is patience.
fn no(of: &Revoking<'_>, code: Code, why: &str) -> Result<RevokedAtProvider, NotYet> {
    let message = revoking(of, why);
    if of.tombstone.tries < PATIENCE {
        return Err(NotYet { failure: Failure::retry(code, message), refused: true });
    }
    tracing::error!(reason = message, "given up; the token is good until it expires: end it at the provider");
    Ok(RevokedAtProvider::GaveUp)
}
