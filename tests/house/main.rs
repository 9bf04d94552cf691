//! Promises on house, each in a module of its own.
#![cfg(test)]

mod book;
mod commands;
mod languages;
mod layers;
mod words;
