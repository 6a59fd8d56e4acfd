//! Dead letters with secrets that are sealed to one version of the key.

use jiff::Timestamp;
use sealpost_schemas::codec::Encoding;
use sealpost_schemas::secrets_of;
use sealpost_shared::broker::DeadLetter;
use sealpost_shared::clock::{Clock, SystemClock};
use sealpost_shared::config::Config;
use sealpost_shared::seal::KeyVersion;
use sealpost_shared::wire::is_sealed;

use super::{Walk, replay};
use crate::ops::open;

/// How many need this version and may still be replayed, and when the youngest of them was put aside.
///
/// # Errors
/// In words, if the dead letters cannot be looked at.
pub(in crate::ops) async fn sealed_to(
    config: &Config,
    version: &KeyVersion,
) -> Result<Option<(usize, Timestamp)>, String> {
    let now = SystemClock.now();
    let mut walk = Walk::over(open::broker(config).await?).await?;
    let counted = async {
        let (mut count, mut youngest) = (0, None);
        while let Some(letter) = walk.next().await? {
            if needs(&letter, version) && replay::destination(&letter, now).is_ok() {
                (count, youngest) = (count + 1, youngest.max(letter.at));
            }
        }
        Ok(youngest.map(|youngest| (count, youngest)))
    };
    let counted = counted.await;
    walk.end(counted).await
}

/// What cannot be read is not done when it is replayed, and needs nothing.
fn needs(letter: &DeadLetter, version: &KeyVersion) -> bool {
    let encoding = Encoding::of(letter.message.content_type.as_deref());
    let Ok(body) = encoding.and_then(|encoding| encoding.tree(&letter.message.body)) else { return false };
    let secrets = secrets_of(letter.origin.unwrap_or_default()).iter().filter_map(|field| body.pointer(field));
    secrets.into_iter().any(|secret| is_sealed(secret) && secret["key"] == version.as_str())
}
