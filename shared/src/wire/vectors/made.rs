//! The known answers, and what is spoilt of each.

use sealpost_schemas::Connection;
use serde_json::{Value, json};
use uuid::Uuid;

use super::vector::{Of, Vector, bytes, private};

const UPPER_ID: &str = "0199AB3C-7D00-7000-8000-000000000008";
const MASTODON: &str = r#""provider":"mastodon""#;
const TWICE: &str = r#""provider":"x","provider":"mastodon""#;

fn request(name: &str, queue: &str, field: &str, body: &Value) -> Vector {
    let of = Of::Request { queue: queue.into(), body: body.to_string() };
    let kid = "4387e9f3d6e14c459867679a90fd0f79".to_owned();
    let (ikm, field) = (hex::encode(bytes("key")), field.to_owned());
    Vector { name: name.into(), ikm, kid, of, field, aad: None, result: String::new(), plain: None }
}

/// Those that open: a code, its verifier, a token, a reply; and a token under an id without hyphens, in braces and after `urn:uuid:`.
fn good() -> [Vector; 7] {
    // what is in the place of a secret does not count, but that it is sealed
    let later = json!({"sealed": "", "key": "4387e9f3d6e14c459867679a90fd0f79"});
    let exchange = json!({"id": "0199ab3c-7d00-7000-8000-000000000007", "owner": {"tenant": "acme", "user": "u-42"},
        "provider": "gitea", "label": "default", "store_on_device": true, "grant": {"type": "authorization_code",
        "code": later, "redirect_uri": "http://127.0.0.1:7777/callback", "code_verifier": later, "nonce": later},
        "reply_key": {"kty": "OKP", "crv": "X25519", "x": "3p7bfXt9wbTTW2HC7OQ1Nz-DQ8hbeGdNrfx-FG-IK08"}});
    let job = json!({"id": UPPER_ID, "owner": {"tenant": "Ünï \"{}\"", "user": "u\\/:7"},
        "provider": "mastodon", "content": {"type": "raw", "method": "POST", "path": "/x", "body": {"b": [1.50, 9e15, -0.0,
        0.1, 1e-7, 9_007_199_254_740_991_u64, true, null], "\u{e9}": "\u{1f44b}\u{7f}\u{2028}\u{1}", "a": {}, "": "€",
        "\u{1f600}": 1, "\u{fb33}": 2}}, "device_tokens": {"access_token": later, "refresh_token": "plain"}});
    let code = request("a code", "exchange-requests", "/grant/code", &exchange).sealed(b"a code would stand here");
    let Of::Request { body, .. } = &code.of else { panic!() };
    let once: Value = serde_json::from_str(body).unwrap();
    let both = request("its verifier", "exchange-requests", "/grant/code_verifier", &once).sealed(b"a verifier");
    let token =
        request("a device's token, and a body of all kinds", "publish-jobs", "/device_tokens/access_token", &job)
            .sealed("Grüße, 你好, 👋🏽".as_bytes());
    let with_id = |name: &str, id: &str| {
        let mut job = job.clone();
        job["id"] = json!(id);
        request(name, "publish-jobs", "/device_tokens/access_token", &job).sealed(b"a token")
    };
    let connection: Connection =
        serde_json::from_value(json!({"tenant": "acme", "user": "ü-42", "provider": "gitea", "label": "default"}))
            .unwrap();
    let ikm = hex::encode(bytes("client"));
    let kid = private(&ikm).public("").reply_key().thumbprint().to_owned();
    let reply = json!({"tokens": {"access_token": later}});
    let of = Of::Reply { request: Uuid::from_u128(7), connection, reply };
    let field = "/tokens/access_token".to_owned();
    let reply = Vector { name: "a reply".into(), ikm, kid, of, field, aad: None, result: String::new(), plain: None }
        .sealed(b"an access token");
    [
        code,
        both,
        token,
        reply,
        with_id("an id without hyphens", "0199AB3C7D0070008000000000000008"),
        with_id("an id in braces", "{0199ab3c-7d00-7000-8000-000000000008}"),
        with_id("an id after urn:uuid:", "urn:uuid:0199ab3c-7d00-7000-8000-000000000008"),
    ]
}

