//! One time is one instant, whichever format and type of column holds it: timestamps of every unit, dates, INT96, text.

use std::fs::File;
use std::sync::Arc;

use arrow_array::{
    ArrayRef, Date32Array, Date64Array, StringArray, TimestampMicrosecondArray, TimestampMillisecondArray,
    TimestampNanosecondArray, TimestampSecondArray,
};
use parquet::data_type::{Int96, Int96Type};
use parquet::file::writer::SerializedFileWriter;
use parquet::schema::parser::parse_message_type;
use proptest::prelude::*;

use super::{Cell, Column, Input, Use, Wanted, open};
use crate::types::{Timestamp, Zone};

const DAY: i64 = 86_400;

/// The instants of a column; nothing for what is none.
fn read(array: &ArrayRef, zone: Option<&Zone>) -> Vec<Option<i64>> {
    let column = Column::times("f", "at", array, zone).unwrap();
    let instant = |row| match column.time(row, zone) {
        Cell::Value(at) => Some(at),
        Cell::Null | Cell::Unreadable => None,
    };
    (0..array.len()).map(instant).collect()
}

/// A clock's time as text: `2026-10-01T08:00:00`, with these signs between.
fn spelled(local: i64, between: char, date: char) -> String {
    let text = Timestamp::from_seconds(local).to_string();
    let text = text.trim_end_matches('Z').replace('T', &between.to_string());
    let (day, clock) = text.split_at(10);
    format!("{}{clock}", day.replace('-', &date.to_string()))
}

/// A column of every unit that can hold it, with a part of a second that counts for nothing.
fn units(seconds: i64, part: i64) -> Vec<(&'static str, ArrayRef, ArrayRef)> {
    macro_rules! of {
        ($name:literal, $array:ty, $per:literal) => {{
            let array = <$array>::from(vec![seconds * $per + part * $per / 1_000]);
            let (local, zoned) = (array.clone(), array.with_timezone("+05:30"));
            ($name, Arc::new(local) as ArrayRef, Arc::new(zoned) as ArrayRef)
        }};
    }
    let mut all = vec![
        of!("s", TimestampSecondArray, 1),
        of!("ms", TimestampMillisecondArray, 1_000),
        of!("us", TimestampMicrosecondArray, 1_000_000),
    ];
    if seconds.abs() < 9_000_000_000 {
        all.push(of!("ns", TimestampNanosecondArray, 1_000_000_000));
    }
    all
}

fn zones() -> impl Strategy<Value = Zone> {
    let names = ["Asia/Shanghai", "Europe/Berlin", "America/Sao_Paulo", "Asia/Kathmandu", "UTC", "-09:30"];
    proptest::sample::select(names.to_vec()).prop_map(|name| Zone::parse(name).unwrap())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_000))]

    #[test]
    fn a_time_is_the_same_in_every_column(
        local in prop_oneof![-2_000_000_000..7_000_000_000i64, 253_000_000_000..253_402_300_799i64],
        part in 0..1_000i64,
        zone in zones(),
    ) {
        let expected = vec![zone.instant(local)];
        for (unit, of_clock, of_instant) in units(local, part) {
            prop_assert_eq!(read(&of_clock, Some(&zone)), expected.clone(), "{} without zone", unit);
            // An instant is one, whatever zone is declared for others.
            prop_assert_eq!(read(&of_instant, Some(&zone)), vec![Some(local)], "{} with zone", unit);
            prop_assert_eq!(read(&of_instant, None), vec![Some(local)], "{} with zone", unit);
            prop_assert!(Column::times("f", "at", &of_clock, None).is_err(), "{} without zone is refused", unit);
        }
        for text in [spelled(local, 'T', '-'), spelled(local, ' ', '-'), spelled(local, ' ', '/'), format!("{}.{part:03}", spelled(local, 'T', '-'))] {
            let column: ArrayRef = Arc::new(StringArray::from(vec![text.clone()]));
            prop_assert_eq!(read(&column, Some(&zone)), expected.clone(), "{}", text);
            let zoned: ArrayRef = Arc::new(StringArray::from(vec![format!("{text}Z"), format!("{text}+00:00")]));
            prop_assert_eq!(read(&zoned, Some(&zone)), vec![Some(local); 2], "{}", text);
        }
        // Days.
        let day = local.div_euclid(DAY);
        let expected = vec![zone.start_of_day(day * DAY)];
        let dates: [ArrayRef; 3] = [
            Arc::new(Date32Array::from(vec![i32::try_from(day).unwrap()])),
            Arc::new(Date64Array::from(vec![day * DAY * 1_000])),
            Arc::new(StringArray::from(vec![spelled(day * DAY, 'T', '-').split_at(10).0])),
        ];
        for date in dates {
            prop_assert_eq!(read(&date, Some(&zone)), expected.clone(), "{}", date.data_type());
        }
    }
}

