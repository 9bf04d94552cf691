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

read_as_text!(Zone, "^([A-Za-z][A-Za-z0-9_+/-]*|[+-][0-9]{2}:[0-9]{2})$");

#[cfg(test)]
mod tests {
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
}
