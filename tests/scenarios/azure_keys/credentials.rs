//! Who we are to the vault.

use sealpost_shared::keys::{KeyError, KeySource};
use sealpost_tests::command::{begin, end};
use sealpost_tests::pipeline::KEY;

use super::{World, error, id};

#[tokio::test]
async fn every_kind_of_credential_reads_keys() {
    let world = World::start("").await;
    let places = world.azure.places.clone();
    world.azure.workload_token().await;
    let workload = format!(
        "{{ kind = 'workload-identity', tenant_id = '{}', client_id = '{}', token_file = '{}' }}",
        places.tenant,
        places.client_id,
        places.federated_token_file.display()
    );
    let assigned = format!("{{ kind = 'managed-identity', client_id = '{}' }}", places.identity_client_id);
    let env = [("IDENTITY_ENDPOINT", places.identity_endpoint.as_str()), ("IDENTITY_HEADER", &places.identity_header)];
    for credential in [world.client_secret(), workload, assigned, "{ kind = 'managed-identity' }".into()] {
        world.configure(&credential, "");
        let said = end(begin(&world.pipeline, &["check"], &env, "").await).await;
        let reached = said.row(&["✓", "key vault", "sealpost.vault.azure.net"]);
        assert!(reached.is_some() && said.row(&["✓", "sealing key"]).is_some(), "{credential}\n{}", said.stdout);
    }
}

#[tokio::test]
async fn a_refused_credential_is_told_with_its_cause_in_the_log_and_not_in_the_answer() {
    let world = World::anywhere(KEY, "").await;
    world.pipeline.write("vault.secret", "not-the-secret");
    let told = error(world.keys().latest(&world.first.id).await);
    assert!(matches!(told, KeyError::Unauthenticated { .. }), "{told}");
    assert!(!told.to_string().contains("AADSTS"), "{told}");
    let worker = world.pipeline.waiting_worker().await;
    worker.logged("AADSTS7000215").await;
    assert!(!worker.log().contains("not-the-secret"));
    let (status, why) = worker.page("/readyz").await;
    assert!(status == 503 && !why.contains("AADSTS"), "{why}");
}

#[tokio::test]
async fn a_certificate_of_nobody_we_know_is_not_talked_to() {
    let world = World::start("").await;
    let text = std::fs::read_to_string(world.pipeline.config()).unwrap();
    let without: Vec<_> = text.lines().filter(|line| !line.starts_with("ca_file")).collect();
    world.pipeline.write("sealpost.toml", &without.join("\n"));
    let told = error(world.keys().latest(&id()).await);
    assert!(matches!(told, KeyError::SourceUnavailable { .. }), "{told}");
}
