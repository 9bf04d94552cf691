//! The door for PostgreSQL's protocol: handlers of ours on `pgwire`, one set a connection.
//!
//! A token is the password, over TLS or loopback; every statement is checked against it again. Rows that leave are released rows or
//! public tables.

mod connection;
mod error;
mod execute;
mod extended;
mod guarded;
mod plan;
mod rows;
mod session;
mod simple;
mod startup;
mod statement;

pub use connection::{Cancels, serve};
