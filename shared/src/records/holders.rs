//! Who has a refresh token: what must be known before one is brought in from elsewhere.
//!
//! Every write of a record keeps the shard's index of the refresh tokens that the record has and had (as many as it
//! remembers), by keyed hash. Where a provider gave the same token to two connections it names the last that wrote it.

use std::slice::from_ref;
use std::time::Duration;

use uuid::Uuid;

use super::error::StoreError;
use super::fields::RecordError;
use super::layout;
use super::locate::RecordId;
use super::store::Store;

/// The right to bring one refresh token in, until it runs out.
#[derive(Debug)]
pub struct TokenLease {
    key: String,
    owner: Uuid,
}

impl Store {
    /// The records that have or had the refresh token of this [`Self::hash_of`]. Asks every shard, in one round trip.
    pub async fn holders(&self, token: &[u8; 32]) -> Result<Vec<RecordId>, StoreError> {
        let (doing, hash) = ("look for the holder of a refresh token", hex::encode(token));
        let one = |shard| redis::cmd("HGET").arg(layout::tokens(shard)).arg(&hash).to_owned();
        let asked = (0..self.shards()).map(one).collect();
        let found: Vec<Option<String>> =
            self.link().query_each(asked).await.map_err(|trouble| StoreError::new(doing, trouble))?;
        let held = (0..self.shards()).zip(found).filter_map(|(shard, name)| Some((shard, name?)));
        held.map(|(shard, name)| layout::read_key(&name).map(|key| RecordId { shard, key }))
            .collect::<Option<_>>()
            .ok_or_else(|| StoreError::new(doing, RecordError::Malformed("tokens").into()))
    }

    /// Asks for the lease of a refresh token for `owner`, who gets it again, and whole, when it asks again; `None`:
    /// somebody else has it. Taken before [`Self::holders`] is asked and held until the token is stored, it lets one of two bring it in.
    pub async fn lease_token(
        &self,
        token: &[u8; 32],
        owner: Uuid,
        lasts: Duration,
    ) -> Result<Option<TokenLease>, StoreError> {
        let lease = TokenLease { key: layout::import(self.shards(), token), owner };
        let args = [owner.to_string().into(), lasts.as_millis().to_string().into()];
        let asked: Result<u8, _> = self.link().run(self.lease_script(), from_ref(&lease.key), &args).await;
        let is_ours = asked.map_err(|trouble| StoreError::new("take the lease of a refresh token", trouble))? == 1;
        Ok(is_ours.then_some(lease))
    }

    /// Gives the lease of a refresh token back, if it is not over and somebody else's by now.
    pub async fn release_token(&self, lease: TokenLease) -> Result<(), StoreError> {
        let TokenLease { key, owner } = lease;
        let ended: Result<u8, _> = self.link().run(self.release_script(), &[key], &[owner.to_string().into()]).await;
        ended.map(|_| ()).map_err(|trouble| StoreError::new("release the lease of a refresh token", trouble))
    }
}
