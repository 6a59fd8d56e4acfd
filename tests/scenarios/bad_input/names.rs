//! Owners whose names would break a program that pastes them into keys.

use sealpost_tests::Pipeline;
use sealpost_tests::pipeline::{exchange_request, publish_job};

#[tokio::test]
async fn colons_braces_and_other_oddities_in_names_work_and_do_not_collide() {
    let pipeline = Pipeline::start().await;
    let _worker = pipeline.worker().await;
    let owners = [
        ("acme", "a:b", "first"),
        ("acme:a", "b", "second"),
        ("{sp:000}", "*", "third"),
        ("acme", "{sp:000}:record:x", "fourth"),
        ("a\u{202e}cme ", "ada \u{1f980} O'Neil \"\\'; --", "fifth"),
    ];
    for (tenant, user, at_platform) in owners {
        let request = exchange_request(tenant, user, &pipeline.consent(at_platform).await);
        let answer = pipeline.ask("exchange-request.v1", &request).await;
        assert_eq!(answer["outcome"], "stored", "{tenant} {user}: {answer}");
        assert_eq!((&answer["connection"]["tenant"], &answer["connection"]["user"]), (&tenant.into(), &user.into()));
    }
    for (tenant, user, at_platform) in owners {
        let answer = pipeline.ask("publish-job.v1", &publish_job(tenant, user, at_platform)).await;
        assert_eq!(answer["outcome"], "published", "{tenant} {user}: {answer}");
    }
    let posts = pipeline.sandbox.posts().await;
    assert_eq!(posts.len(), owners.len());
    for post in posts {
        assert_eq!(post["author"], post["text"], "each under its own account");
    }
}
