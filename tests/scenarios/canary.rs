//! Every flow and every failure with recognisable secrets and names, and then a search for them: in Redis's files, RabbitMQ's files,
//! logs at the finest level, measures, answers, events, dead letters, what commands print, and what the system tells of processes.

mod devices;
mod entra;
mod failures;
mod flows;
mod outages;
mod people;
mod planted;
mod tokens;
mod world;
