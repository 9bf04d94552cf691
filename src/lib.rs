#![doc = include_str!("../README.md")]

pub mod types;

pub mod consent;
pub mod deidentify;
pub mod dp;
pub mod policy;
pub mod tags;

pub mod audit;
pub mod keys;
pub mod ledger;
pub mod register;
pub mod storage;

pub mod query;
pub mod release;

pub mod engine;

pub mod operator;

pub mod report;

pub use operator::{
    Analyst, Answer, Approval, Keys, Operator, OperatorError, PoolTerms, SealTerms, Setup, StudySource,
};
pub use policy::{Reason, Study};
pub use release::Released;
