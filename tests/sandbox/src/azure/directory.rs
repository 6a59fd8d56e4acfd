//! Tenants, their users, and the applications, which are known in every tenant. The seed file changes them.

use std::error::Error;
use std::fs;
use std::path::Path;

use serde::Deserialize;
use uuid::Uuid;

use super::vault::roles::Assignment;

/// Client ids that tests rely on.
pub(crate) const SEALPOST: &str = "5ea10000-0000-4000-8000-000000000001";
pub(crate) const READER: &str = "5ea10000-0000-4000-8000-000000000002";
pub(crate) const WALL: &str = "5ea10000-0000-4000-8000-000000000003";
pub(crate) const FRONT: &str = "5ea10000-0000-4000-8000-000000000004";
pub(crate) const MANAGED: &str = "5ea10000-0000-4000-8000-000000000005";

/// Key Vault's own client id, and its name as an audience.
const VAULT: [&str; 2] = ["cfa8b339-82a2-471a-a3c9-0fc0be7a4093", "https://vault.azure.net"];

/// What the seed file says; what it leaves out is as it is without one.
#[derive(Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Directory {
    pub(crate) tenants: Vec<Tenant>,
    pub(crate) apps: Vec<App>,
    /// Who may do what in which vault. Tokens of the second tenant open no vault of the first.
    pub(crate) roles: Vec<Assignment>,
    /// Vaults that are not the home tenant's.
    pub(crate) vaults: Vec<Belongs>,
}

#[derive(Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Belongs {
    pub(crate) name: String,
    pub(crate) tenant: String,
}

#[derive(Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Tenant {
    pub(crate) id: String,
    /// Names of its users, who sign in as `NAME@TENANT.example`.
    #[serde(default)]
    pub(crate) users: Vec<String>,
    pub(crate) name: String,
}

/// An application, a resource, or both.
#[derive(Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct App {
    pub(crate) client_id: String,
    pub(crate) name: String,
    #[serde(default)]
    pub(crate) secret: Option<String>,
    /// A public client signs users in without proving itself.
    #[serde(default)]
    pub(crate) public: bool,
    /// Its name as a resource, and what can be asked of it.
    #[serde(default)]
    pub(crate) uri: Option<String>,
    #[serde(default)]
    pub(crate) scopes: Vec<String>,
    /// Besides every loopback address.
    #[serde(default)]
    pub(crate) redirect_uris: Vec<String>,
    /// The subject of the cluster's tokens that it is federated with.
    #[serde(default)]
    pub(crate) federated_subject: Option<String>,
    /// DER of the certificates that it may prove itself with.
    #[serde(skip)]
    pub(crate) certificates: Vec<Vec<u8>>,
}

impl Default for Directory {
    fn default() -> Self {
        let texts = |all: &[&str]| all.iter().map(|&text| text.to_owned()).collect::<Vec<String>>();
        let tenant =
            |id: &str, name: &str, users: &[&str]| Tenant { id: id.into(), name: name.into(), users: texts(users) };
        let app =
            |client_id: &str, name: &str| App { client_id: client_id.into(), name: name.into(), ..App::default() };
        let api = |uri: &str, scopes: &[&str]| (Some(uri.to_owned()), texts(scopes));
        let mut apps = vec![
            app(SEALPOST, "Sealpost"),
            app(READER, "Reader"),
            app(WALL, "Wall"),
            app(FRONT, "Front"),
            app("00000003-0000-0000-c000-000000000000", "Microsoft Graph"),
            app(VAULT[0], "Azure Key Vault"),
        ];
        apps[0].secret = Some("practice-secret-of-sealpost".into());
        apps[0].federated_subject = Some("system:serviceaccount:sealpost:worker".into());
        (apps[0].uri, apps[0].scopes) = api("api://sealpost", &["Connect"]);
        apps[1].secret = Some("practice-secret-of-reader".into());
        (apps[2].uri, apps[2].scopes) = api("api://wall", &["Posts.Read", "Posts.Write"]);
        apps[3].public = true;
        (apps[4].uri, apps[4].scopes) =
            api("https://graph.microsoft.com", &["User.Read", "Mail.Send", "ChatMessage.Send"]);
        (apps[5].uri, apps[5].scopes) = api(VAULT[1], &["user_impersonation"]);
        Self {
            tenants: vec![
                tenant("7e4a0000-0000-4000-8000-00000000000a", "contoso", &["ada", "grace", "alan"]),
                tenant("7e4a0000-0000-4000-8000-00000000000b", "fabrikam", &["ada", "barbara"]),
            ],
            apps,
            roles: Assignment::usual(),
            vaults: Vec::new(),
        }
    }
}

impl Directory {
    pub(crate) fn read(seed: &Path) -> Result<Self, Box<dyn Error>> {
        let read: Self = serde_json::from_slice(&fs::read(seed)?)?;
        if read.tenants.is_empty() { Err("the seed has no tenant".into()) } else { Ok(read) }
    }

    /// The first tenant.
    pub(crate) fn home(&self) -> &Tenant {
        &self.tenants[0]
    }

    pub(crate) fn tenant(&self, id: &str) -> Option<&Tenant> {
        self.tenants.iter().find(|tenant| tenant.id == id)
    }

    pub(crate) fn app(&self, client_id: &str) -> Option<&App> {
        self.apps.iter().find(|app| app.client_id == client_id)
    }

    /// Whose vault it is.
    pub(crate) fn owner(&self, vault: &str) -> &str {
        self.vaults.iter().find(|belongs| belongs.name == vault).map_or(&self.home().id, |belongs| &belongs.tenant)
    }

    /// By its name as a resource, or its client id.
    pub(crate) fn resource(&self, name: &str) -> Option<&App> {
        let name = name.trim_end_matches('/');
        self.apps.iter().find(|app| app.uri.as_deref() == Some(name) || app.client_id == name)
    }
}

/// The object id of somebody in a tenant: `who` is a user's name or a client id. The same at every start.
pub(crate) fn object_id(tenant: &str, who: &str) -> String {
    Uuid::new_v5(&Uuid::NAMESPACE_URL, format!("{tenant}/{who}").as_bytes()).to_string()
}

/// What a token for the vault may name as its audience.
pub(crate) fn vault_audiences() -> [&'static str; 2] {
    VAULT
}
