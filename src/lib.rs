#![doc = include_str!("../README.md")]

pub mod audit;
pub mod consent;
pub mod deidentify;
pub mod dp;
pub mod engine;
pub mod keys;
pub mod ledger;
pub mod operator;
pub mod policy;
pub mod population;
pub mod query;
pub mod release;
pub mod storage;
pub mod tags;
pub mod types;
