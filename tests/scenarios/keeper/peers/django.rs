//! django-oauth-toolkit: an expired access token is a 403 without a word, and a spent refresh token brings the same
//! answer again for as long as its grace lasts; after that it ends its family.

use sealpost_tests::django_peer::DjangoPeer;
use serde_json::json;

use super::stage::{HASTY, PATIENT, Stage, all_texts, texts};

async fn stage(grace: u32, http_limit: u64) -> (Stage, DjangoPeer) {
    let peer = DjangoPeer::start(grace).await;
    (Stage::start("django", (peer.issuer(), peer.port()), http_limit).await, peer)
}

async fn all_are_posted_once(peer: &DjangoPeer) {
    let posts = peer.posts().await;
    assert_eq!(texts(posts.iter().map(|post| &post["text"])), all_texts());
    assert!(posts.iter().all(|post| post["user"] == "ada"));
}

#[tokio::test]
async fn sixty_four_jobs_in_four_workers_at_the_moment_of_expiry_make_one_refresh() {
    for grace in [0, 120] {
        let (stage, peer) = stage(grace, PATIENT).await;
        let workers = stage.workers(4).await;
        peer.access_tokens_live(1).await;
        stage.connect("ada", async |url| peer.consent("ada", url).await).await;
        peer.access_tokens_live(3600).await;
        stage.until_expired("ada").await;
        stage.sixty_four(|number| stage.post("ada", &format!("number {number}"))).await;
        assert_eq!(peer.stats().await, json!({"refresh": {"200": 1}, "refresh_tokens": 1}), "grace {grace}");
        stage.one_refresh(&workers).await;
        all_are_posted_once(&peer).await;
    }
}

#[tokio::test]
async fn sixty_four_refusals_without_a_word_make_one_refresh_and_every_job_is_done() {
    let (stage, peer) = stage(0, PATIENT).await;
    let workers = stage.workers(4).await;
    stage.connect("ada", async |url| peer.consent("ada", url).await).await;
    peer.expire_access_tokens().await;
    stage.sixty_four(|number| stage.post("ada", &format!("number {number}"))).await;
    assert_eq!(peer.stats().await, json!({"refresh": {"200": 1}, "refresh_tokens": 1}));
    stage.one_refresh(&workers).await;
    all_are_posted_once(&peer).await;
}

#[tokio::test]
async fn a_worker_that_is_killed_before_the_answer_leaves_a_connection_that_works_within_the_grace() {
    let (stage, peer) = stage(120, HASTY).await;
    let worker = stage.pipeline.worker().await;
    stage.connect("ada", async |url| peer.consent("ada", url).await).await;
    stage.say_expired("ada").await;
    let (_other, answer) = stage.killed_before_the_answer(worker, &stage.post("ada", "after all")).await;
    assert_eq!(answer["outcome"], "published", "{answer}");
    assert_eq!(peer.stats().await, json!({"refresh": {"200": 2}, "refresh_tokens": 1}));
    assert_eq!(texts(peer.posts().await.iter().map(|post| &post["text"])), ["after all"]);
    assert_eq!(stage.record("ada").await.metadata.marker, None);
}

#[tokio::test]
async fn without_a_grace_it_says_that_the_answer_was_lost() {
    let (stage, peer) = stage(0, HASTY).await;
    let worker = stage.pipeline.worker().await;
    stage.connect("ada", async |url| peer.consent("ada", url).await).await;
    stage.say_expired("ada").await;
    let (_other, answer) = stage.killed_before_the_answer(worker, &stage.post("ada", "never")).await;
    stage.says_that_it_was_lost(&answer).await;
    assert_eq!(peer.posts().await, Vec::<serde_json::Value>::new());
    // a new consent heals it
    stage.connect("ada", async |url| peer.consent("ada", url).await).await;
    let answer = stage.pipeline.ask("publish-job.v1", &stage.post("ada", "again")).await;
    assert_eq!(answer["outcome"], "published", "{answer}");
}
