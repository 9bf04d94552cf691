//! Promises on evidence, each in a module of its own.
#![cfg(test)]

mod audit_documents;
mod evidence;
mod exits;
mod inspect;
mod max_age;
mod person;
mod person_proof;
mod witness;

#[path = "../common/command.rs"]
pub mod command;
#[path = "../common/folder.rs"]
pub mod folder;
#[path = "../../../../tests/support/mod.rs"]
pub mod support;
#[expect(dead_code, reason = "the attack suite uses the rest")]
#[path = "../../../../tests/privacy/attacks/world.rs"]
mod world;
