//! Sealpost's messages: the contract with producers in any language.
//!
//! Owns the types, their JSON and MessagePack forms, and what is generated from them. Refuses to know how a
//! message travels (the broker) or what is done with it (the steps).

pub mod asyncapi;
mod code;
pub mod codec;
mod connection;
pub mod events;
mod exchange;
mod failure;
pub mod generated;
mod message;
mod notice;
mod publish;
mod query;
mod revocation;
mod rotation;
mod secret;
mod secrets;
mod tagged;

pub use code::Code;
pub use connection::{Connection, Name, Owner, ProviderId};
pub use exchange::{
    Assertion, AuthorizationCode, ExchangeOutcome, ExchangeRequest, ExchangeResult, Grant, HeldToken, Subject, Tokens,
};
pub use failure::{FailureReport, ProviderError};
pub use message::{Announced, Answer, Message, Queued, queues};
pub use notice::{Language, Notice, Phone};
pub use publish::{Content, DeviceTokens, Notify, PublishJob, PublishOutcome, PublishResult, Raw, Remote, TextContent};
pub use query::{ConnectionQuery, ConnectionStanding, ConnectionStatus};
pub use revocation::{
    Receipt, RevocationCounts, RevocationOutcome, RevocationRequest, RevocationResult, RevocationScope,
    RevocationShard, RevokedAtProvider,
};
pub use rotation::{RotationCounts, RotationMode, RotationScope, RotationShard, RotationTick};
pub use secret::{SealedSecret, Secret};
pub use secrets::{BESIDE_SECRETS, all_secrets, name_of, secrets_of};
