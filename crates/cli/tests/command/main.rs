//! Promises on command, each in a module of its own.
#![cfg(test)]

mod approval_command;
mod bad_folders;
mod canary;
mod consent_command;
mod errors;
mod examples;
mod exists;
mod exit_codes;
mod interactive;
mod languages;
mod outputs;
mod progress;
mod readers;
mod renewal_command;
mod rotation_command;
mod shell;
mod tutorial;

#[path = "../common/blind_request.rs"]
pub mod blind_request;
#[path = "../common/command.rs"]
pub mod command;
#[path = "../common/folder.rs"]
pub mod folder;
#[path = "../../../../tests/support/mod.rs"]
pub mod support;
