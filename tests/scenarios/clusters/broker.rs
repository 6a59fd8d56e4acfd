//! A RabbitMQ of three nodes.

use lapin::options::QueueDeleteOptions;
use sealpost::dev::servers::rabbitmq::RabbitMq;
use sealpost_tests::pipeline::{ANSWERS, EVENTS};
use sealpost_tests::{Own, Pipeline, Rig, Sandbox, Setup, freeze};

use super::{USERS, more, name_all, through};

/// The members of `publish-jobs` as this node knows them, by number; the one that leads first.
async fn members(node: &RabbitMq) -> Vec<usize> {
    // {ok, [{queue, node}, ...], {queue, node}}
    let said = node.ctl(&["eval", "ra:members({'%2F_publish-jobs', node()})."]).await.unwrap();
    let names: Vec<_> = said.split("@localhost").collect();
    let names = &names[..names.len() - 1];
    let number = |name: &&str| name.rsplit('-').next().unwrap().parse::<usize>().unwrap() - 1;
    let mut members: Vec<_> = names[..names.len() - 1].iter().map(number).collect();
    let leader = number(names.last().unwrap());
    members.sort_unstable_by_key(|member| (*member != leader, *member));
    members
}

#[tokio::test]
async fn jobs_and_a_sweep_outlive_the_node_of_the_broker_that_leads_stopped_and_killed() {
    let mut cluster = Own::rabbitmq_cluster().await;
    let urls = cluster.urls();
    let rig = Rig::on(&cluster.nodes[2]).await;
    let pipeline = Pipeline::of(rig, Sandbox::start().await, Setup { shards: 8, ..Setup::default() }).await;
    name_all(&pipeline, "broker.url", &urls);
    let worker = pipeline.worker().await;
    pipeline.connect("ada").await;
    pipeline.seed(USERS).await;
    // They have one member, and would not outlive it.
    for queue in [ANSWERS, EVENTS] {
        let channel = pipeline.rig.broker.channel().await;
        channel.queue_delete(queue.into(), QueueDeleteOptions::default()).await.unwrap();
    }
    let all = members(&cluster.nodes[0]).await;
    assert_eq!(all.len(), 3, "a member on each node");
    let leader = all[0];
    let others: Vec<_> = (1..=3).map(|after| urls[(leader + after) % 3].clone()).collect();
    through(&pipeline, &others, async |answered| {
        println!("SIGSTOP of the node that leads publish-jobs");
        freeze(cluster.nodes[leader].process()).await;
        more(answered, 12).await;
        // as somebody does with a machine that hangs; two at a time must not be away
        cluster.nodes[leader].kill9().await;
        cluster.nodes[leader].restart().await.unwrap();
        let other = &cluster.nodes[(leader + 1) % 3];
        other.ctl(&["await_online_nodes", "3"]).await.unwrap();
        let leader = members(other).await[0];
        println!("SIGKILL of the node that leads it now");
        cluster.nodes[leader].kill9().await;
        more(answered, 12).await;
        cluster.nodes[leader].restart().await.unwrap();
    })
    .await;
    assert!(worker.lives());
}
