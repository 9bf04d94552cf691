//! Numbers for monitoring, in the text format of OpenMetrics. None of them is about people.

use std::sync::atomic::AtomicU64;
use std::time::Duration;

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::Registry;

use crate::sandbox::Gauges;

/// What became of a query.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// A new answer was released and charged.
    New,
    /// The stored answer was given again.
    Stored,
    /// Policy or budget refused.
    Refused,
    /// It was outside the language, or failed.
    Failed,
}

impl Outcome {
    /// Its name.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::New => "new",
            Self::Stored => "stored",
            Self::Refused => "refused",
            Self::Failed => "failed",
        }
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Query {
    door: &'static str,
    outcome: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Rule {
    rule: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Door {
    door: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Scope {
    scope: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Epoch {
    epoch: String,
}

/// Every number that is counted.
pub struct Monitoring {
    registry: Registry,
    queries: Family<Query, Counter>,
    refusals: Family<Rule, Counter>,
    seconds: Family<Door, Histogram>,
    connections: Family<Door, Gauge>,
    budget_left: Family<Scope, Gauge<f64, AtomicU64>>,
    epoch_hours: Family<Epoch, Gauge>,
    log_size: Gauge,
}

fn seconds() -> Histogram {
    Histogram::new([0.001, 0.005, 0.025, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0, 60.0])
}

impl Default for Monitoring {
    fn default() -> Self {
        let mut registry = Registry::with_prefix("hushtag");
        let queries = Family::default();
        registry.register("queries", "Queries by door and outcome", queries.clone());
        let refusals = Family::default();
        registry.register("refusals", "Refusals by rule", refusals.clone());
        let durations = Family::new_with_constructor(seconds as fn() -> Histogram);
        registry.register(
            "query_seconds",
            "How long queries took, response slots included",
            durations.clone(),
        );
        let connections = Family::default();
        registry.register("connections", "Open connections", connections.clone());
        let budget_left = Family::default();
        registry.register(
            "budget_left_ratio",
            "What is left of a budget, as a share of it",
            budget_left.clone(),
        );
        let epoch_hours = Family::default();
        registry.register("epoch_hours_left", "Hours until an epoch stops answering", epoch_hours.clone());
        let log_size = Gauge::default();
        registry.register("log_entries", "Entries in the log", log_size.clone());
        Self {
            registry,
            queries,
            refusals,
            seconds: durations,
            connections,
            budget_left,
            epoch_hours,
            log_size,
        }
    }
}

impl Monitoring {
    /// One query at `door`.
    pub fn query(&self, door: &'static str, outcome: Outcome, took: Duration) {
        self.queries.get_or_create(&Query { door, outcome: outcome.as_str() }).inc();
        self.seconds.get_or_create(&Door { door }).observe(took.as_secs_f64());
    }

    /// One refusal under `rule`; rules are those of the regime, so there are few.
    pub fn refusal(&self, rule: &str) {
        self.refusals.get_or_create(&Rule { rule: rule.to_owned() }).inc();
    }

    /// A connection at `door`, counted until what is returned is dropped.
    #[must_use]
    pub fn connection(&self, door: &'static str) -> Connected {
        let gauge = self.connections.get_or_create(&Door { door }).clone();
        gauge.inc();
        Connected(gauge)
    }

    /// The text of all numbers, with those of the sandbox as they are now.
    #[must_use]
    pub fn text(&self, gauges: &Gauges) -> String {
        for (scope, left) in &gauges.budget_left {
            self.budget_left.get_or_create(&Scope { scope: scope.clone() }).set(*left);
        }
        self.epoch_hours.clear();
        for (epoch, hours) in &gauges.epoch_hours {
            self.epoch_hours.get_or_create(&Epoch { epoch: epoch.clone() }).set(*hours);
        }
        self.log_size.set(i64::try_from(gauges.log_size).unwrap_or(i64::MAX));
        let mut text = String::new();
        // Writing to a string fails never.
        let _ = encode(&mut text, &self.registry);
        text
    }
}

/// A connection that is counted as open.
pub struct Connected(Gauge);

impl Drop for Connected {
    fn drop(&mut self) {
        self.0.dec();
    }
}
