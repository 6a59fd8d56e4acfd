//! Messages that no decent producer sends.

use std::net::{Ipv4Addr, SocketAddr};

use lapin::options::{BasicPublishOptions, ConfirmSelectOptions};
use lapin::types::{AMQPValue, FieldTable};
use lapin::{BasicProperties, Connection, ConnectionProperties};
use sealpost_shared::broker::Route;
use sealpost_tests::Rig;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use super::{JOBS, connect, message, next};

/// What a producer's client checks, and another's may not: a proxy that makes it invalid UTF-8 on the way.
const PLACEHOLDER: &[u8] = b"not-valid-utf-8";

async fn spoiling_proxy(server: SocketAddr) -> u16 {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        let (client, _) = listener.accept().await.unwrap();
        let (mut from_client, mut to_client) = client.into_split();
        let (mut from_server, mut to_server) = TcpStream::connect(server).await.unwrap().into_split();
        tokio::spawn(async move { tokio::io::copy(&mut from_server, &mut to_client).await });
        let mut buffer = vec![0; 65_536];
        while let Ok(read @ 1..) = from_client.read(&mut buffer).await {
            let bytes = &mut buffer[..read];
            if let Some(at) = bytes.windows(PLACEHOLDER.len()).position(|window| window == PLACEHOLDER) {
                bytes[at] = 0xff;
            }
            to_server.write_all(bytes).await.unwrap();
        }
    });
    port
}

#[tokio::test]
async fn large_headers_and_odd_values_are_delivered_like_any_other() {
    let rig = Rig::start().await;
    let broker = connect(rig.amqp_url()).await;
    let mut deliveries = broker.consume(JOBS);
    let long = |length| AMQPValue::LongString("h".repeat(length).as_str().into());
    let odd = [
        ("producer", long(100_000)),
        ("sealpost-attempt", AMQPValue::LongLongInt(12)),
        ("sealpost-attempt", AMQPValue::LongLongInt(-5)),
        ("sealpost-attempt", AMQPValue::LongLongInt(i64::MAX)),
        ("sealpost-attempt", long(3)),
        ("sealpost-origin", AMQPValue::LongString("rotation-ticks".into())),
        ("sealpost-origin", long(3)),
        ("sealpost-origin", AMQPValue::LongString(vec![0xff, 0xfe].into())),
        ("traceparent", long(5000)),
        ("traceparent", AMQPValue::LongString("\r\ninjected".into())),
        ("x-death", AMQPValue::Void),
    ];
    for (name, value) in odd {
        let mut headers = FieldTable::default();
        headers.insert(name.into(), value);
        rig.broker.publish_raw(JOBS, b"", BasicProperties::default().with_headers(headers)).await;
        let delivery = next(&mut deliveries).await;
        assert_eq!((delivery.attempt, delivery.redelivered), (1, false), "{name}");
        assert_eq!(delivery.outgoing().origin.as_deref(), Some(JOBS), "{name}");
        assert_eq!(delivery.traceparent, None, "{name}");
        broker.delay(JOBS, std::time::Duration::ZERO, &delivery.outgoing()).await.unwrap();
        assert!(delivery.ack().await);
        assert!(next(&mut deliveries).await.ack().await);
    }
}

#[tokio::test]
async fn properties_that_are_not_utf_8_are_delivered_and_stop_nothing() {
    let rig = Rig::start().await;
    let broker = connect(rig.amqp_url()).await;
    let server = url::Url::parse(rig.amqp_url()).unwrap();
    let port = spoiling_proxy((Ipv4Addr::LOCALHOST, server.port().unwrap()).into()).await;
    let mut proxied = server.clone();
    proxied.set_port(Some(port)).unwrap();
    let spoilt = Connection::connect(proxied.as_str(), ConnectionProperties::default()).await.unwrap();
    let channel = spoilt.create_channel().await.unwrap();
    channel.confirm_select(ConfirmSelectOptions::default()).await.unwrap();
    broker.publish(&Route::queue(JOBS), &message("before")).await.unwrap();
    for (body, depth) in [("spoilt", 0), ("deep", 200)] {
        let value = (0..depth).fold(AMQPValue::Void, |inner, _| AMQPValue::FieldArray(vec![inner].into()));
        let mut headers = FieldTable::default();
        headers.insert("nested".into(), value);
        let properties = BasicProperties::default().with_delivery_mode(2).with_type("not-valid-utf-8".into());
        let (properties, options) = (properties.with_headers(headers), BasicPublishOptions::default());
        let sent = channel.basic_publish("".into(), JOBS.into(), options, body.as_bytes(), properties).await.unwrap();
        assert!(sent.await.unwrap().is_ack());
    }
    broker.publish(&Route::queue(JOBS), &message("after")).await.unwrap();
    let mut deliveries = broker.consume(JOBS);
    let (good, mended) = ("publish-job.v1", "?ot-valid-utf-8");
    for (body, type_name) in [("before", good), ("spoilt", mended), ("deep", mended), ("after", good)] {
        let delivery = next(&mut deliveries).await;
        assert_eq!((&*delivery.body, delivery.type_name.as_deref()), (body.as_bytes(), Some(type_name)));
        assert!(delivery.ack().await);
    }
}
