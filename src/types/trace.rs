//! Spans and counters for a subscriber of `tracing`, with the feature of that name; without it, nothing.
//!
//! A span has a name of a closed list and no field. A counter has one field, `count`, of entries of a log, or of rows of a file as the ingest
//! report gives them. No value, id, text of a query, or number of people is ever a field: `tests/privacy/traces.rs` keeps the list.

/// Opens a span that lasts to the end of the block.
macro_rules! span {
    ($name:literal) => {
        #[cfg(feature = "tracing")]
        let _span = tracing::info_span!(target: "hushtag", $name).entered();
    };
}

/// States a count that is public.
macro_rules! counted {
    ($name:literal, $count:expr) => {
        #[cfg(not(feature = "tracing"))]
        let _ = $count;
        #[cfg(feature = "tracing")]
        tracing::event!(name: $name, target: "hushtag", tracing::Level::INFO, count = $count);
    };
}

pub(crate) use {counted, span};
