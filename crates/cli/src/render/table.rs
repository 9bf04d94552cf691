//! What a person reads in a terminal.

use std::collections::BTreeMap;

use comfy_table::{CellAlignment, ContentArrangement, Table, presets};

use hushtag::dp::Accounting;
use hushtag::engine::{FileReport, IngestReport};
use hushtag::ledger::Pool;
use hushtag::operator::{AskedEpoch, Remaining, Status, Vocabulary};
use hushtag::query::{ColumnForecast, Forecast, Width, WidthUnit};
use hushtag::types::{Days, Decimal, Denomination};

/// The widest table: cells with sentences are wrapped, in a terminal and in a file alike.
const WIDTH: u16 = 120;

pub(crate) fn table(header: Vec<String>) -> Table {
    let mut table = Table::new();
    table.set_content_arrangement(ContentArrangement::Dynamic).set_width(WIDTH);
    table.load_style(presets::UTF8_BORDERS_ONLY).set_header(header);
    table
}

/// Units of a pool with a separator every three digits.
pub(crate) fn units(value: u128) -> String {
    i128::try_from(value).map_or_else(|_| value.to_string(), grouped)
}

/// An integer with a separator every three digits.
pub(crate) fn grouped(value: i128) -> String {
    let digits = value.unsigned_abs().to_string();
    let mut text = String::new();
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    if value < 0 { format!("-{text}") } else { text }
}

/// A decimal with a separator every three digits before the point.
pub(crate) fn decimal(value: Decimal) -> String {
    gapped(&value.to_string())
}

pub(crate) fn gapped(text: &str) -> String {
    let (whole, part) = text.split_once('.').unwrap_or((text, ""));
    let sign = if whole == "-0" { "-" } else { "" };
    let Ok(number) = whole.parse() else { return text.to_owned() };
    let whole = format!("{sign}{}", grouped(number));
    if part.is_empty() { whole } else { format!("{whole}.{part}") }
}

/// A number, in the major units that it is shown in, if it is an amount.
pub(crate) fn shown(value: Decimal, denomination: Option<&Denomination>) -> String {
    match denomination {
        None => decimal(value),
        Some(denomination) => gapped(&denomination.major(value)),
    }
}

/// The name of a column, with what its numbers are shown in.
pub(crate) fn titled(name: &str, denomination: Option<&Denomination>) -> String {
    denomination.map_or_else(|| name.to_owned(), |denomination| format!("{name} ({denomination})"))
}

/// An epsilon with three digits behind the point, rounded up.
pub(crate) fn short(units: u128, accounting: Accounting) -> String {
    let thousandths = accounting.epsilon(units).get().div_ceil(1_000_000);
    format!("{}.{:03}", thousandths / 1000, thousandths % 1000)
}

fn guarantee(accounting: Accounting) -> String {
    match accounting.delta() {
        None => "pure".to_owned(),
        Some(delta) => format!("at delta {delta} (such epsilons do not simply add up; the nano_rho do)"),
    }
}

pub(crate) fn right(table: &mut Table, first: usize) {
    for column in table.column_iter_mut().skip(first) {
        column.set_cell_alignment(CellAlignment::Right);
    }
}

/// A forecast.
#[must_use]
pub(crate) fn forecast_text(
    forecast: &Forecast,
    remaining: &Remaining,
    epoch: Option<&AskedEpoch>,
) -> String {
    let accounting = remaining.accounting;
    let mut table = table(["number", "half-width of every cell", "cost"].map(str::to_owned).to_vec());
    for part in &forecast.parts {
        let note = if part.hidden { " (for the minimum count)" } else { "" };
        table.add_row([
            format!("{}{note}", part.name),
            within(i128::from(part.half_width).into(), part.denomination.as_ref()),
            format!("{} {}", units(part.cost), accounting.unit()),
        ]);
    }
    right(&mut table, 1);
    let computed: String = forecast.computed.iter().map(widths).collect();
    let left = remaining.left();
    let such = left.checked_div(forecast.cost).unwrap_or(0);
    format!(
        "{table}\n{computed}costs epsilon {} {} ({} {}); {} cells; the question {}\n{}\n{}\n",
        short(forecast.cost, accounting),
        guarantee(accounting),
        units(forecast.cost),
        accounting.unit(),
        grouped(i128::try_from(forecast.cells).unwrap_or(i128::MAX)),
        forecast.reach_because,
        if such == 0 {
            "more than is left".to_owned()
        } else {
            format!(
                "{} such questions fit into what is left; {} {} would be left after this one; nothing was charged",
                units(such),
                units(left.saturating_sub(forecast.cost)),
                accounting.unit()
            )
        },
        asked_epoch_text(epoch)
    )
}

