//! An embeddable data sandbox. Two companies join a social graph with payment records; only people whose separate consent covers the
//! use are counted, and only differentially private aggregates leave, paid from a durable budget and recorded in a log that anyone can verify.
//!
//! | you are | you hold | you can |
//! |---|---|---|
//! | the operator | [`Operator`], from [`Operator::options`] | make a sandbox under a [`Study`] that the handlers signed, record consent [`Event`]s, seal epochs from [`Sources`], adopt, renew, rotate keys |
//! | a recipient | [`Analyst`], from [`Operator::analyst`] | forecast and ask, as SQL or as a [`Query`]; get a [`Released`] answer or [`Reason`]s, and nothing else |
//! | an auditor, a monitor | [`Reader`], [`audit`] | read budget, [`Status`], vocabulary and forecasts beside the process that writes; verify logs, bundles, receipts and proofs without a sandbox |
//!
//! # A sandbox in eight lines
//!
//! ```
//! use hushtag::{Approval, Keys, NanoEpsilon, Operator, PoolTerms, Setup, StudySource};
//!
//! let folder = tempfile::tempdir()?;
//! let text = include_str!("../policies/demo/study.toml").replace("2027-09-01", "2100-01-01");
//! // Fixed for the life of the sandbox: epsilon 4, shown at delta 1e-12.
//! let pool = PoolTerms::new(NanoEpsilon::parse("4")?).with_delta("1e-12".parse()?);
//! let setup = Setup::new(vec![StudySource::new("study.toml", text)], pool).with_approval(Approval::None);
//! let operator = Operator::options(Keys::InFolder).init(&folder.path().join("box"), setup)?;
//! assert!(operator.status()?.epochs.is_empty());
//! assert!(!operator.health().answers, "nothing is sealed yet");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! The README goes on from here to a seal and a query.
//!
//! # What is where
//!
//! - At the root: the handles, what they are made of ([`Setup`], [`PoolTerms`], [`SealTerms`], [`Reading`], [`OperatorOptions`]), ids, amounts,
//!   clocks and key providers. A [`Clock`] and a [`KeyProvider`] may be a closure.
//! - [`input`]: what is read, and how; [`answer`]: what a query, a forecast and an answer are made of, and their JSON; [`sandbox`]: keys, epochs,
//!   requests of people, verification, [`health`](sandbox::Health).
//! - Usable alone: [`policy`] decides what is permitted and explains it, [`dp`] has mechanisms and accounting, [`tags`] measures and closed
//!   vocabularies, [`consent`] the rules by which consents count, [`audit`] the log and its verifiers.
//!
//! # Errors
//!
//! [`OperatorError::kind`] sorts every error into an [`ErrorKind`] that a service maps to a status of its own; no error says anything that depends on
//! people. A refusal by policy, consent or budget is no error but [`Answer::Refused`].
//!
//! # Features
//!
//! `tracing`: spans around the stages of a seal, a query, an adoption and a verification for subscribers of the `tracing` crate; names and counts of rows
//! of files, never a value. Off by default. (`internals` is for the project's own command and tests, without any promise.)
//!
//! The book in `docs/` has every format, command and figure.
#![cfg_attr(
    not(feature = "internals"),
    expect(
        unreachable_pub,
        unused_imports,
        dead_code,
        reason = "these rooms are private; our command, tests and benchmarks open them by the feature `internals`"
    )
)]

pub mod audit;
pub mod consent;
pub mod dp;
pub mod policy;
pub mod tags;

#[cfg(not(feature = "internals"))]
mod blind_token;
#[cfg(feature = "internals")]
#[doc(hidden)]
pub mod blind_token;
#[cfg(not(feature = "internals"))]
mod deidentify;
#[cfg(feature = "internals")]
#[doc(hidden)]
pub mod deidentify;
#[cfg(not(feature = "internals"))]
mod engine;
#[cfg(feature = "internals")]
#[doc(hidden)]
pub mod engine;
#[cfg(not(feature = "internals"))]
mod keys;
#[cfg(feature = "internals")]
#[doc(hidden)]
pub mod keys;
#[cfg(not(feature = "internals"))]
mod ledger;
#[cfg(feature = "internals")]
#[doc(hidden)]
pub mod ledger;
#[cfg(not(feature = "internals"))]
mod operator;
#[cfg(feature = "internals")]
#[doc(hidden)]
pub mod operator;
#[cfg(not(feature = "internals"))]
mod oprf;
#[cfg(feature = "internals")]
#[doc(hidden)]
pub mod oprf;
#[cfg(not(feature = "internals"))]
mod query;
#[cfg(feature = "internals")]
#[doc(hidden)]
pub mod query;
#[cfg(not(feature = "internals"))]
mod register;
#[cfg(feature = "internals")]
#[doc(hidden)]
pub mod register;
#[cfg(not(feature = "internals"))]
mod release;
#[cfg(feature = "internals")]
#[doc(hidden)]
pub mod release;
#[cfg(not(feature = "internals"))]
mod report;
#[cfg(feature = "internals")]
#[doc(hidden)]
pub mod report;
#[cfg(not(feature = "internals"))]
mod storage;
#[cfg(feature = "internals")]
#[doc(hidden)]
pub mod storage;
#[cfg(not(feature = "internals"))]
mod types;
#[cfg(feature = "internals")]
#[doc(hidden)]
pub mod types;

