//! Promises on report, each in a module of its own.
#![cfg(test)]

mod annexes;
mod plots;
mod registry;
mod report;
mod report_browser;
mod report_metrics;

#[path = "../common/command.rs"]
pub mod command;
#[path = "../common/page.rs"]
pub mod page;
