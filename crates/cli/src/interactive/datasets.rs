//! Asks for the datasets: whose files they are, and which of their columns are read.

use std::path::Path;

use arrow_schema::DataType;

use super::dialogue::{Dialogue, parsed, plain};
use super::draft::{Dataset, Draft, Field, Kind, quoted};
use crate::Failure;
use hushtag::deidentify::direct_identifier;
use hushtag::engine::{FileColumn, columns};
use hushtag::policy::{Lang, Regime, Word, WordsOf};
use hushtag::types::money::MAX_SCALE;
use hushtag::types::{DatasetName, Denomination};

/// Types of fields, with what a column of each holds.
const TYPES: [(&str, &str); 10] = [
    ("amount", "money: whole minor units, such as fen, or with digits behind the point"),
    ("time", "an instant"),
    ("integer", "a whole number"),
    ("text", "a word, for a closed list of values"),
    ("flag", "yes or no"),
    ("person", "the id of another person"),
    ("birth-year", "the year or date of birth (of people)"),
    ("age", "the age in whole years, at the as-of of each epoch (of people)"),
    ("drop", "a direct identifier: named, never read"),
    ("skip", "not declared, so never read"),
];

/// Kinds of datasets.
const KINDS: [(&str, &str); 3] = [
    ("relation", "the owner lists somebody: follows, friends, shares"),
    ("records", "what the owner did: payments, orders, visits"),
    ("people", "what the owner is: region, year of birth"),
];

/// The cut that is proposed.
const MAX_REACH: &str = "8";

/// Asks for datasets until there is one and no other is wanted.
pub(super) fn ask(dialogue: &mut Dialogue<'_>, draft: &mut Draft, regime: &Regime) -> Result<(), Failure> {
    dialogue.say(
        "\nThe data. Each dataset is a table of one handler: a `relation` (one row: the owner lists somebody), `records` (payments and\n\
         the like) or `people` (one row a person). Of a file only the names of its columns are read, never a value.",
    );
    draft.ids = dialogue.ask(
        "What the ids are, one word for all tables (for two kinds of ids see `links` in the reference)",
        Some("phone"),
        parsed(|answer| DatasetName::new(answer).map(|name| name.to_string())),
    )?;
    dialogue.say("Kinds of datasets:");
    dialogue.list(&explained(&KINDS));
    dialogue.say("Data categories, by which the law decides what is demanded:");
    dialogue.list(&regime.words(WordsOf::Categories, Lang::En));
    loop {
        let dataset = dataset(dialogue, draft, regime)?;
        draft.datasets.push(dataset);
        if !dialogue.yes("Another dataset", draft.datasets.len() < 2)? {
            return Ok(());
        }
    }
}

fn dataset(dialogue: &mut Dialogue<'_>, draft: &Draft, regime: &Regime) -> Result<Dataset, Failure> {
    let name = dialogue.ask("Its name", None, |answer| {
        let name = DatasetName::new(answer).map_err(|error| error.to_string())?.to_string();
        match draft.datasets.iter().any(|known| known.name == name) {
            true => Err("a dataset of this name is there already".to_owned()),
            false => Ok(name),
        }
    })?;
    let kind = match dialogue.pick("Its kind", &explained(&KINDS), None)?.as_str() {
        "relation" => Kind::Relation,
        "records" => Kind::Records,
        _ => Kind::People,
    };
    let handlers = plain(draft.handlers.iter().map(|handler| handler.id.as_str()));
    let handler = dialogue.choose("Whose table it is", &handlers, None)?;
    let category = dialogue.pick("Its data category", &regime.words(WordsOf::Categories, Lang::En), None)?;
    let (path, there) = file(dialogue)?;
    let mut left = there.clone();
    let owner = column(dialogue, "The column with the owner's id", &mut left)?;
    let target = match kind {
        Kind::Relation => {
            let target = column(dialogue, "The column with the id of the listed person", &mut left)?;
            Some((
                target,
                reach(dialogue, "On how many of each list the owner's rows may count (max_reach)")?,
            ))
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
    let question = "A file of it, to offer its columns (.csv with a header, .parquet, .arrow; empty: none)";
    dialogue.ask(question, Some(""), |answer| match answer {
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
    dialogue
        .say("  The fewer, the cheaper every answer about others: all that one person can move is counted.");
    dialogue.ask(question, Some(MAX_REACH), |answer| match answer.parse() {
        Ok(reach @ 1..=1_000_000) => Ok(reach),
        _ => Err("a whole number from 1 on is wanted".to_owned()),
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
    dialogue.say("Declare only what the purpose needs; a column that identifies people directly is a key or dropped. The types:");
    dialogue.list(&explained(&TYPES));
    for one in left {
        let proposed = proposed(&one, kind);
        let question = format!("The type of column `{}`", one.name);
        fields.extend(field(dialogue, &question, &one, Some(proposed))?);
    }
    let another = |dialogue: &mut Dialogue<'_>| {
        dialogue.ask("A column to read (empty: no more)", Some(""), |answer| Ok(answer.to_owned()))
    };
    let mut name = if unseen { another(dialogue)? } else { String::new() };
    while !name.is_empty() {
        let question = format!("The type of column `{name}`");
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
    let kind = dialogue.pick(question, &explained(&TYPES), proposed)?;
    let keys = match kind.as_str() {
        "skip" => return Ok(None),
        "person" => {
            let question = "On how many of these people the owner's rows may count (max_reach)";
            vec![("max_reach", reach(dialogue, question)?.to_string())]
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
    let question = "How many digits its amounts have behind the point (0: whole minor units)";
    let scale = dialogue.ask(question, Some(&digits.to_string()), |answer| match answer.parse() {
        Ok(scale @ 0..=MAX_SCALE) => Ok(scale),
        _ => Err(format!("a whole number up to {MAX_SCALE} is wanted")),
    })?;
    if scale == 0 {
        return Ok(Vec::new());
    }
    let mut keys = vec![("scale", scale.to_string())];
    if column.kind.as_ref().is_some_and(DataType::is_floating) {
        keys.push(("from_float", "true".to_owned()));
    }
    let question = "The unit that results are shown in, such as CNY (empty: minor units)";
    let unit = dialogue.ask(question, Some(""), |answer| match Denomination::new(answer, scale) {
        None if !answer.is_empty() => Err("1 to 16 characters without blanks are wanted".to_owned()),
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
    let says = |parts: &[&str]| parts.iter().any(|part| name.contains(part));
    if direct_identifier(&column.name).is_some() {
        return "drop";
    }
    match (&column.kind, kind) {
        (_, Kind::People) if says(&["birth"]) => "birth-year",
        (Some(DataType::Timestamp(..) | DataType::Date32 | DataType::Date64), _) => "time",
        (Some(DataType::Boolean), _) => "flag",
        (_, Kind::People) if name == "age" => "age",
        (None, _) if name == "at" || says(&["time", "date", "_at"]) => "time",
        (kind, _)
            if kind.as_ref().is_none_or(|kind| kind.is_integer() || decimal_digits(kind) > 0)
                && says(&["amount", "price", "fee", "paid", "spend", "fen", "total"]) =>
        {
            "amount"
        }
        (Some(kind), _) if kind.is_integer() => "integer",
        (_, Kind::People) => "text",
        _ => "skip",
    }
}

fn explained(words: &[(&str, &str)]) -> Vec<Word> {
    let word = |(word, means): &(&str, &str)| Word { word: (*word).to_owned(), means: (*means).to_owned() };
    words.iter().map(word).collect()
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