/// All of them.
pub(super) fn made() -> Vec<Vector> {
    let [code, both, token, reply, without_hyphens, in_braces, after_urn] = good();
    let swap = |body: &mut Value| {
        let other = body["grant"]["code_verifier"].clone();
        body["grant"]["code"] = other;
    };
    vec![
        both.with_body("the verifier in the place of the code", "mismatch", swap).spoilt_field("/grant/code"),
        both.with_body("another user", "mismatch", |body| body["owner"]["user"] = json!("u-43")),
        both.with_body("another tenant", "mismatch", |body| body["owner"]["tenant"] = json!("acm")),
        both.with_body("another provider", "mismatch", |body| body["provider"] = json!("github")),
        both.with_body("another reply key", "mismatch", |body| body["reply_key"]["x"] = json!("AAAA")),
        both.with_body("without a reply key", "mismatch", |body| {
            drop(body.as_object_mut().unwrap().remove("reply_key"));
        }),
        both.with_body("another id", "mismatch", |body| body["id"] = json!("0199ab3c-7d00-7000-8000-000000000009")),
        both.with_body("a field more", "mismatch", |body| body["unknown"] = json!(false)),
        both.with_body("the nonce is nothing", "mismatch", |body| body["grant"]["nonce"] = Value::Null),
        both.with_body("the nonce is plain", "mismatch", |body| body["grant"]["nonce"] = json!("plain")),
        both.spoilt("another queue", "mismatch", |vector| {
            let Of::Request { queue, .. } = &mut vector.of else { panic!() };
            *queue = "publish-jobs".into();
        }),
        token.with_body("another content", "mismatch", |body| body["content"]["path"] = json!("/y")),
        token.with_body("another number", "mismatch", |body| body["content"]["body"]["b"][3] = json!(0.2)),
        token.with_body("another plain secret", "mismatch", |body| body["device_tokens"]["refresh_token"] = json!("p")),
        token.with_body("a number that not all read as the same", "number", |body| {
            body["content"]["body"]["b"][5] = json!(9_007_199_254_740_992_u64);
        }),
        token.with_text("a whole number beyond 64 bits", "number", ("9007199254740991", "18446744073709551616")),
        token.with_text("a large number with a fraction", "number", ("9007199254740991", "9007199254740992.0")),
        token.with_text("a large number with an exponent", "number", ("9007199254740991", "1e300")),
        token.with_text("the largest number with a fraction", "opens", ("9007199254740991", "9007199254740991.0")),
        token.with_text("a name twice, of which the last is right", "opens", (MASTODON, TWICE)),
        token.with_text(
            "a name twice, of which the first is right",
            "mismatch",
            (MASTODON, "\"provider\":\"mastodon\",\"provider\":\"x\""),
        ),
        code.with_text(
            "a secret twice, of which the last is right",
            "opens",
            ("\"code\":", "\"code\":\"plain\",\"code\":"),
        ),
        code.spoilt("another key", "mismatch", |vector| vector.ikm = hex::encode(bytes("another key"))),
        code.spoilt("a key of another id", "unknown-key", |vector| vector.kid = "4387e9f3d6e14c45".into()),
        code.with_bytes("enc flipped", "mismatch", |sealed| sealed[0] ^= 1),
        code.with_bytes("enc of low order", "mismatch", |sealed| sealed[..32].fill(0)),
        code.with_bytes("ciphertext flipped", "mismatch", |sealed| sealed[32] ^= 1),
        code.with_bytes("tag flipped", "mismatch", |sealed| *sealed.last_mut().unwrap() ^= 0x80),
        code.with_bytes("one byte more", "mismatch", |sealed| sealed.push(0)),
        code.with_bytes("cut to an empty ciphertext", "mismatch", |sealed| sealed.truncate(48)),
        code.with_bytes("cut in the tag", "truncated", |sealed| sealed.truncate(47)),
        code.with_bytes("no bytes", "truncated", Vec::clear),
        code.with_sealed("padding", "not-base64url", |sealed| sealed + "="),
        code.with_sealed("standard base64", "not-base64url", |sealed| format!("+/{}", &sealed[2..])),
        code.with_sealed("bits after the last byte", "not-base64url", |sealed| format!("{}B", &sealed[..65])),
        code.clone().sealed(b"").spoilt("an empty text", "not-text", |_| {}),
        code.clone().sealed(b"\xff\xfe").spoilt("no UTF-8", "not-text", |_| {}),
        reply.spoilt("a reply to another request", "mismatch", |vector| {
            let Of::Reply { request, .. } = &mut vector.of else { panic!() };
            *request = Uuid::from_u128(8);
        }),
        reply.spoilt("a reply of another connection", "mismatch", |vector| {
            let Of::Reply { connection, .. } = &mut vector.of else { panic!() };
            std::mem::swap(&mut connection.tenant, &mut connection.user);
        }),
        reply.spoilt("a reply in another field", "mismatch", |vector| {
            let Of::Reply { reply, .. } = &mut vector.of else { panic!() };
            *reply = json!({"tokens": {"refresh_token": reply["tokens"]["access_token"]}});
            vector.field = "/tokens/refresh_token".into();
        }),
        reply.spoilt("a reply to another key", "unknown-key", |vector| vector.kid = "thumbprint".into()),
        without_hyphens,
        in_braces,
        after_urn,
        code,
        both,
        token,
        reply,
    ]
    .into_iter()
    .rev()
    .collect()
}
