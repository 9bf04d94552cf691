//! Tables in memory, written as files of several row groups.

use std::fs::File;
use std::path::Path;

use parquet::arrow::ArrowWriter;
use parquet::file::properties::WriterProperties;

use crate::engine::{Input, Sources};

/// The same tables as Parquet files whose row groups have so many rows.
pub(crate) fn in_row_groups(tables: Sources, place: &Path, rows: usize) -> Sources {
    let store = |number: usize, input| {
        let Input::Reader(name, reader) = input else { panic!("the tables are in memory") };
        let path = place.join(format!("{name}-{number}.parquet"));
        let few = WriterProperties::builder().set_max_row_group_row_count(Some(rows)).build();
        let file = File::create(&path).unwrap();
        let mut writer = ArrowWriter::try_new(file, reader.schema(), Some(few)).unwrap();
        reader.for_each(|batch| writer.write(&batch.unwrap()).unwrap());
        writer.close().unwrap();
        Input::Path(path)
    };
    let mut numbers = 0..;
    let mut store = |input| store(numbers.next().unwrap(), input);
    Sources {
        data: tables.data.into_iter().map(|(name, input)| (name, store(input))).collect(),
        consents: tables.consents.into_iter().map(store).collect(),
    }
}