/// One line on the epoch that would be asked.
pub(crate) fn asked_epoch_text(epoch: Option<&AskedEpoch>) -> String {
    match epoch {
        None => "no epoch is sealed under the study".to_owned(),
        Some(AskedEpoch { id, answers_until, closed }) if closed.is_empty() => {
            format!("epoch {id} answers until {answers_until}")
        }
        Some(AskedEpoch { closed, .. }) => {
            let why: Vec<&str> = closed.iter().map(|reason| reason.because.as_str()).collect();
            format!("would be refused now: {}", why.join("; "))
        }
    }
}

/// The half-width of an interval.
fn within(half: Decimal, denomination: Option<&Denomination>) -> String {
    let unit = denomination.map(|denomination| format!(" {denomination}")).unwrap_or_default();
    format!("± {}{unit}", shown(half, denomination))
}

/// One line on a number whose width depends on the size of its cell.
fn widths(column: &ColumnForecast) -> String {
    let unit = match column.unit {
        WidthUnit::Value => "",
        WidthUnit::PercentOfPeople => " % of the people around the quantile",
    };
    let at = |width: &Width| match width.half_width {
        Some(half) => {
            let half = within(half, column.denomination.as_ref());
            format!("{half}{unit} at {}", grouped(width.people.into()))
        }
        None => format!("unknown at {}", grouped(width.people.into())),
    };
    let widths: Vec<String> = column.widths.iter().map(at).collect();
    format!("{}, by people in the cell: at most {}\n", column.name, widths.join("; "))
}

/// The budget of a sandbox.
#[must_use]
pub(crate) fn budget_text(status: &Status) -> String {
    let (accounting, totals) = (status.accounting, &status.totals);
    let mut table = table(["", "epsilon", accounting.unit()].map(str::to_owned).to_vec());
    let mut row = |name: &str, amount: u128| {
        table.add_row([name.to_owned(), short(amount, accounting), units(amount)]);
    };
    row("limit of the pool", status.pool.limit);
    row("spent", totals.pool);
    row("left", status.pool.limit.saturating_sub(totals.pool));
    row("spent ever", totals.lifetime);
    for (study, spent) in &totals.studies {
        row(&format!("  study {study}"), *spent);
    }
    for (recipient, spent) in &totals.recipients {
        row(&format!("  recipient {recipient}"), *spent);
    }
    right(&mut table, 1);
    let Pool { opened_at, window_days, .. } = &status.pool;
    let next = match window_days.and_then(Days::new) {
        Some(window) => format!("may be renewed from {} on", opened_at.saturating_add(window)),
        None => "is never renewed".to_owned(),
    };
    let opened = if totals.renewals == 0 { "made" } else { "renewed" };
    format!("{table}\nepsilon {}; the pool was {opened} at {opened_at} and {next}\n", guarantee(accounting))
}

