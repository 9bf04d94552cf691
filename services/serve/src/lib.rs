//! The service of hushtag: analysts of other companies reach a sandbox over the PostgreSQL wire and HTTP. Another service, without a sandbox,
//! evaluates blind tokens for another platform.
//!
//! It adds no power. Every answer is released by an `Analyst` of the library, in [`sandbox`], the one module that touches a sandbox;
//! whatever a client's SQL has around its private query runs over released rows ([`sql`]).
//!
//! - [`settings`]: `serve.toml`; [`tokens`]: who may come in, as what; [`queue`]: one recipient cannot starve another.
//! - [`evaluation`]: a platform's key and evaluation book behind HTTP.
//! - [`http`]: HTTP/JSON with problem details, the log as static files, health and monitoring.
//! - [`wire`]: PostgreSQL's protocol over [`sql`] and [`catalogue`].
//! - [`monitoring`], [`traces`]: numbers, lines and spans about the service itself.
//! - [`door`]: accepting connections, TLS, draining; [`command`]: the program.

pub mod catalogue;
mod causes;
pub mod command;
pub mod door;
pub mod evaluation;
pub mod http;
pub mod monitoring;
pub mod queue;
pub mod sandbox;
pub mod service;
pub mod settings;
pub mod sql;
pub mod tokens;
pub mod traces;
pub mod wire;
