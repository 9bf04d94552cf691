//! Asks for measures and tags: for each dataset those that are usual, with bands to accept or to write otherwise.

use super::dialogue::{Dialogue, parsed};
use super::draft::{Draft, Field, Kind, Section, list, quoted};
use crate::Failure;
use crate::lang::text;
use hushtag::tags::{Label, check_name};
use hushtag::types::Days;

/// The window that is proposed, and what is proposed as the largest sum and count of one person.
const WINDOW: &str = "90d";
const LARGEST_SUM: u64 = 500_000;
const LARGEST_COUNT: u64 = 100;

/// A tag over a measure, as it is proposed.
struct Proposal {
    measure: String,
    tag: String,
    bands: Vec<(&'static str, u64)>,
    absent: Option<&'static str>,
}

/// Asks for tags until there is one.
pub(super) fn ask(dialogue: &mut Dialogue<'_>, draft: &mut Draft) -> Result<(), Failure> {
    dialogue.say(&text!("tags.lead"));
    // Sums first: what others spend on average is a tag of a relation.
    for kind in [Kind::Records, Kind::Relation, Kind::People] {
        of_kind(dialogue, draft, kind)?;
    }
    if draft.tags.is_empty() {
        return Err(Failure::usage(text!("tags.none"), text!("tags.none_fix")));
    }
    Ok(())
}

fn of_kind(dialogue: &mut Dialogue<'_>, draft: &mut Draft, kind: Kind) -> Result<(), Failure> {
    for place in 0..draft.datasets.len() {
        let Some(dataset) = draft.datasets.get(place).filter(|dataset| dataset.kind == kind) else {
            continue;
        };
        let name = dataset.name.clone();
        let of = |kind: &str| -> Vec<String> {
            let fields = dataset.fields.iter().filter(|field| field.kind == kind);
            fields.map(|field| field.column.clone()).collect()
        };
        let (amounts, timed, words) = (of("amount"), !of("time").is_empty(), of("text"));
        match dataset.kind {
            Kind::Records => {
                if let Some(amount) = amounts.first() {
                    sum(dialogue, draft, &name, amount, timed)?;
                }
                count(dialogue, draft, &name, timed)?;
            }
            Kind::Relation => relation(dialogue, draft, &name)?,
            Kind::People => {
                for column in words {
                    values(dialogue, draft, &name, &column)?;
                }
            }
        }
    }
    Ok(())
}

/// A name that the query language allows and nothing has yet.
fn name(
    dialogue: &mut Dialogue<'_>,
    draft: &Draft,
    question: &str,
    proposed: &str,
) -> Result<String, Failure> {
    let taken = draft.taken();
    dialogue.ask(question, Some(proposed), |answer| {
        check_name("name", answer).map_err(|error| error.to_string())?;
        if taken.contains(answer) {
            return Err(text!("tags.name_taken"));
        }
        Ok(answer.to_owned())
    })
}

/// A dataset's or column's name as the beginning of a measure's.
fn stem(name: &str) -> String {
    let plain = |c: char| if c.is_ascii_alphanumeric() { c.to_ascii_lowercase() } else { '_' };
    let stem: String = name.chars().map(plain).collect();
    let stem = stem.trim_matches('_').to_owned();
    if stem.starts_with(|c: char| c.is_ascii_lowercase()) { stem } else { format!("m_{stem}") }
}

fn window(dialogue: &mut Dialogue<'_>, timed: bool) -> Result<Option<String>, Failure> {
    if !timed {
        dialogue.say(&text!("tags.no_time"));
        return Ok(None);
    }
    let read = parsed(|answer| Days::parse(answer).map(|days| days.to_string()));
    dialogue.ask(&text!("tags.window"), Some(WINDOW), read).map(Some)
}

fn largest(dialogue: &mut Dialogue<'_>, question: &str, proposed: u64) -> Result<u64, Failure> {
    dialogue.ask(question, Some(&proposed.to_string()), |answer| match answer.replace('_', "").parse() {
        Ok(bound @ 4..=4_000_000_000_000_000) => Ok(bound),
        _ => Err(text!("tags.from_four")),
    })
}

fn sum(
    dialogue: &mut Dialogue<'_>,
    draft: &mut Draft,
    dataset: &str,
    amount: &str,
    timed: bool,
) -> Result<(), Failure> {
    if !dialogue.yes(&text!("tags.sum", amount, dataset), true)? {
        return Ok(());
    }
    let measure =
        name(dialogue, draft, &text!("tags.measure_name"), &format!("{}_{}", stem(dataset), stem(amount)))?;
    let window = window(dialogue, timed)?;
    let most = largest(dialogue, &text!("tags.largest_sum"), LARGEST_SUM)?;
    let mut keys = vec![("from", quoted(dataset)), ("sum", quoted(amount))];
    keys.extend(window.map(|window| ("window", quoted(&window))));
    keys.push(("clamp", format!("[0, {most}]")));
    draft.measures.push(Section { name: measure.clone(), keys });
    draft.sums.push((measure.clone(), most));
    // Below any clamp that is asked for, the bounds rise.
    let bands = vec![("none", 0), ("low", 1), ("mid", (most / 10).max(2)), ("high", (most * 3 / 10).max(3))];
    let proposal = Proposal { tag: format!("{measure}_tier"), measure, bands, absent: None };
    let (tag, labels) = banded(dialogue, draft, proposal)?;
    if labels.iter().any(|label| label == "none") {
        payers(dialogue, draft, dataset, &tag)?;
    }
    Ok(())
}

/// The share of people that a band called `none` leaves.
fn payers(dialogue: &mut Dialogue<'_>, draft: &mut Draft, dataset: &str, tag: &str) -> Result<(), Failure> {
    if dialogue.yes(&text!("tags.share", tag), true)? {
        let some = format!("COUNT(*) WHERE {tag} <> 'none'");
        let keys = vec![
            ("ratio", list([some.as_str(), "COUNT(*)"])),
            ("unit", quoted(&text!("tags.share_unit"))),
            ("means", quoted(&text!("tags.share_means", dataset))),
        ];
        draft.metrics.push(Section { name: format!("share_{tag}"), keys });
    }
    Ok(())
}

fn count(dialogue: &mut Dialogue<'_>, draft: &mut Draft, dataset: &str, timed: bool) -> Result<(), Failure> {
    if !dialogue.yes(&text!("tags.count", dataset), true)? {
        return Ok(());
    }
    let measure = name(dialogue, draft, &text!("tags.measure_name"), &format!("{}_count", stem(dataset)))?;
    let window = window(dialogue, timed)?;
    let mut keys = vec![("from", quoted(dataset)), ("count", "true".to_owned())];
    keys.extend(window.map(|window| ("window", quoted(&window))));
    let most = largest(dialogue, &text!("tags.largest_count"), LARGEST_COUNT)?;
    keys.push(("clamp", format!("[0, {most}]")));
    draft.measures.push(Section { name: measure.clone(), keys });
    let bands = vec![("none", 0), ("few", 1), ("some", (most / 20).max(2)), ("many", (most / 5).max(3))];
    banded(dialogue, draft, Proposal { tag: format!("{measure}_tier"), measure, bands, absent: None })?;
    Ok(())
}

fn relation(dialogue: &mut Dialogue<'_>, draft: &mut Draft, dataset: &str) -> Result<(), Failure> {
    let over = |role: &str| vec![("over", quoted(dataset)), ("role", quoted(role))];
    let size = |role: &str| [over(role), vec![("size", "true".to_owned())]].concat();
    let mut proposals = vec![
        (text!("tags.list_size"), "own", size("own")),
        (text!("tags.audience_size"), "audience", size("audience")),
    ];
    let spent = draft.sums.first().cloned();
    if let Some((measure, _)) = &spent {
        let keys = [over("audience"), vec![("mean", quoted(measure))]].concat();
        proposals.push((text!("tags.audience_mean", measure), "mean", keys));
    }
    for (about, what, mut keys) in proposals {
        if !dialogue.yes(&about, true)? {
            continue;
        }
        let stem = stem(dataset);
        let (proposed, bands, absent) = match what {
            "own" => {
                let most = largest(dialogue, &text!("tags.longest_list"), LARGEST_COUNT)?;
                keys.push(("clamp", format!("[0, {most}]")));
                let bands = vec![
                    ("nobody", 0),
                    ("few", 1),
                    ("some", (most / 10).max(2)),
                    ("many", (most * 2 / 5).max(3)),
                ];
                (format!("{stem}_size"), bands, None)
            }
            "audience" => {
                (format!("{stem}_audience"), vec![("none", 0), ("few", 1), ("some", 4), ("many", 8)], None)
            }
            _ => {
                let most = spent.as_ref().map_or(LARGEST_SUM, |(_, most)| *most);
                let bands = vec![("low", 0), ("mid", (most / 5).max(1)), ("high", (most * 2 / 5).max(2))];
                (format!("{stem}_audience_mean"), bands, Some("nobody"))
            }
        };
        let measure = name(dialogue, draft, &text!("tags.measure_name"), &proposed)?;
        draft.measures.push(Section { name: measure.clone(), keys });
        banded(dialogue, draft, Proposal { tag: format!("{measure}_tier"), measure, bands, absent })?;
    }
    Ok(())
}

/// A tag over bands of a measure: those proposed, or those that are written. Gives the tag and its labels.
fn banded(
    dialogue: &mut Dialogue<'_>,
    draft: &mut Draft,
    proposal: Proposal,
) -> Result<(String, Vec<String>), Failure> {
    let tag = name(dialogue, draft, &text!("tags.tag_name"), &proposal.tag)?;
    let shown: Vec<String> = proposal.bands.iter().map(|(label, bound)| format!("{label}={bound}")).collect();
    let bands = dialogue.ask(&text!("tags.bands"), Some(&shown.join(" ")), bands_of)?;
    let keyed: Vec<String> =
        bands.iter().map(|(label, bound)| format!("{} = {bound}", super::draft::key(label))).collect();
    let mut keys =
        vec![("measure", quoted(&proposal.measure)), ("bands", format!("{{ {} }}", keyed.join(", ")))];
    if let Some(absent) = proposal.absent {
        dialogue.say(&text!("tags.absent", label = absent));
        keys.push(("absent", quoted(absent)));
    }
    draft.tags.push(Section { name: tag.clone(), keys });
    Ok((tag, bands.into_iter().map(|(label, _)| label).collect()))
}

fn bands_of(answer: &str) -> Result<Vec<(String, u64)>, String> {
    let words = answer.split([' ', ',']).filter(|word| !word.is_empty());
    let mut bands: Vec<(String, u64)> = Vec::new();
    for word in words {
        let wanted = || text!("tags.bands_form");
        let (label, bound) = word.split_once('=').ok_or_else(wanted)?;
        let bound = bound.replace('_', "").parse().map_err(|_| wanted())?;
        Label::new(label).map_err(|error| error.to_string())?;
        if bands.iter().any(|(known, known_bound)| known == label || *known_bound == bound) {
            return Err(text!("tags.band_twice", label));
        }
        bands.push((label.to_owned(), bound));
    }
    match bands.iter().any(|(_, bound)| *bound == 0) {
        true => Ok(bands),
        false => Err(text!("tags.from_zero")),
    }
}

/// A tag over a closed list of words, which the person has to know: they are never read from the file.
fn values(
    dialogue: &mut Dialogue<'_>,
    draft: &mut Draft,
    dataset: &str,
    column: &str,
) -> Result<(), Failure> {
    if !dialogue.yes(&text!("tags.values", column, dataset), true)? {
        return Ok(());
    }
    let tag = name(dialogue, draft, &text!("tags.tag_name"), &stem(column))?;
    let words = dialogue.ask(&text!("tags.words"), None, |answer| {
        let words = answer.split(',').map(str::trim).filter(|word| !word.is_empty());
        let words = words.map(|word| Label::new(word).map(|label| label.to_string()));
        let words: Vec<String> = words.collect::<Result<_, _>>().map_err(|error| error.to_string())?;
        let twice =
            words.iter().enumerate().any(|(at, word)| words.iter().take(at).any(|other| other == word));
        match (words.len(), twice) {
            (0, _) => Err(text!("tags.no_words")),
            (_, true) => Err(text!("tags.word_twice")),
            _ => Ok(words),
        }
    })?;
    let keys = vec![
        ("field", quoted(&format!("{dataset}.{column}"))),
        ("values", list(words.iter().map(String::as_str))),
    ];
    draft.tags.push(Section { name: tag, keys });
    Ok(())
}

/// Whether the people's ages are read from a field.
pub(super) fn age_field(draft: &Draft) -> Option<&Field> {
    let fields = draft.datasets.iter().flat_map(|dataset| &dataset.fields);
    fields.into_iter().find(|field| matches!(field.kind.as_str(), "age" | "age-band" | "birth-year"))
}
