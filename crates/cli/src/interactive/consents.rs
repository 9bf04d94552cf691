//! Asks how the handlers' own consent table is read: `[consents]` of the study.

use std::path::Path;

use super::dialogue::{Dialogue, parsed};
use super::draft::{Consents, Draft, list, quoted};
use crate::Failure;
use crate::lang::{text, word};
use hushtag::consent::{COLUMNS, ColumnError, ConsentColumns, REQUIRED, StatementMapping};
use hushtag::engine::{FileColumn, columns};
use hushtag::policy::Word;
use hushtag::types::Zone;

/// The answer for a column that states nothing about a consent.
const IGNORE: &str = "ignore";

/// Events whose words in the file may be others.
const EVENTS: [&str; 2] = ["given", "withdrawn"];

/// Columns that a constant may state of every consent of the file. Those of lists take several words.
const CONSTANTS: [&str; 15] = [
    "trigger",
    "purpose",
    "recipient",
    "handler",
    "kind",
    "categories",
    "methods",
    "notice",
    "notice_version",
    "shown_at",
    "giver",
    "own_step",
    "pre_ticked",
    "bundle_size",
    "service_gate",
];

/// Asks for a file of consents and maps what differs from the consent table of the reference.
pub(super) fn ask(dialogue: &mut Dialogue<'_>, draft: &mut Draft) -> Result<(), Failure> {
    dialogue.say(&text!("mapping.lead"));
    let file = dialogue.ask(&text!("mapping.file"), Some(""), |answer| match answer {
        "" => Ok(None),
        path => {
            let columns = columns(Path::new(path)).map_err(|error| crate::exit::chain(&error))?;
            Ok(Some((path.to_owned(), columns)))
        }
    })?;
    let Some((path, there)) = file else { return Ok(()) };
    let mut consents = Consents { path, ..Consents::default() };
    let has = mapped(dialogue, &mut consents, &there)?;
    if !consents.columns.is_empty() || !consents.ignored.is_empty() {
        words(dialogue, &mut consents, &draft.purpose)?;
    }
    constants(dialogue, &mut consents, &has)?;
    consents.timezone = dialogue.ask(&text!("mapping.timezone"), Some(""), |answer| match answer {
        "" => Ok(None),
        zone => parsed(Zone::parse)(zone).map(|_| Some(zone.to_owned())),
    })?;
    draft.consents = Some(consents);
    Ok(())
}

/// Asks what each column of the file is that no consent table has; gives the columns of the consent table that the file has.
fn mapped(
    dialogue: &mut Dialogue<'_>,
    consents: &mut Consents,
    there: &[FileColumn],
) -> Result<Vec<&'static str>, Failure> {
    let mut has: Vec<&'static str> = Vec::new();
    let mut left = Vec::new();
    for (place, column) in there.iter().enumerate() {
        match ConsentColumns::default().column(place, &column.name) {
            Ok(known) => has.extend(known),
            Err(error) => left.push((&column.name, error)),
        }
    }
    if left.is_empty() {
        dialogue.say(&text!("mapping.all_known"));
        return complete(has);
    }
    let ignore = Word { word: IGNORE.into(), means: text!("mapping.ignore") };
    let columns = COLUMNS.into_iter().map(|column| Word { word: column.into(), means: String::new() });
    let known: Vec<Word> = columns.chain([ignore]).collect();
    dialogue.say(&text!("mapping.columns"));
    dialogue.list(&known);
    for (name, error) in left {
        let meant = match error {
            ColumnError::Unknown { meant, .. } => meant.filter(|meant| !has.contains(meant)),
            _ => None,
        };
        let question = text!("mapping.column", name);
        let chosen = dialogue.pick_if(&question, &known, meant, |chosen| {
            let pairs = consents.columns.iter().map(|(column, name)| (column.as_str(), name.as_str()));
            let ignored = consents.ignored.iter().map(String::as_str);
            if chosen == IGNORE {
                return ConsentColumns::new(pairs, ignored.chain([name.as_str()])).map(drop).map_err(in_text);
            }
            if has.contains(&chosen) {
                return Err(text!("mapping.twice", column = chosen));
            }
            ConsentColumns::new(pairs.chain([(chosen, name.as_str())]), ignored).map(drop).map_err(in_text)
        })?;
        match COLUMNS.into_iter().find(|column| *column == chosen) {
            Some(column) => {
                has.push(column);
                consents.columns.push((column.to_owned(), name.clone()));
            }
            None => consents.ignored.push(name.clone()),
        }
    }
    complete(has)
}

