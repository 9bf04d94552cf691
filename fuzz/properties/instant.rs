//! A time as a file spells it: any bytes.

use hushtag::types::{TimeFault, Timestamp, Zone};
use jiff::civil::DateTime;

/// Nothing panics. What jiff reads as an instant is that instant here; a local time is one only by a declared zone, and then the
/// one that jiff makes of it; what is printed is read again.
/// Refused is what is no instant by clocks eight hours ahead of UTC.
pub(crate) fn check(data: &[u8]) -> Result<(), String> {
    let text = std::str::from_utf8(data).map_err(|_| "not UTF-8")?;
    let zone = Zone::parse("+08:00").map_err(|error| error.to_string())?;
    let (alone, here) = (Timestamp::read_in(text, None), Timestamp::read_in(text, Some(&zone)));
    if let Ok(instant) = text.trim().parse::<jiff::Timestamp>() {
        let seconds = i64::try_from(instant.as_nanosecond().div_euclid(1_000_000_000)).ok();
        assert_eq!(alone.ok().map(Timestamp::seconds), seconds, "another instant than jiff reads");
    }
    match alone {
        Ok(_) => assert_eq!(here, alone, "a declared zone changes an instant"),
        Err(TimeFault::NotOnce) => panic!("no clocks are turned without a zone"),
        Err(TimeFault::Unreadable) => assert!(here.is_err(), "a zone makes a time of what is none"),
        Err(TimeFault::NoOffset) => {
            let ahead = 8 * 3_600;
            let local = here.map(|at| at.seconds() + ahead);
            if let Ok(civil) = text.trim().parse::<DateTime>() {
                let instant =
                    civil.to_zoned(jiff::tz::TimeZone::UTC).map(|at| at.timestamp().as_nanosecond());
                let seconds = instant.ok().and_then(|at| i64::try_from(at.div_euclid(1_000_000_000)).ok());
                assert_eq!(local.ok(), seconds, "another local time than jiff reads");
            }
        }
    }
    if let Ok(at) = here
        && (-62_000_000_000..=Timestamp::LAST.seconds()).contains(&at.seconds())
    {
        assert_eq!(Timestamp::parse(&at.to_string()), Ok(at), "printed and read again");
        assert!(
            Timestamp::year_written(text).is_none_or(|year| year >= at.year()),
            "an earlier year than it has"
        );
    }
    here.map(drop).map_err(|fault| fault.as_str().to_owned())
}
