//! What a refresh writes beside the token set: the lease (the short, owned right to refresh one connection), the marker
//! and its end without new tokens.
//!
//! A lease fences nobody: the provider does not know of it. Its holder measures it with its own clock, from before it
//! was asked for.

use std::time::Duration;

use uuid::Uuid;

use super::error::StoreError;
use super::fields;
use super::layout;
use super::locate::RecordId;
use super::record::{Marker, Record, Standing};
use super::store::{Expected, Saved, Store};
use crate::ids;

/// The right to refresh one connection, until it runs out.
#[derive(Debug)]
pub struct Lease {
    id: RecordId,
    owner: Uuid,
}

impl Store {
    /// Asks for the lease of a connection; `None`: somebody else holds it.
    pub async fn take_lease(&self, id: &RecordId, lasts: Duration) -> Result<Option<Lease>, StoreError> {
        let lease = Lease { id: *id, owner: ids::fresh() };
        let mut set = redis::cmd("SET");
        set.arg(layout::lease(id)).arg(lease.owner.to_string());
        set.arg("NX").arg("GET").arg("PX").arg(u64::try_from(lasts.as_millis()).unwrap_or(u64::MAX));
        let holder: Option<String> = self.query(format!("take the lease of record {id}"), &set).await?;
        // a cluster's client sends again what failed on the way, and finds itself
        let ours = holder.is_none_or(|holder| holder == lease.owner.to_string());
        Ok(ours.then_some(lease))
    }

    /// Gives a lease back, if it is not over and somebody else's by now.
    pub async fn release_lease(&self, lease: Lease) -> Result<(), StoreError> {
        let Lease { id, owner } = lease;
        let (keys, args) = ([layout::lease(&id)], [owner.to_string().into()]);
        let ended: Result<u8, _> = self.link().run(self.release_script(), &keys, &args).await;
        ended.map(|_| ()).map_err(|trouble| StoreError::new(format!("release the lease of record {id}"), trouble))
    }

    /// Writes the marker or takes it away, and nothing else, if the record is unmoved.
    pub async fn set_marker(&self, record: &Record, marker: Option<Marker>) -> Result<Saved, StoreError> {
        self.write_unmoved("write the marker of", record, fields::of_marker(marker)).await
    }

    /// Writes why new consent is needed, after which nothing is due any more, and takes the marker away, if the record is
    /// unmoved.
    pub async fn end_refresh(&self, record: &Record, standing: &Standing) -> Result<Saved, StoreError> {
        let mut fields = fields::of_end(standing);
        fields.extend(fields::of_marker(None));
        self.write_unmoved("mark", record, fields).await
    }

    /// Writes why new consent is needed, and that the token set is another one from now on: what a refresh of it brings is not
    /// saved any more. If the record is unmoved.
    pub async fn end_generation(
        &self,
        record: &Record,
        standing: &Standing,
        generation: Uuid,
    ) -> Result<Saved, StoreError> {
        let mut fields = fields::of_end(standing);
        fields.extend(fields::of_marker(None));
        fields.push(("generation", generation.to_string().into()));
        self.write_unmoved("end the tokens of", record, fields).await
    }

    async fn write_unmoved(&self, doing: &str, record: &Record, fields: fields::Fields) -> Result<Saved, StoreError> {
        let (doing, expected) = (format!("{doing} record {}", record.id), Expected::Revision(record.revision));
        self.write(doing, &record.id, &record.tags, record.key(), expected, fields).await
    }
}
