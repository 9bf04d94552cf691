//! The consent register of a sandbox: events, erasure, requests, the view of a person.

pub(super) mod consent_tree;
pub(super) mod consents;
pub(super) mod erase;
pub(super) mod export;
pub(super) mod part;
pub(super) mod person;
pub(super) mod requests;
pub(super) mod state;
