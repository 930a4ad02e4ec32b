//! The binary: command line, configuration, wiring, signals, web pages.
//!
//! Everything but `main` is a library, so that tests reach it.

pub mod check;
pub mod cli;
pub mod config;
pub mod describe;
pub mod exit;
pub mod logging;
pub mod measures;
pub mod metrics_page;
pub mod pages;
pub mod run;
pub mod signals;
pub mod token;
pub mod wiring;
