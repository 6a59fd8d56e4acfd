//! Scenarios on real servers.

mod sealing;
