//! The private servers and the harness itself.

use std::time::Duration;

use lapin::BasicProperties;
use sealpost_tests::Rig;

#[tokio::test]
async fn two_rigs_do_not_see_each_other() {
    let (one, other) = tokio::join!(Rig::start(), Rig::start());
    one.broker.declare("letters", Default::default()).await;
    one.broker.publish_raw("letters", b"hello", BasicProperties::default()).await;
    assert_eq!(one.broker.depth("letters").await, 1);
    assert_eq!(other.broker.ready("letters").await, None);
    assert_eq!(one.broker.next("letters", Duration::from_secs(5)).await.body, b"hello");
    assert_ne!(one.redis_url(), other.redis_url());
}
