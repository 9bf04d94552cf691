//! Time zones: names of the IANA database and fixed offsets, by which times without a UTC offset are read.

use super::read_as_text::read_as_text;
use jiff::SignedDuration;
use jiff::civil::DateTime;
use jiff::tz::{AmbiguousOffset, Offset, TimeZone, TimeZoneDatabase};

use super::Timestamp;

/// A time zone by which local times are read, such as `Asia/Shanghai` or `+08:00`.
///
/// Names are looked up in the copy of the IANA database that is compiled in, so that one file has one reading on every machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Zone {
    name: String,
    zone: TimeZone,
}

/// More than clocks are ahead or behind, and a change of them.
const TWO_DAYS: i64 = 2 * 86_400;

/// A text that names no time zone.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{given}` is not a time zone: use a name of the IANA database, such as Asia/Shanghai, or an offset such as +08:00"
)]
pub struct InvalidZone {
    given: String,
}

impl Zone {
    /// Coordinated universal time.
    #[must_use]
    pub fn utc() -> Self {
        Self { name: "UTC".to_owned(), zone: TimeZone::UTC }
    }

    /// Parses a name of the IANA database, in any case, or an offset `+hh:mm` or `-hh:mm` of less than a day.
    ///
    /// # Errors
    /// [`InvalidZone`] for anything else, abbreviations such as `CST` included: they mean several zones.
    pub fn parse(text: &str) -> Result<Self, InvalidZone> {
        let fixed =
            || super::instant::fixed_offset(text.as_bytes()).and_then(|ahead| i32::try_from(ahead).ok());
        let named = || {
            let zone = TimeZoneDatabase::bundled().get(text).ok().filter(|zone| !zone.is_unknown())?;
            let name = zone.iana_name().unwrap_or(text).to_owned();
            Some(Self { name, zone })
        };
        match fixed().and_then(|ahead| Offset::from_seconds(ahead).ok()) {
            Some(offset) => Ok(Self { name: text.to_owned(), zone: offset.to_time_zone() }),
            None => named().ok_or_else(|| InvalidZone { given: text.chars().take(80).collect() }),
        }
    }

    /// Its name, as the database spells it, or its offset.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The instant, in seconds since 1970 UTC, at which clocks of the zone show `local`, in seconds since 1970-01-01T00:00:00 on
    /// these clocks. A local time of the years 9000 and later has no end to mean and is kept.
    ///
    /// `None` for a local time that the clocks show twice or never (they are turned back or forward), and before year -9999.
    #[must_use]
    pub fn instant(&self, local: i64) -> Option<i64> {
        if local >= Timestamp::FAR.seconds() {
            return Some(local);
        }
        match self.zone.to_ambiguous_timestamp(civil(local)?).offset() {
            AmbiguousOffset::Unambiguous { offset } => Some(local - i64::from(offset.seconds())),
            AmbiguousOffset::Gap { .. } | AmbiguousOffset::Fold { .. } => None,
        }
    }

    /// By how many seconds clocks of the zone are ahead of UTC at all local times from `first` to `last`, both as in [`Zone::instant`];
    /// `None` where that is not one number, or not one that is quickly seen.
    #[must_use]
    pub fn offset_over(&self, first: i64, last: i64) -> Option<i64> {
        let offset = first.checked_sub(self.instant(first)?)?;
        let of_last = last.checked_sub(self.instant(last)?)?;
        if offset != of_last || last >= Timestamp::FAR.seconds() {
            return None;
        }
        if self.zone.to_fixed_offset().is_ok() {
            return Some(offset);
        }
        // Local times are ambiguous within a day of a change, so there must be none from the day before to the day after.
        let ends = [first.checked_sub(TWO_DAYS)?, last.checked_add(TWO_DAYS)?];
        let [from, to] = ends.map(|at| jiff::Timestamp::from_second(at).ok());
        let changes = self.zone.following(from?).next().map(|change| change.timestamp());
        changes.is_none_or(|change| Some(change) > to).then_some(offset)
    }

    /// The instant at which the day of the zone starts that holds `local`, both as in [`Zone::instant`]: its first second, where
    /// clocks are turned at midnight.
    #[must_use]
    pub fn start_of_day(&self, local: i64) -> Option<i64> {
        if local >= Timestamp::FAR.seconds() {
            return Some(local);
        }
        let midnight = civil(local)?.date().to_zoned(self.zone.clone()).ok()?;
        Some(midnight.timestamp().as_second())
    }

    /// What clocks of the zone show at an instant, as in [`Zone::instant`]; `None` outside the years -9999 to 9999.
    #[must_use]
    pub fn local(&self, instant: i64) -> Option<i64> {
        let at = jiff::Timestamp::from_second(instant).ok()?;
        instant.checked_add(i64::from(self.zone.to_offset(at).seconds()))
    }
}

/// The civil time that many seconds after the start of 1970.
pub(super) fn civil(local: i64) -> Option<DateTime> {
    DateTime::constant(1970, 1, 1, 0, 0, 0, 0).checked_add(SignedDuration::from_secs(local)).ok()
}

