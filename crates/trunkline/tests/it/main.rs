//! The built binary on real servers, as the people who run it and those who talk to it see it.
//!
//! One program for all of these stories, so that it links once.
//! Each file is one story or one family of them. Nothing here looks into a process: what is asserted was seen on a socket,
//! at the broker, in Redis, in Nacos, or in an exit code.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot be set up must fail")]

mod article;
mod backends;
mod crash;
mod deployment;
mod foreign;
mod forged;
mod hanging;
mod knocking;
mod ledger;
mod login;
mod logs;
mod person;
mod postgres;
mod python;
mod rabbitmq;
mod racing;
mod reader;
mod say;
mod second;
mod story;
mod traffic;
mod up_on_servers;
mod writer;
