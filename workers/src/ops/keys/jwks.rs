//! `sealpost keys jwks`.

use clap::Args;
use sealpost_shared::config::Config;
use sealpost_shared::wire::jwk_set;

use crate::ops::{Common, screen, sealing};

/// What producers seal to.
#[derive(Debug, Args)]
pub struct Jwks {
    /// The same: it is JSON in any case.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    common: Common,
}

pub(super) async fn run(args: &Jwks) -> Result<(), String> {
    let key = sealing::key(&Config::read(&args.common.config)?).await?;
    screen::print_json(&jwk_set(&[key]))
}
