//! The service through real sockets, over one small sandbox of made-up people.

#![cfg(test)]

#[path = "../../../../crates/cli/tests/common/blind_request.rs"]
pub mod blind_request;

mod api;
mod beside;
mod client;
mod dashboards;
mod demo;
mod disk;
mod document;
mod evaluate;
mod faults;
mod hostile;
mod killed;
mod log;
mod login;
mod operator;
mod oracle;
mod postgres;
mod program;
mod random;
mod session;
mod split;
mod support;
mod tls;
mod traces;
