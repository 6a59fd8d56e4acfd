//! Records at rest, on a single Redis and on a Redis Cluster, in good and bad weather.

mod batches;
mod damage;
mod failover;
mod faults;
mod fixed;
mod holders;
mod indexes;
mod ledger;
mod lost_answers;
mod names;
mod parks;
mod refreshes;
mod replaced;
mod retired;
mod risks;
mod world;
mod writes;
