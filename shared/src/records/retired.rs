//! Key versions that are retired, and what is sealed under each version.
//!
//! Every shard has a set of the versions under which nothing is sealed any more, and every script that stores a
//! ciphertext asks it first. A set, not a lowest version: it says exactly which are meant, needs no order among versions
//! (those of a vault are random names, and two may be made in one second), and what was retired by mistake is taken out
//! again without knowing what was retired before it.

use std::collections::BTreeMap;

use super::error::StoreError;
use super::fields::RecordError;
use super::layout;
use super::store::Store;
use crate::seal::KeyRef;

/// How many commands are sent at once.
const AT_ONCE: usize = 4096;

/// How a key version is used, over all shards.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Holding {
    /// How many things are sealed under it.
    pub held: u64,
    /// In how many shards it is retired.
    pub retired: u16,
}

impl Store {
    /// Lets nothing be sealed under this version from now on: who tries meets [`super::Trouble::KeyRetired`]. What is
    /// sealed under it stays. May be done again; only when it succeeds it holds in every shard.
    pub async fn retire(&self, key: &KeyRef) -> Result<(), StoreError> {
        self.in_retired("SADD", format!("retire {key}"), key).await
    }

    /// Takes [`Self::retire`] back.
    pub async fn restore(&self, key: &KeyRef) -> Result<(), StoreError> {
        self.in_retired("SREM", format!("take back that {key} is retired"), key).await
    }

    async fn in_retired(&self, command: &str, doing: String, key: &KeyRef) -> Result<(), StoreError> {
        let name = layout::version(key);
        let one = |shard| redis::cmd(command).arg(layout::retired(shard)).arg(&name).to_owned();
        self.each::<u64>(&doing, (0..self.shards()).map(one).collect()).await.map(|_| ())
    }

    /// How many things are sealed under a key version. Shards are counted beside each other, not at one moment: the sum
    /// is exact where the version is retired and nothing is sealed anew.
    pub async fn count_held_everywhere(&self, key: &KeyRef) -> Result<u64, StoreError> {
        let one = |shard| redis::cmd("SCARD").arg(layout::held(shard, key)).to_owned();
        let doing = format!("count what is held under {key}");
        Ok(self.each::<u64>(&doing, (0..self.shards()).map(one).collect()).await?.into_iter().sum())
    }

    /// Every key version that something is sealed under or that is retired, of whatever key.
    pub async fn holdings(&self) -> Result<BTreeMap<KeyRef, Holding>, StoreError> {
        let doing = "count what is held under each key version";
        let malformed = |field| StoreError::new(doing, RecordError::Malformed(field).into());
        let sets = (0..self.shards()).flat_map(|shard| [layout::versions(shard), layout::retired(shard)]);
        let sets = sets.map(|set| redis::cmd("SMEMBERS").arg(set).to_owned()).collect();
        let (mut holdings, mut held) = (BTreeMap::<KeyRef, Holding>::new(), Vec::new());
        for (shard, sets) in (0..self.shards()).zip(self.each::<Vec<String>>(doing, sets).await?.chunks(2)) {
            for name in &sets[0] {
                held.push((shard, layout::read_version(name).ok_or_else(|| malformed("versions"))?));
            }
            for name in sets.iter().skip(1).flatten() {
                let key = layout::read_version(name).ok_or_else(|| malformed("retired"))?;
                holdings.entry(key).or_default().retired += 1;
            }
        }
        let count = |(shard, key): &(u16, KeyRef)| redis::cmd("SCARD").arg(layout::held(*shard, key)).to_owned();
        let counts = self.each::<u64>(doing, held.iter().map(count).collect()).await?;
        for ((_, key), count) in held.into_iter().zip(counts) {
            holdings.entry(key).or_default().held += count;
        }
        Ok(holdings)
    }

    /// Sends many commands, in as few round trips as are reasonable.
    pub(super) async fn each<T: redis::FromRedisValue>(
        &self,
        doing: &str,
        cmds: Vec<redis::Cmd>,
    ) -> Result<Vec<T>, StoreError> {
        let mut answers = Vec::with_capacity(cmds.len());
        for some in cmds.chunks(AT_ONCE) {
            let more = self.link().query_each(some.to_vec()).await;
            let more: Vec<T> = more.map_err(|trouble| StoreError::new(doing, trouble))?;
            answers.extend(more);
        }
        Ok(answers)
    }
}
