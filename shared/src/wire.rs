//! Secrets on the wire: HPKE (RFC 9180) bound to one field of one message, in the form of `schemas/wire.md`.
//!
//! Owns the suite, the binding and the public keys' form; it is the only place that uses an HPKE crate. It
//! refuses to keep keys: they are versions of a key of the key source.
//!
//! What is sealed opens only with the key that it was sealed to and in the place that it was made for: queue, message, field
//! and all else that the message says; or request, connection and field of a reply. What this does **not** protect:
//!
//! - *Who sealed it*: anybody can seal to a public key. What a message may ask for is the broker's to say.
//! - *Repetition*: a message that is sent twice opens twice. That it is done once is the ledger's work.
//! - *Sizes*: what is sealed is [`OVERHEAD`] bytes longer than the secret, and nothing is padded.

mod digest;
#[cfg(test)]
mod fuzz;
mod jwk;
mod keys;
mod message;
mod place;
mod reply;
mod suite;
mod unsealed;
#[cfg(test)]
mod vectors;

pub use digest::{DigestError, rest_digest};
pub use jwk::{JwkError, ReplyKey, jwk_set};
pub use keys::WireKeys;
pub use message::{UnreadError, open_with, seal_body, unsealed};
pub use place::{ReplyPlace, RequestPlace};
pub use reply::{open_reply, seal_reply};
pub use suite::{OVERHEAD, OpenError, PrivateKey, PublicKey, SealError};
pub use unsealed::{is_sealed, is_unsealed, take_unsealed};
