//! Asks for the datasets: whose files they are, and which of their columns are read.

use std::path::Path;

use arrow_schema::DataType;

use super::dialogue::{Dialogue, parsed, plain};
use super::draft::{Dataset, Draft, Field, Kind, quoted};
use crate::Failure;
use crate::lang::{chosen, text, word};
use hushtag::deidentify::direct_identifier;
use hushtag::engine::{FileColumn, columns};
use hushtag::policy::{Regime, Word, WordsOf};
use hushtag::types::money::MAX_SCALE;
use hushtag::types::{DatasetName, Denomination};

/// Types of fields.
const TYPES: [&str; 10] =
    ["amount", "time", "integer", "text", "flag", "person", "birth-year", "age", "drop", "skip"];

/// Kinds of datasets.
const KINDS: [&str; 3] = ["relation", "records", "people"];

/// The cut that is proposed.
const MAX_REACH: &str = "8";

/// Asks for datasets until there is one and no other is wanted.
pub(super) fn ask(dialogue: &mut Dialogue<'_>, draft: &mut Draft, regime: &Regime) -> Result<(), Failure> {
    dialogue.say(&text!("datasets.lead"));
    draft.ids = dialogue.ask(
        &text!("datasets.ids"),
        Some("phone"),
        parsed(|answer| DatasetName::new(answer).map(|name| name.to_string())),
    )?;
    dialogue.say(&text!("datasets.kinds"));
    dialogue.list(&explained("dataset_kind", &KINDS));
    dialogue.say(&text!("datasets.categories"));
    dialogue.list(&regime.words(WordsOf::Categories, chosen()));
    loop {
        let dataset = dataset(dialogue, draft, regime)?;
        draft.datasets.push(dataset);
        if !dialogue.yes(&text!("datasets.another"), draft.datasets.len() < 2)? {
            return Ok(());
        }
    }
}

fn dataset(dialogue: &mut Dialogue<'_>, draft: &Draft, regime: &Regime) -> Result<Dataset, Failure> {
    let name = dialogue.ask(&text!("datasets.name"), None, |answer| {
        let name = DatasetName::new(answer).map_err(|error| error.to_string())?.to_string();
        match draft.datasets.iter().any(|known| known.name == name) {
            true => Err(text!("datasets.name_taken")),
            false => Ok(name),
        }
    })?;
    let kind =
        match dialogue.pick(&text!("interactive.kind"), &explained("dataset_kind", &KINDS), None)?.as_str() {
            "relation" => Kind::Relation,
            "records" => Kind::Records,
            _ => Kind::People,
        };
    let handlers = plain(draft.handlers.iter().map(|handler| handler.id.as_str()));
    let handler = dialogue.choose(&text!("datasets.handler"), &handlers, None)?;
    let categories = regime.words(WordsOf::Categories, chosen());
    let category = dialogue.pick(&text!("datasets.category"), &categories, None)?;
    let (path, there) = file(dialogue)?;
    let mut left = there.clone();
    let owner = column(dialogue, &text!("datasets.owner"), &mut left)?;
    let target = match kind {
        Kind::Relation => {
            let target = column(dialogue, &text!("datasets.target"), &mut left)?;
            Some((target, reach(dialogue, &text!("datasets.reach"))?))
        }
        Kind::Records | Kind::People => None,
    };
    let fields = match kind {
        Kind::Relation => Vec::new(),
        Kind::Records | Kind::People => fields(dialogue, kind, left, there.is_empty())?,
    };
    Ok(Dataset { name, kind, handler, owner, target, category, fields, path })
}

/// A file, if one is named, and its columns.
fn file(dialogue: &mut Dialogue<'_>) -> Result<(Option<String>, Vec<FileColumn>), Failure> {
    dialogue.ask(&text!("datasets.file"), Some(""), |answer| match answer {
        "" => Ok((None, Vec::new())),
        path => {
            let columns = columns(Path::new(path)).map_err(|error| crate::exit::chain(&error))?;
            Ok((Some(path.to_owned()), columns))
        }
    })
}

/// Asks for a column and takes it out of those that are left.
fn column(
    dialogue: &mut Dialogue<'_>,
    question: &str,
    left: &mut Vec<FileColumn>,
) -> Result<String, Failure> {
    if left.is_empty() {
        return dialogue.text(question, None);
    }
    let words: Vec<Word> =
        left.iter().map(|one| Word { word: one.name.clone(), means: typed(one) }).collect();
    let chosen = dialogue.choose(question, &words, None)?;
    left.retain(|one| one.name != chosen);
    Ok(chosen)
}

fn typed(column: &FileColumn) -> String {
    column.kind.as_ref().map(ToString::to_string).unwrap_or_default()
}

fn reach(dialogue: &mut Dialogue<'_>, question: &str) -> Result<u32, Failure> {
    dialogue.say(&text!("datasets.reach_lead"));
    dialogue.ask(question, Some(MAX_REACH), |answer| match answer.parse() {
        Ok(reach @ 1..=1_000_000) => Ok(reach),
        _ => Err(text!("datasets.from_one")),
    })
}

