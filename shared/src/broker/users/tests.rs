use lapin::BasicProperties;
use lapin::types::{AMQPValue, FieldTable};
use sealpost_schemas::{Code, Name};

use super::{Gate, Sender, Users};

fn gate() -> Gate {
    let users = "alice = ['acme', 'globex']\nops = '*'\nidle = []\n";
    Gate::new(vec!["sealpost".into()], Some(toml::from_str(users).unwrap()))
}

fn sent(user: Option<&str>, first: Option<&str>) -> BasicProperties {
    let mut headers = FieldTable::default();
    if let Some(first) = first {
        headers.insert("sealpost-user".into(), AMQPValue::LongString(first.into()));
    }
    let properties = BasicProperties::default().with_headers(headers);
    match user {
        Some(user) => properties.with_user_id(user.into()),
        None => properties,
    }
}

fn user(name: &str) -> Sender {
    Sender::User(name.into())
}

#[test]
fn a_user_acts_for_its_own_tenants_and_one_with_a_star_for_all() {
    let (gate, name) = (gate(), |text: &str| Name::new(text).unwrap());
    let passes = |sender: &Sender, tenant: Option<&str>| {
        let passed = gate.pass(sender, tenant.map(name).as_ref());
        passed.map_err(|failure| assert_eq!(failure.code, Code::NotAllowed)).is_ok()
    };
    for (sender, acme, initech, all) in [
        (Sender::Ours, true, true, true),
        (user("ops"), true, true, true),
        (user("alice"), true, false, false),
        (user("idle"), false, false, false),
        (user("mallory"), false, false, false),
        (user("sealpost"), false, false, false),
        (user("*"), false, false, false),
        (Sender::Nobody, false, false, false),
    ] {
        let seen = (passes(&sender, Some("acme")), passes(&sender, Some("initech")), passes(&sender, None));
        assert_eq!(seen, (acme, initech, all), "{sender:?}");
    }
}

#[test]
fn a_header_is_believed_of_those_alone_who_may_do_everything() {
    let gate = gate();
    for (properties, sender) in [
        (sent(Some("sealpost"), None), Sender::Ours),
        (sent(Some("sealpost"), Some("alice")), user("alice")),
        (sent(Some("sealpost"), Some("")), Sender::Nobody),
        (sent(Some("ops"), None), user("ops")),
        (sent(Some("ops"), Some("alice")), user("alice")),
        (sent(Some("ops"), Some("")), Sender::Nobody),
        (sent(Some("alice"), Some("ops")), user("alice")),
        (sent(Some("mallory"), Some("alice")), user("mallory")),
        (sent(None, Some("alice")), Sender::Nobody),
        (sent(None, None), Sender::Nobody),
    ] {
        assert_eq!(gate.sender(&properties), sender, "{properties:?}");
    }
}

#[test]
fn without_configured_users_everybody_passes() {
    let gate = Gate::new(vec!["sealpost".into()], None);
    assert_eq!(gate.sender(&sent(Some("mallory"), Some("alice"))), Sender::Ours);
    assert!(gate.pass(&Sender::Nobody, None).is_ok());
}

#[test]
fn a_star_that_could_be_a_tenant_is_refused_and_so_is_what_is_no_list() {
    for text in ["alice = ['*']", "alice = 'acme'", "alice = ['acme', '']", "alice = 5", "alice = { tenants = '*' }"] {
        assert!(toml::from_str::<Users>(text).is_err(), "{text}");
    }
    assert!(toml::from_str::<Users>("").is_ok());
}