/// The columns, if an event can be read from them.
fn complete(has: Vec<&'static str>) -> Result<Vec<&'static str>, Failure> {
    let lacking = ["person", "at", "event"].into_iter().find(|column| !has.contains(column));
    lacking.map_or(Ok(has), |column| {
        Err(Failure::usage(text!("mapping.lacking", column), text!("mapping.lacking_fix")))
    })
}

/// Asks for the words of events and of the purpose.
fn words(dialogue: &mut Dialogue<'_>, consents: &mut Consents, purpose: &str) -> Result<(), Failure> {
    let mut known = StatementMapping::default();
    for event in EVENTS {
        let question = text!("mapping.events", means = word("event_means", event), event);
        let words = dialogue.ask(&question, Some(""), |answer| {
            let words: Vec<String> = separated(answer);
            let to = [("event".to_owned(), event.to_owned())];
            let mut mapping = known.clone();
            words.iter().try_for_each(|word| mapping.replace("event", word, &to)).map_err(in_text)?;
            Ok((words, mapping))
        })?;
        let (words, mapping) = words;
        known = mapping;
        consents.events.extend(words.into_iter().map(|word| (word, event.to_owned())));
    }
    let question = text!("mapping.purposes", purpose);
    let words = dialogue.ask(&question, Some(""), |answer| {
        let words = separated(answer);
        let to = [("purpose".to_owned(), purpose.to_owned())];
        let mut mapping = StatementMapping::default();
        words.iter().try_for_each(|word| mapping.replace("purpose", word, &to)).map_err(in_text)?;
        Ok(words)
    })?;
    consents.purposes = words.into_iter().map(|word| (word, purpose.to_owned())).collect();
    Ok(())
}

/// Asks for what the file does not have and all its consents share. Each is a statement of the handler, with evidence.
fn constants(
    dialogue: &mut Dialogue<'_>,
    consents: &mut Consents,
    has: &[&'static str],
) -> Result<(), Failure> {
    let lacking: Vec<_> = CONSTANTS.into_iter().filter(|column| !has.contains(column)).collect();
    if lacking.is_empty() {
        return Ok(());
    }
    dialogue.say(&text!("mapping.constants_lead"));
    for column in lacking {
        let is_required = REQUIRED.contains(&column);
        let means = word("constant", column);
        let question = match is_required {
            true => text!("mapping.constant", column, means),
            false => text!("mapping.optional_constant", column, means),
        };
        let words = dialogue.ask(&question, (!is_required).then_some(""), |answer| {
            let words = separated(answer);
            if words.is_empty() && !is_required {
                return Ok(words);
            }
            StatementMapping::default().state(column, words.clone()).map_err(in_text)?;
            Ok(words)
        })?;
        if !words.is_empty() {
            consents.constants.push((column.to_owned(), value(&words)));
        }
    }
    if !consents.constants.is_empty() {
        consents.evidence = Some(dialogue.text(&text!("mapping.evidence"), None)?);
    }
    Ok(())
}

/// Words between commas or bars.
fn separated(answer: &str) -> Vec<String> {
    let words = answer.split([',', '|']).map(str::trim).filter(|word| !word.is_empty());
    words.map(str::to_owned).collect()
}

/// Words as the value of a constant.
fn value(words: &[String]) -> String {
    match words {
        [word] if word == "true" || word == "false" => word.clone(),
        [word] if word.parse::<u32>().is_ok_and(|number| number.to_string() == *word) => word.clone(),
        [word] => quoted(word),
        words => list(words.iter().map(String::as_str)),
    }
}

fn in_text(error: impl std::error::Error) -> String {
    error.to_string()
}
