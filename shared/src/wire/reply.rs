//! Secrets of replies, to the key that the client sent along.

use sealpost_schemas::{SealedSecret, Secret};
use secrecy::SecretString;

use super::{OpenError, PrivateKey, ReplyKey, ReplyPlace, SealError};

/// Seals a secret of a reply.
///
/// # Errors
/// If the operating system gives no randomness.
pub fn seal_reply(key: &ReplyKey, place: ReplyPlace<'_>, plain: &SecretString) -> Result<Secret, SealError> {
    key.0.seal(&place.into(), plain).map(Secret::Sealed)
}

/// Opens it again, as the client does. Which key it is sealed to says `sealed.key`.
///
/// # Errors
/// If it was altered, or made for another key or place.
pub fn open_reply(key: &PrivateKey, place: ReplyPlace<'_>, sealed: &SealedSecret) -> Result<SecretString, OpenError> {
    key.open(&place.into(), &sealed.sealed)
}

#[cfg(test)]
mod tests {
    use sealpost_schemas::{Connection, Name, ProviderId, Secret};
    use secrecy::ExposeSecret;
    use uuid::Uuid;

    use super::{OpenError, PrivateKey, ReplyPlace, open_reply, seal_reply};
    use crate::seal::Key;

    fn connection(tenant: &str, user: &str) -> Connection {
        let name = |text: &str| Name::new(text).unwrap();
        let provider = ProviderId::new("gitea").unwrap();
        Connection { tenant: name(tenant), user: name(user), provider, label: name("default") }
    }

    #[test]
    fn a_reply_opens_with_the_clients_key_for_its_request_connection_and_field_only() {
        let key = PrivateKey::of(&Key::random().unwrap());
        let reply_key = key.public("whatever").reply_key();
        let (mine, moved) = (connection("acme", "u-42"), connection("acmeu", "-42"));
        let place = ReplyPlace { request: Uuid::from_u128(1), connection: &mine, field: "/tokens/access_token" };
        let Secret::Sealed(sealed) = seal_reply(&reply_key, place, &"hunter2".into()).unwrap() else { panic!() };
        assert_eq!(sealed.key, reply_key.thumbprint());
        assert!(!sealed.sealed.contains("hunter2"));
        assert_eq!(open_reply(&key, place, &sealed).unwrap().expose_secret(), "hunter2");
        for other in [
            ReplyPlace { request: Uuid::from_u128(2), ..place },
            ReplyPlace { connection: &moved, ..place },
            ReplyPlace { field: "/tokens/refresh_token", ..place },
        ] {
            assert_eq!(open_reply(&key, other, &sealed).err(), Some(OpenError::Mismatch), "{other:?}");
        }
        let another = PrivateKey::of(&Key::random().unwrap());
        assert_eq!(open_reply(&another, place, &sealed).err(), Some(OpenError::Mismatch));
    }
}