/// The public state of a sandbox.
#[must_use]
pub(crate) fn status_text(status: &Status) -> String {
    let mut epochs = table(["epoch", "as of", "hours since seal", "answers"].map(str::to_owned).to_vec());
    let mut stops = String::new();
    for epoch in &status.epochs {
        let answers = match epoch.retired {
            Some(entry) => format!("no: retired, log entry {entry}"),
            None => match epoch.answers_until.values().max() {
                Some(until) if epoch.answers => format!("until {until}"),
                Some(until) => format!("no: until {until}"),
                None => "no: sealed under another text".to_owned(),
            },
        };
        let hours = epoch.hours_since_seal.to_string();
        epochs.add_row([epoch.id.to_string(), epoch.as_of.to_string(), hours, answers]);
        if let Some(seconds) = epoch.longest_to_stop().values().max().filter(|_| epoch.answers) {
            stops.push_str(&format!(
                "epoch {}: a withdrawal after {} acts at the next seal, and {} after it at the latest (PIPL 15, 47)\n",
                epoch.id,
                epoch.as_of,
                duration(*seconds)
            ));
        }
    }
    let recipients: Vec<String> =
        status.recipients.iter().map(|(recipient, study)| format!("{recipient} (study {study})")).collect();
    format!(
        "sandbox {}\nlog key {}\nlog entries {}, anchor {}\nrecipients: {}\n{epochs}\n{stops}{}",
        status.sandbox,
        status.vkey,
        status.log_size,
        if status.anchored { "in a file outside" } else { "none" },
        recipients.join(", "),
        budget_text(status)
    )
}

/// Seconds as days, hours and minutes; a part of a minute is a whole one.
fn duration(seconds: i64) -> String {
    let minutes = seconds.saturating_add(59).div_euclid(60);
    let parts = [(minutes / 1_440, "d"), (minutes / 60 % 24, "h"), (minutes % 60, "min")];
    let said: Vec<String> =
        parts.iter().filter(|(count, _)| *count > 0).map(|(count, unit)| format!("{count} {unit}")).collect();
    if said.is_empty() { "0 min".to_owned() } else { said.join(" ") }
}

/// What questions may name.
#[must_use]
pub(crate) fn vocabulary_text(vocabulary: &Vocabulary) -> String {
    let mut tags = table(["tag", "labels", "reach", "this tag"].map(str::to_owned).to_vec());
    for tag in &vocabulary.tags {
        tags.add_row([tag.name.clone(), tag.labels.join(", "), tag.reach.to_string(), tag.because.clone()]);
    }
    let mut measures =
        table(["measure", "clamp", "quantiles", "reach", "this measure"].map(str::to_owned).to_vec());
    for measure in &vocabulary.measures {
        let ends = [measure.clamp.0, measure.clamp.1];
        let [low, high] = ends.map(|end| shown(i128::from(end).into(), measure.denomination.as_ref()));
        let clamp = titled(&format!("{low} to {high}"), measure.denomination.as_ref());
        let quantiles = measure
            .grid
            .as_ref()
            .map_or_else(|| "no grid".to_owned(), |grid| format!("by a grid of {} cells", grid.len()));
        let reach = measure.reach.to_string();
        measures.add_row([measure.name.clone(), clamp, quantiles, reach, measure.because.clone()]);
    }
    let sets: Vec<String> =
        vocabulary.sets.iter().map(|(name, tags)| format!("tag set {name}: {}\n", tags.join(", "))).collect();
    let metrics: Vec<String> = vocabulary
        .metrics
        .iter()
        .map(|(name, means)| format!("metric {name}{}{means}\n", if means.is_empty() { "" } else { ": " }))
        .collect();
    format!("{tags}\n{measures}\n{}{}", sets.concat(), metrics.concat())
}

