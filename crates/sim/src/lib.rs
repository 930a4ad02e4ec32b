//! A whole cluster in one thread under simulated time, broken by a seed and judged by its facts.
//!
//! The nodes are the real ones, with their sessions, codecs and heartbeats; what they stand on are the four seams in memory, under a weather
//! of faults; who talks to them are clients that speak the protocol over sockets in memory. A seed gives one plan, and a plan gives one log of facts.

pub mod bounds;
pub mod cast;
pub mod client;
pub mod cluster;
pub mod dice;
pub mod director;
pub mod fault;
pub mod faulty;
pub mod finale;
pub mod many;
pub mod panics;
pub mod plan;
pub mod points;
pub mod run;
pub mod scale;
pub mod seams;
pub mod settings;
pub mod shrink;
pub mod stage;
pub mod summary;
pub mod weather;
pub mod words;