pub use consent::ConsentStatus;
pub use engine::{Input, Reading, Sources};
pub use keys::{AuditorKey, AuditorPublicKey, KeyProvider, RootKey};
pub use operator::{
    Analyst, Answer, Approval, ErrorKind, Keys, NamedKey, Operator, OperatorError, OperatorOptions,
    PoolTerms, Reader, SealTerms, Sealed, Setup, Status, StudySource,
};
pub use policy::{Reason, Regime, Study};
pub use query::{Forecast, Query};
pub use register::Event;
pub use release::Released;
pub use types::{
    AsOf, CancelToken, Clock, DatasetName, Days, EpochId, HandlerId, MaxAge, NanoEpsilon, NanoRho, Ratio,
    RecipientId, Secret, Sha256, StudyId, SystemClock, Timestamp,
};

/// What a seal and an import read, how, and what they say about the files.
pub mod input {
    pub use crate::engine::{
        EngineError, FileReport, IngestReport, MaxBadRows, MemoryBudget, Progress, ReadError,
    };
    pub use crate::types::{AmountFormat, CsvDialect, Denomination, TextEncoding, Zone};
}

/// Types that public signatures mention and that callers seldom have to name.
#[doc(hidden)]
pub mod mentioned {
    pub use crate::blind_token::{Counted, Counting, FormatFault, NamespaceTokens, Section};
    pub use crate::deidentify::{
        Form, IdForms, InvalidTokenKey, Risk, Sharing, Span, TagRisk, Tokens, Treatment,
    };
    pub use crate::engine::cluster::{ClusterError, Refusal};
    pub use crate::engine::read::ingest_report::InvalidPercentage;
    pub use crate::engine::read::{CsvFault, FolderFault, JsonFault, Record, RecordPlace, RecordedFile};
    pub use crate::engine::{
        Elsewhere, FileColumn, Imported, InputRecords, Instants, InvalidMemory, RowPlace, columns,
    };
    pub use crate::keys::{Keyring, RootNumber, SealError, SigningKey};
    pub use crate::ledger::{LogHead, PoolKind, State as ChargeState, StoreFault};
    pub use crate::operator::{
        Cause, Given, GivenMetrics, InputUse, MetricRow, MetricsOfGiven, PersonEpoch, RegisterCheck,
        ResolvedEpoch, Retired, View,
    };
    pub use crate::query::{
        ColumnForecast, PartForecast, PartKind, Possible, Probability, QueryPlace, Selected, TagName, Width,
        WidthUnit,
    };
    pub use crate::register::{
        Batches, EventFault, EventTerms, Group, Held, JsonEventError, Namespaces, RegisterFault, Snapshot,
        State as RegisterState, Statement, Tombstones, Visitor, Walk,
    };
    pub use crate::release::{OutputColumn, PartUse};
    pub use crate::storage::{Blocks, WriterLock};
    pub use crate::types::amount::InvalidAmount;
    pub use crate::types::codec::CodecError;
    pub use crate::types::digest::InvalidSha256;
    pub use crate::types::json::JsonError;
    pub use crate::types::name::InvalidName;
    pub use crate::types::time::InvalidTime;
    pub use crate::types::zone::InvalidZone;
    pub use crate::types::{AmountFault, Integers, Separator, Spelled, Thousands, TimeFault};
}

/// What a query is built of, what its forecast and its answer say, metrics, and all of it as JSON and CSV.
pub mod answer {
    pub use crate::operator::{
        MeasureView, MetricAnswer, Metrics, MetricsForecast, Remaining, TagView, Vocabulary,
    };
    pub use crate::query::metric::Estimate;
    pub use crate::query::{Comparison, Cost, Filter, Having, Item, Order, Problem, QueryError, tag};
    pub use crate::release::{BudgetView, Cell, NoisySelection, Part, ReleaseError, Row};
    pub use crate::report::refusal_json;
    pub use crate::types::Decimal;
}

/// What an operator and an auditor do with a sandbox besides asking: its parts, its states, and what verification finds.
pub mod sandbox {
    pub use crate::keys::KeyError;
    pub use crate::ledger::{LedgerError, Pool, Record as ChargeRecord, Renewal, Totals};
    pub use crate::operator::{
        Act, Action, Adoption, Anchoring, Consents, EpochStatus, Erased, Health, NewRoot, Obstacle,
        PersonView, Renewed, Replay, Role, RootRotated, Rotated, Verification, VerifyTerms, check_regime,
        check_sandbox, check_study, show_log, studies_in_force, verify_log, verify_sandbox,
    };
    pub use crate::register::{EventError, NewRequest, RegisterError, Request, RequestKind};
    pub use crate::release::JoinDiagnostics;
    pub use crate::storage::{AnchorFile, Folder, LockError, Storage, StorageError};
}

/// De-identifying at a platform, before anything is handed over: blind tokens, which need the keys of both platforms, and tokens under a
/// key that they share.
pub mod tokens {
    pub use crate::blind_token::{
        BlindTokenError, BlindTokens, CheckedRequest, Evaluated, EvaluatedSession, EvaluationBook,
        EvaluationTotals, FilePlace, Parties, Request, Requested, SessionId, Work, unblind,
    };
    pub use crate::deidentify::{TokenKey, TokenKeyId, TokenPublicKey};
    pub use crate::engine::read::BlindSession;
    pub use crate::engine::{RequestIds, TokenSource, TokeniseError, TokeniseTerms, request_ids, tokenise};
    pub use crate::keys::BlindTokenKey;
}

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
