//! Promises on policy, each in a module of its own.
#![cfg(test)]

mod policy_explain;
mod policy_files;
mod regime_errors;
mod social_commerce;

#[path = "../common/folder.rs"]
pub mod folder;
#[path = "../common/page.rs"]
pub mod page;
#[path = "../../../../tests/support/mod.rs"]
pub mod support;
