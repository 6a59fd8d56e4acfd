//! The place that a secret is sealed for.

use sealpost_schemas::Connection;
use uuid::Uuid;

/// Part of every sealed secret of a request; it never changes.
const REQUEST: &[u8] = b"sealpost request secret 1";
/// The same of a reply.
const REPLY: &[u8] = b"sealpost reply secret 1";

/// A field of a message to us.
#[derive(Clone, Copy, Debug)]
pub struct RequestPlace<'a> {
    /// The queue of first publication.
    pub queue: &'a str,
    /// The message's id.
    pub id: Uuid,
    /// The field, as a JSON pointer.
    pub field: &'a str,
    /// SHA-256 of what else the message says, as of [`super::rest_digest`].
    pub rest: &'a [u8; 32],
}

/// A field of a reply of ours.
#[derive(Clone, Copy, Debug)]
pub struct ReplyPlace<'a> {
    /// The id of the request that is answered.
    pub request: Uuid,
    /// The connection that it is about.
    pub connection: &'a Connection,
    /// The field, as a JSON pointer.
    pub field: &'a str,
}

/// What HPKE is given beside the secret: `info` and `aad`.
pub(super) struct Bound {
    pub(super) info: &'static [u8],
    pub(super) aad: Vec<u8>,
}

impl From<RequestPlace<'_>> for Bound {
    fn from(RequestPlace { queue, id, field, rest }: RequestPlace<'_>) -> Self {
        let id = id.hyphenated().to_string();
        Self { info: REQUEST, aad: joined(&[queue.as_bytes(), id.as_bytes(), field.as_bytes(), rest]) }
    }
}

impl From<ReplyPlace<'_>> for Bound {
    fn from(ReplyPlace { request, connection, field }: ReplyPlace<'_>) -> Self {
        let Connection { tenant, user, provider, label } = connection;
        let request = request.hyphenated().to_string();
        let texts = [&request, tenant.as_str(), user.as_str(), provider.as_str(), label.as_str(), field];
        Self { info: REPLY, aad: joined(&texts.map(str::as_bytes)) }
    }
}

/// Each part after its length: no two places have the same bytes, whatever the parts contain.
fn joined(parts: &[&[u8]]) -> Vec<u8> {
    parts.iter().flat_map(|part| [&(part.len() as u64).to_be_bytes()[..], part].concat()).collect()
}
