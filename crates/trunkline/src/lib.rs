//! The binary: command line, configuration, wiring, signals, web pages.
//!
//! Everything but `main` is a library, so that tests reach it.

pub mod check;
pub mod cli;
pub mod config;
pub mod describe;
pub mod exit;
mod logging;
mod measures;
pub mod metrics_page;
mod pages;
pub mod run;
mod signals;
pub mod token;
mod wiring;
