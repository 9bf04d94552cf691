//! What SET and SHOW know of one connection. Nothing of it is seen by another.

use std::collections::BTreeMap;
use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use crate::catalogue::SERVER_VERSION;

/// The price of every private query that says none of its own: what stands in `WITH ( )`.
const PRICE: &str = "hushtag.price";
/// The epoch that answers.
const EPOCH: &str = "hushtag.epoch";
const TIMEOUT: &str = "statement_timeout";

/// The most settings that a connection keeps, and how long each may be.
const MOST: usize = 64;
const LONGEST: usize = 256;

/// Settings that SHOW knows before any SET.
const DEFAULTS: [(&str, &str); 22] = [
    ("application_name", ""),
    ("bytea_output", "hex"),
    ("client_encoding", "UTF8"),
    ("datestyle", "ISO, MDY"),
    ("default_transaction_isolation", "read committed"),
    ("default_transaction_read_only", "on"),
    ("extra_float_digits", "1"),
    (EPOCH, ""),
    (PRICE, ""),
    ("integer_datetimes", "on"),
    ("intervalstyle", "postgres"),
    ("is_superuser", "off"),
    ("lc_collate", "C"),
    ("max_identifier_length", "63"),
    ("search_path", "public"),
    ("server_encoding", "UTF8"),
    ("server_version", SERVER_VERSION),
    ("server_version_num", "160006"),
    ("standard_conforming_strings", "on"),
    (TIMEOUT, "0"),
    ("timezone", "UTC"),
    ("transaction_isolation", "read committed"),
];

/// The settings of one connection.
#[derive(Debug)]
pub(super) struct Session {
    limit: Duration,
    values: Mutex<BTreeMap<String, String>>,
}

impl Session {
    pub(super) fn new(limit: Duration) -> Self {
        Self { limit, values: Mutex::default() }
    }

    /// Takes the settings that came with the login, `options` among them.
    pub(super) fn start(&self, metadata: &HashMap<String, String>) {
        for (name, value) in metadata {
            if !["user", "database", "options"].contains(&name.as_str()) {
                self.set(name, value);
            }
        }
        let options = metadata.get("options").map_or("", String::as_str);
        for option in options.split_whitespace().filter(|option| *option != "-c") {
            if let Some((name, value)) =
                option.trim_start_matches("-c").trim_start_matches("--").split_once('=')
            {
                self.set(name, value);
            }
        }
    }

    /// Sets a value; `false` where there are too many or one is too long.
    pub(super) fn set(&self, name: &str, value: &str) -> bool {
        let name = plain(name);
        let mut values = self.values.lock().unwrap_or_else(PoisonError::into_inner);
        let fits = name.len() <= LONGEST
            && value.len() <= LONGEST
            && (values.len() < MOST || values.contains_key(&name));
        if fits {
            values.insert(name, value.to_owned());
        }
        fits
    }

    /// Puts one setting back, or all.
    pub(super) fn reset(&self, name: Option<&str>) {
        let mut values = self.values.lock().unwrap_or_else(PoisonError::into_inner);
        match name {
            Some(name) => {
                values.remove(&plain(name));
            }
            None => values.clear(),
        }
    }

    /// The value of a setting, if there is one of that name.
    pub(super) fn get(&self, name: &str) -> Option<String> {
        let name = plain(name);
        let values = self.values.lock().unwrap_or_else(PoisonError::into_inner);
        let default =
            || DEFAULTS.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned());
        values.get(&name).cloned().or_else(default)
    }

    /// What private queries may cost, unless a statement says it.
    pub(super) fn price(&self) -> String {
        self.get(PRICE).unwrap_or_default()
    }

    /// The epoch that answers, if one was set.
    pub(super) fn epoch(&self) -> Option<String> {
        self.get(EPOCH).filter(|epoch| !epoch.is_empty())
    }

    /// How long a statement may run: what was set, and never longer than the service allows.
    pub(super) fn limit(&self) -> Duration {
        let wanted = self.get(TIMEOUT).and_then(|text| duration(&text)).filter(|wanted| !wanted.is_zero());
        wanted.map_or(self.limit, |wanted| wanted.min(self.limit))
    }
}

/// `TimeZone`, `TIME ZONE` and `time zone` are one setting.
fn plain(name: &str) -> String {
    let name = name.trim().trim_matches('"').to_ascii_lowercase();
    match name.as_str() {
        "time zone" => "timezone".to_owned(),
        "transaction isolation level" => "transaction_isolation".to_owned(),
        _ => name,
    }
}

/// `200`, `200ms`, `2s`, `1min`.
fn duration(text: &str) -> Option<Duration> {
    let digits = text.trim().trim_end_matches(|letter: char| letter.is_ascii_alphabetic() || letter == ' ');
    let unit = text.trim().get(digits.len()..)?.trim();
    let number: u64 = digits.parse().ok()?;
    match unit {
        "" | "ms" => Some(Duration::from_millis(number)),
        "s" => Some(Duration::from_secs(number)),
        "min" => Some(Duration::from_secs(number.checked_mul(60)?)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_are_kept_within_bounds() {
        let session = Session::new(Duration::from_secs(60));
        assert_eq!(session.get("TimeZone").as_deref(), Some("UTC"));
        assert!(session.set("hushtag.price", "error = 40") && session.price() == "error = 40");
        assert!(!session.set("x", &"y".repeat(257)));
        for number in 0..100 {
            session.set(&format!("s{number}"), "");
        }
        assert!(!session.set("one more", ""));
        assert!(session.set("hushtag.epoch", "e1") || session.epoch().is_none());
        session.reset(None);
        assert_eq!((session.price(), session.epoch()), (String::new(), None));
    }

    #[test]
    fn a_statement_may_have_less_time_and_never_more() {
        let session = Session::new(Duration::from_secs(60));
        for (text, limit) in
            [("200ms", 200), ("2s", 2_000), ("5", 5), ("0", 60_000), ("1h", 60_000), ("600s", 60_000)]
        {
            session.set("statement_timeout", text);
            assert_eq!(session.limit(), Duration::from_millis(limit), "{text}");
        }
    }
}
