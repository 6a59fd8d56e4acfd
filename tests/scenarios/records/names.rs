//! A dump of Redis tells neither the tokens nor whose they are.

use base64::{
    Engine,
    prelude::{BASE64_STANDARD_NO_PAD, BASE64_URL_SAFE_NO_PAD},
};
use redis::Value;
use sealpost_schemas::{Name, ProviderId};
use sealpost_shared::{
    ids,
    records::{Expected, Subject},
};
use secrecy::{ExposeSecret, SecretString};

use super::world::{Raw, World, metadata, on_both};

on_both! {
    nothing_in_redis_tells_names_or_tokens
}

async fn nothing_in_redis_tells_names_or_tokens(world: World) {
    let secret = |what: &str| format!("{what}-{}", ids::fresh().simple());
    let mut content = world.content(&secret("user"));
    content.connection.tenant = Name::new(&secret("tenant")).unwrap();
    content.connection.provider = ProviderId::new(&secret("provider")).unwrap();
    content.connection.label = Name::new(&secret("label")).unwrap();
    content.subject = Some(Subject { id: secret("subject"), name: Some(secret("name")), replaced: true });
    content.tokens.access_token = Some(SecretString::from(secret("access")));
    content.tokens.refresh_token = Some(SecretString::from(secret("refresh")));
    let draft = world.store.draft(&content, metadata(), &world.old.name, &world.old.key).unwrap();
    world.store.save(&draft, Expected::Absent).await.unwrap();
    world.reseal(&world.load(&draft.id()).await).await;

    let connection = &content.connection;
    let (subject, tokens) = (content.subject.as_ref().unwrap(), &content.tokens);
    let hidden = [
        connection.tenant.as_str(),
        connection.user.as_str(),
        connection.provider.as_str(),
        connection.label.as_str(),
        &subject.id,
        subject.name.as_ref().unwrap(),
        tokens.access_token.as_ref().unwrap().expose_secret(),
        tokens.refresh_token.as_ref().unwrap().expose_secret(),
    ];
    let dump = dump(&world).await;
    assert!(dump.contains(&draft.id().key.to_string()), "the dump has the record");
    for name in hidden {
        assert_eq!(search(&dump, name), None, "{name} is in the dump");
    }

    // The search finds what is there, however it is written.
    let planted = secret("planted");
    let hex = hex::encode(&planted);
    for text in [planted.clone(), hex.clone(), hex.to_uppercase(), BASE64_STANDARD_NO_PAD.encode(format!("x{planted}"))]
    {
        let key = format!("planted:{}", ids::fresh());
        world.raw.tell(&["HSET", &key, "field", &text]).await;
        assert!(search(&self::dump(&world).await, &planted).is_some(), "{text} is not found");
        world.raw.tell(&["DEL", &key]).await;
        assert_eq!(search(&self::dump(&world).await, &planted), None);
    }
}

/// Every key and value of every node. Bytes that are no text become other characters: no form of a name has any.
async fn dump(world: &World) -> String {
    let mut bytes = Vec::new();
    for url in &world.config.urls {
        let node = Raw::single(url.expose_secret()).await;
        for key in node.ask::<Vec<String>>(&["KEYS", "*"]).await.unwrap() {
            let read: &[&str] = match node.ask::<String>(&["TYPE", &key]).await.unwrap().as_str() {
                "hash" => &["HGETALL", &key],
                "set" => &["SMEMBERS", &key],
                "zset" => &["ZRANGE", &key, "0", "-1", "WITHSCORES"],
                "string" => &["GET", &key],
                // Another test took it away meanwhile.
                "none" => continue,
                other => panic!("{key} is a {other}"),
            };
            collect(&node.ask::<Value>(read).await.unwrap(), &mut bytes);
            bytes.extend_from_slice(key.as_bytes());
            bytes.push(b'\n');
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

fn collect(value: &Value, bytes: &mut Vec<u8>) {
    match value {
        Value::BulkString(text) => bytes.extend_from_slice(text),
        Value::Array(values) | Value::Set(values) => values.iter().for_each(|value| collect(value, bytes)),
        Value::Map(pairs) => pairs.iter().for_each(|(key, value)| {
            collect(key, bytes);
            collect(value, bytes);
        }),
        _ => {}
    }
    bytes.push(b'\n');
}

/// How the name is written in the dump, if it is there: plain, in hex, or in base64 at any of the three alignments.
fn search(dump: &str, name: &str) -> Option<String> {
    let hex = hex::encode(name);
    let mut forms = vec![name.to_owned(), hex.to_uppercase(), hex];
    for lead in 0..3 {
        let shifted = [&vec![b'x'; lead], name.as_bytes()].concat();
        for encoded in [BASE64_STANDARD_NO_PAD.encode(&shifted), BASE64_URL_SAFE_NO_PAD.encode(&shifted)] {
            // Without the characters that also carry bits of a neighbour.
            let from = (lead * 8).div_ceil(6);
            let to = (lead + name.len()) * 8 / 6;
            forms.push(encoded[from..to].to_owned());
        }
    }
    forms.into_iter().find(|form| dump.contains(form))
}
