//! The harness: private servers, producers and fault injection for the scenarios. A test stops by panicking, so nothing
//! here returns an error. It knows the servers and the sandbox; of the pipeline only `pipeline` and `worker` know.
#![expect(clippy::expect_used, reason = "a harness stops a test by panicking")]
#![expect(clippy::missing_panics_doc, reason = "everything here panics when the world is not as the test needs it")]

pub mod azure;
pub mod breakpoint;
pub mod broker;
pub mod browser;
pub mod canary;
pub mod chromium;
pub mod collector;
pub mod command;
pub mod django_peer;
pub mod entries;
pub mod machine;
pub mod matrix_peer;
pub mod node;
pub mod oidc_peer;
pub mod own;
pub mod patience;
pub mod pipeline;
pub mod prism;
pub mod processes;
pub mod prometheus;
pub mod proxy;
pub mod python;
pub mod rig;
pub mod sandbox;
pub mod soak;
pub mod until;
pub mod wiretap;
pub mod worker;
pub mod zitadel_peer;

mod http;
mod peer;

pub use azure::Azure;
pub use broker::{Broker, Message, User};
pub use own::Own;
pub use pipeline::{Pipeline, Setup};
pub use processes::{freeze, processes_in};
pub use prometheus::Prometheus;
pub use proxy::{Proxy, Weather};
pub use rig::Rig;
pub use sandbox::Sandbox;
pub use until::until;
pub use worker::Worker;
