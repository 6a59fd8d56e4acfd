//! What is generated from the types: one JSON Schema a message, committed beside this crate.

use schemars::schema_for;
use serde_json::Value;

use crate::{
    ConnectionQuery, ConnectionStatus, ExchangeRequest, ExchangeResult, Message, Notice, PublishJob, PublishResult,
    RevocationRequest, RevocationResult, RevocationShard, RotationShard, RotationTick,
    events::{
        ConnectionNeedsConsent, ConnectionQuarantined, ConnectionRefreshed, JobDeadLettered, KeyEmpty, RotationDone,
        RotationShardDone,
    },
};

/// Schemas beside them: of what an operator configures.
pub const OTHERS: &[&str] = &["providers.schema.json", "gateways.schema.json", "texts.schema.json"];

/// File name and JSON Schema (draft 2020-12) of every message.
#[must_use]
pub fn schemas() -> Vec<(String, Value)> {
    fn one<M: Message>() -> (String, Value) {
        (format!("{}.schema.json", M::type_name()), schema_for!(M).to_value())
    }
    vec![
        one::<ExchangeRequest>(),
        one::<ExchangeResult>(),
        one::<PublishJob>(),
        one::<PublishResult>(),
        one::<Notice>(),
        one::<RotationTick>(),
        one::<RotationShard>(),
        one::<RevocationRequest>(),
        one::<RevocationShard>(),
        one::<RevocationResult>(),
        one::<ConnectionQuery>(),
        one::<ConnectionStatus>(),
        one::<ConnectionNeedsConsent>(),
        one::<ConnectionRefreshed>(),
        one::<ConnectionQuarantined>(),
        one::<RotationShardDone>(),
        one::<RotationDone>(),
        one::<KeyEmpty>(),
        one::<JobDeadLettered>(),
    ]
}

#[cfg(test)]
mod tests {
    use std::{env, fs, path::Path};

    /// Run with `SEALPOST_WRITE_GENERATED=1` to write the files anew.
    #[test]
    fn the_committed_schemas_are_what_the_types_say() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR"));
        for (name, schema) in super::schemas() {
            let text = serde_json::to_string_pretty(&schema).unwrap() + "\n";
            let file = folder.join(&name);
            if env::var_os("SEALPOST_WRITE_GENERATED").is_some() {
                fs::write(&file, &text).unwrap();
            }
            let committed = fs::read_to_string(&file).unwrap_or_default();
            assert!(committed == text, "{name} is not what the types say: run `make generated` and commit it");
        }
    }

    #[test]
    fn no_committed_schema_is_without_its_type() {
        let names: Vec<String> = super::schemas().into_iter().map(|(name, _)| name).collect();
        for entry in fs::read_dir(env!("CARGO_MANIFEST_DIR")).unwrap() {
            let name = entry.unwrap().file_name().into_string().unwrap();
            // those of configuration, which are no messages, are the workers' to generate
            let known = crate::generated::OTHERS.contains(&name.as_str()) || names.contains(&name);
            assert!(!name.ends_with(".schema.json") || known, "{name} belongs to no message");
        }
    }
}