/// A Parquet file with a column of INT96, as Spark and Impala write it, read as a seal reads it.
fn int96(times: &[i64]) -> ArrayRef {
    const JULIAN_1970: i64 = 2_440_588;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("spark.parquet");
    let schema = Arc::new(parse_message_type("message spark { OPTIONAL INT96 at; }").unwrap());
    let mut file =
        SerializedFileWriter::new(File::create(&path).unwrap(), schema, Default::default()).unwrap();
    let mut group = file.next_row_group().unwrap();
    let mut column = group.next_column().unwrap().unwrap();
    let value = |at: &i64| {
        let nanos = (at.rem_euclid(DAY) * 1_000_000_000 + 999_999_999).cast_unsigned();
        let mut value = Int96::new();
        let day = u32::try_from(at.div_euclid(DAY) + JULIAN_1970).unwrap();
        value.set_data(u32::try_from(nanos & 0xffff_ffff).unwrap(), u32::try_from(nanos >> 32).unwrap(), day);
        value
    };
    let values: Vec<Int96> = times.iter().map(value).collect();
    let levels = vec![1; times.len()];
    column.typed::<Int96Type>().write_batch(&values, Some(&levels), None).unwrap();
    column.close().unwrap();
    group.close().unwrap();
    file.close().unwrap();
    let mut table = open(Input::Path(path), &[Wanted { column: "at", used: Use::Required }]).unwrap();
    Arc::clone(table.next_batch().unwrap().unwrap().column(0))
}

#[test]
fn int96_is_the_time_that_the_same_text_is() {
    let texts = [
        "1900-01-01T00:00:00",
        "1969-12-31T23:59:59",
        "1970-01-01T00:00:00",
        "2026-03-29T02:30:00",
        "2026-10-25T02:30:00",
        "2026-10-01T08:00:00",
        "2262-04-12T00:00:00",
        "9999-12-31T00:00:00",
        "9999-12-31T23:59:59",
    ];
    let times: Vec<i64> =
        texts.iter().map(|text| Timestamp::parse(&format!("{text}Z")).unwrap().seconds()).collect();
    let column = int96(&times);
    let words: ArrayRef = Arc::new(StringArray::from(texts.to_vec()));
    for zone in ["UTC", "Asia/Shanghai", "Europe/Berlin"] {
        let zone = Zone::parse(zone).unwrap();
        let read = read(&column, Some(&zone));
        assert_eq!(read, self::read(&words, Some(&zone)), "{}", zone.name());
        let missing = read.iter().filter(|at| at.is_none()).count();
        assert_eq!(
            missing,
            if zone.name() == "Europe/Berlin" { 2 } else { 0 },
            "clocks are turned in Berlin"
        );
    }
    assert!(Column::times("f", "at", &column, None).is_err(), "a time without zone is refused");
}

/// Where other programs write that there is no end, every format says an instant that no consent ends before.
#[test]
fn an_end_of_time_is_one_in_every_format() {
    let day = Timestamp::parse("9999-12-31").unwrap().seconds();
    for zone in ["UTC", "Asia/Shanghai", "-12:00", "Pacific/Kiritimati"] {
        let zone = Zone::parse(zone).unwrap();
        let mut columns: Vec<ArrayRef> = vec![
            Arc::new(StringArray::from(vec![
                "9999-12-31",
                "9999/12/31",
                "9999-12-31T23:59:59",
                "9999-12-31 00:00:00",
                "9999-12-31T00:00:00Z",
                "9999-12-31T23:59:59.999-12:00",
                "9999-12-31T00:00:00+14:00",
            ])),
            Arc::new(Date32Array::from(vec![i32::try_from(day / DAY).unwrap()])),
            Arc::new(Date64Array::from(vec![day * 1_000])),
            int96(&[day, day + DAY - 1]),
        ];
        columns.extend(units(day, 999).into_iter().flat_map(|(_, local, zoned)| [local, zoned]));
        for column in columns {
            for at in read(&column, Some(&zone)) {
                assert!(
                    at >= Some(Timestamp::FAR.seconds()),
                    "{} in {}: {at:?}",
                    column.data_type(),
                    zone.name()
                );
            }
        }
    }
}

/// Clocks in São Paulo went from 00:00 to 01:00 on 2018-11-04.
#[test]
fn a_day_without_a_midnight_starts_alike_in_every_format() {
    let zone = Zone::parse("America/Sao_Paulo").unwrap();
    let first = Timestamp::parse("2018-11-04T03:00:00Z").unwrap().seconds();
    let day = first.div_euclid(DAY);
    let columns: [ArrayRef; 3] = [
        Arc::new(Date32Array::from(vec![i32::try_from(day).unwrap()])),
        Arc::new(Date64Array::from(vec![day * DAY * 1_000])),
        Arc::new(StringArray::from(vec!["2018-11-04"])),
    ];
    for column in columns {
        assert_eq!(read(&column, Some(&zone)), [Some(first)], "{}", column.data_type());
    }
}
