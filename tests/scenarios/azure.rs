//! The practice vault and the practice tenant are held to Azure's contract, by clients that others wrote and by our own
//! requests for what those do not do.

mod grants;
mod obo;
mod on_behalf_of;
mod sign_in;
mod unwell;
mod vault;
mod vendors;

use reqwest::Method;
use sealpost_tests::Azure;
use sealpost_tests::azure::answered;
use serde_json::Value;

/// The downstream API that Sealpost acts at.
const WALL: &str = "api://wall/Posts.Write openid offline_access";

/// Vault requests with one token.
struct Caller<'a> {
    azure: &'a Azure,
    vault: &'a str,
    token: String,
}

impl Caller<'_> {
    /// Of Sealpost, which may do everything.
    async fn officer<'a>(azure: &'a Azure, vault: &'a str) -> Caller<'a> {
        let token = azure.vault_token(&azure.places.client_id, &azure.places.client_secret).await;
        Caller { azure, vault, token }
    }

    async fn call(&self, method: Method, path: &str, body: Value) -> (u16, Value) {
        let version = if path.contains('?') { "&api-version=7.4" } else { "?api-version=7.4" };
        let url = format!("{}/{path}{version}", self.azure.vault_url(self.vault));
        let request = self.azure.request(method, &url).bearer_auth(&self.token);
        answered(if body.is_null() { request } else { request.json(&body) }).await
    }

    async fn get(&self, path: &str) -> (u16, Value) {
        self.call(Method::GET, path, Value::Null).await
    }
}

/// Code and inner code of a vault's no.
fn codes(answer: &Value) -> (&str, Option<&str>) {
    let error = &answer["error"];
    (error["code"].as_str().unwrap_or_else(|| panic!("a code in {answer}")), error["innererror"]["code"].as_str())
}

/// Error and number of a tenant's no.
fn number(answer: &Value) -> (&str, u64) {
    let number = answer["error_codes"][0].as_u64();
    (answer["error"].as_str().unwrap_or("none"), number.unwrap_or_else(|| panic!("a number in {answer}")))
}

fn text<'a>(answer: &'a Value, name: &str) -> &'a str {
    answer[name].as_str().unwrap_or_else(|| panic!("no {name} in {answer}"))
}
