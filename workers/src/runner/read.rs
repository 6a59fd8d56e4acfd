//! A delivery into a step's input, or the reason why it is none.

use sealpost_schemas::codec::{DecodeError, Encoding, UNKNOWN_VALUE, decode};
use sealpost_schemas::{Code, Queued};
use sealpost_shared::broker::Delivery;
use sealpost_shared::failure::Failure;

use crate::step::is_version_of;
use sealpost_shared::metrics;

/// A message that could be read.
pub(super) struct Input<M> {
    pub(super) message: M,
    /// The encoding of its reply.
    pub(super) encoding: Encoding,
    /// Whether the delivery's body is known to hold nothing but the message.
    pub(super) is_all: bool,
}

/// Reads a delivery.
pub(super) fn input<M: Queued>(delivery: &Delivery) -> Result<Input<M>, Failure> {
    let malformed = |problem: String| Failure::reject(Code::MalformedMessage, problem);
    if let Some(name) = &delivery.type_name {
        match is_version_of::<M>(name) {
            Some(true) => {}
            Some(false) => {
                let problem = format!(
                    "this worker knows {}, and the message is of another version; it is kept: upgrade the workers of {} to a \
                     newer release, then: sealpost dead replay --code {} --queue {}",
                    M::type_name(),
                    M::QUEUE,
                    Code::UnknownVersion.as_str(),
                    M::QUEUE
                );
                return Err(Failure::reject(Code::UnknownVersion, problem));
            }
            None => return Err(malformed(format!("type: this queue takes {}", M::type_name()))),
        }
    }
    let encoding = Encoding::of(delivery.content_type.as_deref()).map_err(|e| malformed(e.to_string()))?;
    let decoded = decode::<M>(encoding, &delivery.body).map_err(|error| match error {
        DecodeError::TooLarge(_) => Failure::reject(Code::MessageTooLarge, error.to_string()),
        // a value that only a newer version knows; what else can be wrong with a field no upgrade mends
        DecodeError::Field { ref problem, .. } if problem.starts_with(UNKNOWN_VALUE) => {
            let newer = "if a newer version sent it: upgrade the workers, then replay";
            malformed(format!("{error} ({newer})"))
        }
        _ => malformed(error.to_string()),
    })?;
    metrics::unknown_fields(M::QUEUE, decoded.unknown_fields);
    Ok(Input { message: decoded.message, encoding, is_all: decoded.is_all })
}
