//! A gateway for text messages, and the phones that it sends to: every message is in one inbox. It is as strict as the cheapest
//! contract is: one message, no Unicode.

use std::collections::HashMap;
use std::sync::Arc;

use axum::extract::State;
use axum::extract::rejection::JsonRejection;
use axum::http::{HeaderMap, StatusCode};
use axum::routing::{get, post};
use axum::{Json, Router};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::app::{App, now};
use crate::refusal::Refusal;

/// What a client sends as `X-Api-Key`; practice only.
const API_KEY: &str = "sandbox-sms-key";

/// A number that no message reaches.
const UNREACHABLE: &str = "+15005550001";

/// How many septets one message has (3GPP TS 23.040 §9.2.3.16).
const LONGEST: usize = 160;

/// What takes one septet (3GPP TS 23.038 §6.2.1), but for letters and digits of ASCII.
const SINGLE: &[char] = &[
    '@', '£', '$', '¥', 'è', 'é', 'ù', 'ì', 'ò', 'Ç', '\n', 'Ø', 'ø', '\r', 'Å', 'å', 'Δ', '_', 'Φ', 'Γ', 'Λ', 'Ω',
    'Π', 'Ψ', 'Σ', 'Θ', 'Ξ', 'Æ', 'æ', 'ß', 'É', ' ', '!', '"', '#', '¤', '%', '&', '\'', '(', ')', '*', '+', ',', '-',
    '.', '/', ':', ';', '<', '=', '>', '?', '¡', 'Ä', 'Ö', 'Ñ', 'Ü', '§', '¿', 'ä', 'ö', 'ñ', 'ü', 'à',
];

/// What takes two (§6.2.1.1).
const DOUBLE: &[char] = &['\u{c}', '^', '{', '}', '\\', '[', '~', ']', '|', '€'];

/// A message that was sent.
#[derive(Clone, Serialize)]
pub(crate) struct Sms {
    id: String,
    to: String,
    text: String,
    septets: usize,
    reference: Option<String>,
    at: Timestamp,
}

/// All messages, oldest first, and which came under which idempotency key.
#[derive(Default)]
pub(crate) struct Inbox {
    all: Vec<Sms>,
    by_key: HashMap<String, usize>,
}

#[derive(Deserialize)]
struct NewSms {
    to: String,
    text: String,
    reference: Option<String>,
}

pub(crate) fn routes() -> Router<Arc<App>> {
    Router::new().route("/sms/messages", post(send))
}

pub(crate) fn admin_routes() -> Router<Arc<App>> {
    Router::new().route("/admin/sms", get(inbox))
}

/// 201 with the message's id; 200 with the earlier one's where the same `Idempotency-Key` came before.
async fn send(
    State(app): State<Arc<App>>,
    headers: HeaderMap,
    new: Result<Json<NewSms>, JsonRejection>,
) -> Result<(StatusCode, Json<Value>), Refusal> {
    let sent = sent(&app, &headers, new);
    let outcome = match &sent {
        Ok((StatusCode::CREATED, _)) => "sent",
        Ok(_) => "repeated",
        Err(refusal) => refusal.error,
    };
    app.state().stats.count_sms(outcome);
    sent.map(|(status, id)| (status, Json(json!({"id": id, "status": "accepted"}))))
}

fn sent(
    app: &App,
    headers: &HeaderMap,
    new: Result<Json<NewSms>, JsonRejection>,
) -> Result<(StatusCode, String), Refusal> {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    if text("x-api-key") != Some(API_KEY) {
        return Err(Refusal::new(StatusCode::UNAUTHORIZED, "invalid_key", "send the API key as X-Api-Key"));
    }
    let Json(new) = new.map_err(|why| Refusal::new(StatusCode::BAD_REQUEST, "invalid_request", why.body_text()))?;
    let no = |error, why: String| Refusal::new(StatusCode::UNPROCESSABLE_ENTITY, error, why);
    let mut state = app.state();
    if let Some(earlier) = text("idempotency-key").and_then(|key| state.sms.by_key.get(key)) {
        return Ok((StatusCode::OK, state.sms.all[*earlier].id.clone()));
    }
    let digits = new.to.strip_prefix('+').unwrap_or_default();
    if !(7..=15).contains(&digits.len()) || !digits.bytes().all(|byte| byte.is_ascii_digit()) || new.to == UNREACHABLE {
        return Err(no("invalid_number", format!("no message reaches {}", new.to)));
    }
    let septets = septets(&new.text).map_err(|c| no("invalid_text", format!("{c:?} is not in GSM 03.38")))?;
    if !(1..=LONGEST).contains(&septets) {
        return Err(no("invalid_text", format!("a message has 1 to {LONGEST} septets, and this one {septets}")));
    }
    let id = format!("sms-{}", state.sms.all.len() + 1);
    let place = state.sms.all.len();
    state.sms.by_key.extend(text("idempotency-key").map(|key| (key.to_owned(), place)));
    let NewSms { to, text, reference } = new;
    state.sms.all.push(Sms { id: id.clone(), to, text, septets, reference, at: now() });
    Ok((StatusCode::CREATED, id))
}

fn septets(text: &str) -> Result<usize, char> {
    let of = |c: char| match c {
        'a'..='z' | 'A'..='Z' | '0'..='9' => Ok(1),
        c if SINGLE.contains(&c) => Ok(1),
        c if DOUBLE.contains(&c) => Ok(2),
        c => Err(c),
    };
    text.chars().map(of).sum()
}

/// What is on the phones, oldest first.
async fn inbox(State(app): State<Arc<App>>) -> Json<Value> {
    Json(json!({"messages": app.state().sms.all}))
}
