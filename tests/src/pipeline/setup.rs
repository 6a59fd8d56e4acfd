//! What workers are configured with.

use super::{KEY, Pipeline};

/// What a test chooses of the configuration.
#[derive(Debug, Clone)]
pub struct Setup {
    /// The broker's address, if not the rig's own.
    pub amqp_url: Option<String>,
    /// Redis's address, if not the rig's own.
    pub redis_url: Option<String>,
    /// Where the platform is, if not at its own port.
    pub platform: Option<String>,
    /// `store.shards`.
    pub shards: u16,
    /// `keys.key`. A key of that very name is made.
    pub key: String,
    /// `broker.prefetch`.
    pub prefetch: u16,
    /// `broker.users`, as TOML: a user and its tenants a line.
    pub users: Option<String>,
    /// `http.limit_seconds`.
    pub http_limit: u64,
    /// `wire.require_sealed`.
    pub require_sealed: bool,
    /// Our secret at the platform.
    pub client_secret: String,
}

impl Default for Setup {
    fn default() -> Self {
        Self {
            amqp_url: None,
            redis_url: None,
            platform: None,
            shards: 256,
            key: KEY.into(),
            prefetch: 64,
            users: None,
            http_limit: 20,
            // what most scenarios are about is the same either way
            require_sealed: false,
            client_secret: "sealpost-secret".into(),
        }
    }
}

impl Pipeline {
    /// Writes the configuration and what belongs to it, for workers that start from now on.
    pub(super) fn configure(&self, setup: &Setup) {
        let redis_url = setup.redis_url.clone().unwrap_or_else(|| self.rig.redis_url());
        let amqp = setup.amqp_url.as_deref().unwrap_or(self.rig.amqp_url());
        let platform = setup.platform.as_deref().unwrap_or(self.sandbox.issuer());
        let Setup { shards, key, prefetch, http_limit, require_sealed, client_secret, .. } = setup;
        let users = setup.users.as_ref().map(|users| format!("[broker.users]\n{users}")).unwrap_or_default();
        self.write("broker.url", amqp);
        self.write("redis.url", &redis_url);
        self.write("client.secret", client_secret);
        self.write(
            "sealpost.toml",
            &format!(
                "providers = 'providers.toml'\n\
                 [broker]\nurl = {{ file = 'broker.url' }}\nprefetch = {prefetch}\n{users}\n\
                 [store]\nurl = {{ file = 'redis.url' }}\nshards = {shards}\n\
                 [wire]\nrequire_sealed = {require_sealed}\n\
                 [keys]\nfile = 'keyring.json'\nkey = '{key}'\n\
                 [http]\nlimit_seconds = {http_limit}\n\
                 [ops]\nlisten = '127.0.0.1:0'\n"
            ),
        );
        self.write(
            "providers.toml",
            &format!(
                "[practice.oauth]\nissuer = '{platform}'\nauthorize_url = '{platform}/authorize'\n\
                 token_url = '{platform}/token'\nclient_id = 'sealpost'\nclient_secret = {{ file = 'client.secret' }}\n\
                 scopes = ['profile', 'posts.read', 'posts.write']\n\
                 [practice.publish.post]\nurl = '{platform}/api/posts'\n\
                 body = {{ text = '{{text}}', title = '{{title}}', in_reply_to = '{{in_reply_to}}' }}\n\
                 remote_id = '/id'\nremote_url = '/url'\n"
            ),
        );
    }
}