read_as_text!(Zone, parse, "^([A-Za-z][A-Za-z0-9_+/-]*|[+-][0-9]{2}:[0-9]{2})$");

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn local(text: &str) -> i64 {
        Timestamp::parse(&format!("{text}Z")).unwrap().seconds()
    }

    #[test]
    fn zones_are_names_or_offsets() {
        for (text, name) in [
            ("Asia/Shanghai", "Asia/Shanghai"),
            ("asia/shanghai", "Asia/Shanghai"),
            ("UTC", "UTC"),
            ("+08:00", "+08:00"),
            ("-03:30", "-03:30"),
        ] {
            assert_eq!(Zone::parse(text).unwrap().name(), name);
        }
        for bad in
            ["", "CST", "Beijing", "+8", "+25:00", "+08:60", "08:00", " Asia/Shanghai", "Etc/Unknown", "Z"]
        {
            assert!(Zone::parse(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_local_time_is_one_instant_or_none() {
        let shanghai = Zone::parse("Asia/Shanghai").unwrap();
        let noon = local("2026-10-01T12:00:00");
        assert_eq!(shanghai.instant(noon), Some(noon - 8 * 3_600));
        assert_eq!(Zone::parse("+08:00").unwrap().instant(noon), shanghai.instant(noon));
        assert_eq!(shanghai.local(noon - 8 * 3_600), Some(noon));
        let berlin = Zone::parse("Europe/Berlin").unwrap();
        // Clocks go from 02:00 to 03:00 on 2026-03-29, and from 03:00 back to 02:00 on 2026-10-25.
        for (text, found) in [
            ("2026-03-29T01:59:59", Some(3_600)),
            ("2026-03-29T02:00:00", None),
            ("2026-03-29T03:00:00", Some(7_200)),
            ("2026-10-25T01:59:59", Some(7_200)),
            ("2026-10-25T02:30:00", None),
            ("2026-10-25T03:00:00", Some(3_600)),
        ] {
            assert_eq!(berlin.instant(local(text)), found.map(|ahead| local(text) - ahead), "{text}");
        }
        assert_eq!(berlin.instant(i64::MIN), None);
        assert_eq!(berlin.instant(i64::MAX), Some(i64::MAX));
    }

    #[test]
    fn a_day_starts_at_its_first_second() {
        let shanghai = Zone::parse("Asia/Shanghai").unwrap();
        let noon = local("2026-10-01T12:00:00");
        assert_eq!(shanghai.start_of_day(noon), Some(local("2026-09-30T16:00:00")));
        // Clocks in São Paulo went from 00:00 to 01:00 on 2018-11-04.
        let paulo = Zone::parse("America/Sao_Paulo").unwrap();
        assert_eq!(paulo.start_of_day(local("2018-11-04T00:00:00")), Some(local("2018-11-04T03:00:00")));
    }

    proptest! {
        /// One offset for a span is what each local time of it says by itself; a change of clocks within it is never missed.
        #[test]
        fn an_offset_of_a_span_is_that_of_every_time_in_it(
            name in prop_oneof![
                Just("UTC"), Just("+08:00"), Just("Asia/Shanghai"), Just("Europe/Berlin"), Just("America/St_Johns"),
                Just("Pacific/Apia"), Just("Africa/Casablanca"), Just("Australia/Lord_Howe")
            ],
            first in prop_oneof![-3_000_000_000_i64..4_000_000_000, 1_310_000_000_i64..1_330_000_000, any::<i64>()],
            long in prop_oneof![0..100_000_i64, 0..40_000_000_i64],
            within in proptest::collection::vec(0.0..=1.0_f64, 20),
        ) {
            let (zone, last) = (Zone::parse(name).unwrap(), first.saturating_add(long));
            if let Some(offset) = zone.offset_over(first, last) {
                #[expect(clippy::cast_possible_truncation, clippy::cast_precision_loss, reason = "somewhere within")]
                let times = within.iter().map(|part| first + (long as f64 * part) as i64);
                for local in times.chain([first, last]).filter(|local| *local <= last) {
                    prop_assert_eq!(zone.instant(local), Some(local - offset));
                }
            }
        }
    }

    #[test]
    fn a_span_without_a_change_of_clocks_has_one_offset() {
        let shanghai = Zone::parse("Asia/Shanghai").unwrap();
        assert_eq!(
            shanghai.offset_over(local("2026-01-01T00:00:00"), local("2026-12-31T00:00:00")),
            Some(28_800)
        );
        assert_eq!(
            Zone::utc().offset_over(0, 1 << 40),
            None,
            "beyond the years 9000 an instant is kept as it is"
        );
        assert_eq!(Zone::utc().offset_over(-5, 1 << 35), Some(0));
        let berlin = Zone::parse("Europe/Berlin").unwrap();
        assert_eq!(
            berlin.offset_over(local("2026-01-01T00:00:00"), local("2026-03-01T00:00:00")),
            Some(3_600)
        );
        // The clocks are turned forward between, and forward and back.
        assert_eq!(berlin.offset_over(local("2026-01-01T00:00:00"), local("2026-06-01T00:00:00")), None);
        assert_eq!(berlin.offset_over(local("2026-01-01T00:00:00"), local("2026-12-01T00:00:00")), None);
    }
}