/// What a seal read and dropped.
#[must_use]
pub(crate) fn hygiene_text(hygiene: &IngestReport) -> String {
    // Identical records are counted on request alone.
    let counted = hygiene.files.iter().any(|file| file.identical.is_some());
    let identical = counted.then_some("identical");
    let header = ["dataset", "file", "rows", "used", "bad", "repeated", "to self"];
    let header = header.into_iter().chain(identical).chain(["ambiguous ids", "columns not read"]);
    let mut table = table(header.map(str::to_owned).collect());
    for file in &hygiene.files {
        let reasons: Vec<String> =
            file.dropped.iter().map(|(reason, count)| format!("{count} {reason}")).collect();
        let bad = if reasons.is_empty() { "0".to_owned() } else { reasons.join(", ") };
        let mut row = vec![
            file.dataset.clone(),
            file.file.clone(),
            grouped(file.rows.into()),
            grouped(file.used.into()),
            bad,
            grouped(file.duplicates.into()),
            grouped(file.self_follows.into()),
        ];
        if counted {
            row.push(file.identical.map_or_else(String::new, |count| grouped(count.into())));
        }
        row.extend([grouped(file.ambiguous_ids.into()), file.undeclared_columns.join(", ")]);
        table.add_row(row);
    }
    right(&mut table, 2);
    let looked = hygiene.files.iter().flat_map(|file| {
        let columns = file
            .identifiers
            .iter()
            .flat_map(|(column, counts)| counts.iter().map(move |like| (column, like)));
        columns.map(|(column, (like, count))| {
            format!("{}: column `{column}`: {count} texts look like {like}\n", file.file)
        })
    });
    let times = hygiene.files.iter().flat_map(|file| {
        file.times.iter().map(|(column, instants)| {
            let late = match instants.at_or_after_as_of {
                0 => "none at or after as-of".to_owned(),
                late => format!("{} rows at or after as-of", grouped(late.into())),
            };
            format!("{}: column `{column}`: {} to {}, {late}\n", file.file, instants.oldest, instants.newest)
        })
    });
    let unclear = hygiene.files.iter().map(unclear_text);
    let ages = hygiene.files.iter().map(|file| {
        let out = unreadable_text(file, &file.unreadable_ages, "these people are out");
        let labels = unreadable_text(file, &file.unreadable_labels, "the label of these people is `other`");
        let differing = file.differing.iter().map(|(column, ids)| {
            let (file, ids) = (&file.file, grouped((*ids).into()));
            format!("{file}: column `{column}`: {ids} people have rows that differ: the label of these people is `other`, their age is unknown\n")
        });
        out + &labels + &differing.collect::<String>()
    });
    let notes = hygiene
        .files
        .iter()
        .flat_map(|file| file.notes.iter().map(|note| format!("{}: {note}\n", file.file)));
    let below: String = looked.chain(times).chain(ages).chain(unclear).chain(notes).collect();
    format!("{table}\n{below}")
}

/// How many rows of a column cannot be read, by reason, and what follows for the people of these rows.
fn unreadable_text(
    file: &FileReport,
    columns: &BTreeMap<String, BTreeMap<&'static str, u64>>,
    effect: &str,
) -> String {
    let mut text = String::new();
    for (column, reasons) in columns {
        for (reason, count) in reasons {
            let (file, all) = (&file.file, file.rows);
            text.push_str(&format!("{file}: column `{column}`: {count} of {all} rows: {reason}; {effect}\n"));
        }
    }
    text
}

/// What is unclear in a file of consents, a line each; empty where nothing is.
#[must_use]
pub(crate) fn unclear_text(file: &FileReport) -> String {
    let mut text = String::new();
    let (name, all) = (&file.file, grouped(file.rows.into()));
    for (column, reasons) in &file.unclear {
        for (reason, rows) in reasons {
            let rows = grouped((*rows).into());
            text.push_str(&format!("{name}: {rows} of {all} rows: `{column}` is {reason}\n"));
        }
    }
    for (column, words) in &file.unknown_words {
        let words: Vec<String> = words.iter().map(|(word, rows)| format!("`{word}` ({rows} rows)")).collect();
        text.push_str(&format!("{name}: unknown words of `{column}`: {}\n", words.join(", ")));
    }
    if file.unknown_recipients > 0 {
        let rows = grouped(file.unknown_recipients.into());
        text.push_str(&format!("{name}: {rows} of {all} rows name recipients that no study here knows\n"));
    }
    if file.of_other_studies > 0 {
        let rows = grouped(file.of_other_studies.into());
        text.push_str(&format!("{name}: {rows} of {all} rows have ids of another study's namespace\n"));
    }
    text
}
