//! Users of the broker with permissions of their own, and what they can do.

use lapin::options::{BasicPublishOptions, ConfirmSelectOptions};
use lapin::{BasicProperties, Channel, Confirmation, Connection, ConnectionProperties};
use reqwest::Method;
use serde_json::{Value, json};

use super::{Broker, in_background, manage};
use crate::{http, machine::unique, pipeline::properties};

/// A user with a connection. Dropping it deletes the user.
pub struct User {
    name: String,
    management: String,
    connection: Connection,
}

impl Broker {
    /// Makes a user who may configure, write to and read what matches these three patterns in this virtual host.
    pub async fn user(&self, name: &str, permissions: [&str; 3]) -> User {
        let name = unique(name);
        let account = json!({"password": "secret", "tags": ""});
        self.manage(Method::PUT, &format!("/api/users/{name}"), Some(account)).await;
        let [configure, write, read] = permissions.map(|pattern| pattern.replace("NAME", &name));
        let permissions = json!({"configure": configure, "write": write, "read": read});
        self.manage(Method::PUT, &format!("/api/permissions/{}/{name}", self.vhost), Some(permissions)).await;
        let url = self.url.replace("guest:guest", &format!("{name}:secret"));
        let connection = Connection::connect(&url, ConnectionProperties::default()).await.expect("a user's connection");
        let management = self.management.clone().expect("a node with the management plugin");
        User { name, management, connection }
    }
}

impl User {
    /// Its name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// A new channel.
    pub async fn channel(&self) -> Channel {
        self.connection.create_channel().await.expect("a channel")
    }

    /// Publishes, and says in words how the broker refused it.
    ///
    /// # Errors
    /// The broker's words, or that it found no queue.
    pub async fn publish(
        &self,
        (exchange, key): (&str, &str),
        body: &[u8],
        properties: BasicProperties,
    ) -> Result<(), String> {
        let words = |error: lapin::Error| error.to_string();
        let channel = self.channel().await;
        channel.confirm_select(ConfirmSelectOptions::default()).await.map_err(words)?;
        let options = BasicPublishOptions { mandatory: true, ..Default::default() };
        let sent =
            channel.basic_publish(exchange.into(), key.into(), options, body, properties).await.map_err(words)?;
        match sent.await.map_err(words)? {
            Confirmation::Ack(None) => Ok(()),
            other => Err(format!("{other:?}")),
        }
    }

    /// What it sets beside a message, with its own name; the correlation id is the message's.
    #[must_use]
    pub fn signed(&self, type_name: &str, body: &Value) -> BasicProperties {
        let id = body["id"].as_str().expect("an id");
        properties(type_name, id).with_correlation_id(id.into()).with_user_id(self.name.as_str().into())
    }
}

impl Drop for User {
    fn drop(&mut self) {
        let (base, path) = (self.management.clone(), format!("/api/users/{}", self.name));
        in_background(&path, async || {
            manage(&http::client(), &base, Method::DELETE, &path, None).await;
        });
    }
}