/// The type of each column that is left; without a file, columns one by one.
fn fields(
    dialogue: &mut Dialogue<'_>,
    kind: Kind,
    left: Vec<FileColumn>,
    unseen: bool,
) -> Result<Vec<Field>, Failure> {
    let mut fields = Vec::new();
    dialogue.say(&text!("datasets.fields_lead"));
    dialogue.list(&explained("field_type", &TYPES));
    for one in left {
        let proposed = proposed(&one, kind);
        let question = text!("datasets.type_of", column = one.name);
        fields.extend(field(dialogue, &question, &one, Some(proposed))?);
    }
    let another = |dialogue: &mut Dialogue<'_>| {
        dialogue.ask(&text!("datasets.column"), Some(""), |answer| Ok(answer.to_owned()))
    };
    let mut name = if unseen { another(dialogue)? } else { String::new() };
    while !name.is_empty() {
        let question = text!("datasets.type_of", column = name);
        fields.extend(field(dialogue, &question, &FileColumn { name, kind: None }, None)?);
        name = another(dialogue)?;
    }
    Ok(fields)
}

fn field(
    dialogue: &mut Dialogue<'_>,
    question: &str,
    column: &FileColumn,
    proposed: Option<&str>,
) -> Result<Option<Field>, Failure> {
    let kind = dialogue.pick(question, &explained("field_type", &TYPES), proposed)?;
    let keys = match kind.as_str() {
        "skip" => return Ok(None),
        "person" => {
            vec![("max_reach", reach(dialogue, &text!("datasets.person_reach"))?.to_string())]
        }
        "amount" => money(dialogue, column)?,
        _ => Vec::new(),
    };
    Ok(Some(Field { column: column.name.clone(), kind, keys }))
}

/// How a column spells amounts, and what they are shown in. A column of integers holds minor units.
fn money(dialogue: &mut Dialogue<'_>, column: &FileColumn) -> Result<Vec<(&'static str, String)>, Failure> {
    let digits = match &column.kind {
        Some(kind) if kind.is_integer() => return Ok(Vec::new()),
        kind => kind.as_ref().map_or(0, decimal_digits),
    };
    let scale =
        dialogue.ask(&text!("datasets.scale"), Some(&digits.to_string()), |answer| match answer.parse() {
            Ok(scale @ 0..=MAX_SCALE) => Ok(scale),
            _ => Err(text!("datasets.up_to", most = MAX_SCALE)),
        })?;
    if scale == 0 {
        return Ok(Vec::new());
    }
    let mut keys = vec![("scale", scale.to_string())];
    if column.kind.as_ref().is_some_and(DataType::is_floating) {
        keys.push(("from_float", "true".to_owned()));
    }
    let unit =
        dialogue.ask(&text!("datasets.unit"), Some(""), |answer| match Denomination::new(answer, scale) {
            None if !answer.is_empty() => Err(text!("datasets.unit_form")),
            unit => Ok(unit),
        })?;
    keys.extend(unit.map(|unit| ("unit", quoted(unit.name()))));
    Ok(keys)
}

/// The digits behind the point of a decimal type; 0 for any other.
fn decimal_digits(kind: &DataType) -> u8 {
    let digits = match kind {
        DataType::Decimal32(_, scale)
        | DataType::Decimal64(_, scale)
        | DataType::Decimal128(_, scale)
        | DataType::Decimal256(_, scale) => u8::try_from(*scale).unwrap_or(0),
        _ => 0,
    };
    digits.min(MAX_SCALE)
}

/// The type that a column's name and type suggest.
fn proposed(column: &FileColumn, kind: Kind) -> &'static str {
    let name = column.name.to_lowercase();
    let has = |parts: &[&str]| parts.iter().any(|part| name.contains(part));
    if direct_identifier(&column.name).is_some() {
        return "drop";
    }
    match (&column.kind, kind) {
        (_, Kind::People) if has(&["birth"]) => "birth-year",
        (Some(DataType::Timestamp(..) | DataType::Date32 | DataType::Date64), _) => "time",
        (Some(DataType::Boolean), _) => "flag",
        (_, Kind::People) if name == "age" => "age",
        (None, _) if name == "at" || has(&["time", "date", "_at"]) => "time",
        (kind, _)
            if kind.as_ref().is_none_or(|kind| kind.is_integer() || decimal_digits(kind) > 0)
                && has(&["amount", "price", "fee", "paid", "spend", "fen", "total"]) =>
        {
            "amount"
        }
        (Some(kind), _) if kind.is_integer() => "integer",
        (_, Kind::People) => "text",
        _ => "skip",
    }
}

/// Words with what each means, from a section of the catalogue.
fn explained(section: &str, words: &[&str]) -> Vec<Word> {
    words.iter().map(|one| Word { word: (*one).to_owned(), means: word(section, one) }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use arrow_schema::TimeUnit;

    #[test]
    fn what_identifies_people_is_dropped_and_text_is_not_read_unasked() {
        let of = |name: &str, data: Option<DataType>, kind| {
            proposed(&FileColumn { name: name.into(), kind: data }, kind)
        };
        let csv = |name, kind| of(name, None, kind);
        assert_eq!(csv("phone", Kind::Records), "drop");
        assert_eq!(csv("amount", Kind::Records), "amount");
        assert_eq!(csv("paid_at", Kind::Records), "time");
        assert_eq!(csv("merchant", Kind::Records), "skip");
        assert_eq!(csv("region", Kind::People), "text");
        assert_eq!(csv("birth_year", Kind::People), "birth-year");
        assert_eq!(of("items", Some(DataType::Int32), Kind::Records), "integer");
        assert_eq!(of("amount", Some(DataType::Float64), Kind::Records), "skip", "floats are not exact");
        assert_eq!(of("amount", Some(DataType::Decimal128(10, 2)), Kind::Records), "amount");
        assert_eq!(of("x", Some(DataType::Timestamp(TimeUnit::Second, None)), Kind::Records), "time");
    }
}
