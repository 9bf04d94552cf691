//! What a person reads in a terminal.

use std::collections::BTreeMap;

use comfy_table::{CellAlignment, ContentArrangement, Table, presets};

use crate::lang::{list, text, time, word};
use hushtag::dp::Accounting;
use hushtag::engine::{FileReport, IngestReport};
use hushtag::ledger::Pool;
use hushtag::operator::{Remaining, ResolvedEpoch, Status, Vocabulary};
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
        None => text!("budget.pure"),
        Some(delta) => text!("budget.delta", delta),
    }
}

/// Aligns the columns at these positions, in ascending order, to the right.
pub(crate) fn right(table: &mut Table, columns: impl IntoIterator<Item = usize>) {
    let mut columns = columns.into_iter().peekable();
    for (place, column) in table.column_iter_mut().enumerate() {
        if columns.next_if_eq(&place).is_some() {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
}

/// A forecast.
#[must_use]
pub(crate) fn forecast_text(
    forecast: &Forecast,
    remaining: &Remaining,
    epoch: Option<&ResolvedEpoch>,
) -> String {
    let accounting = remaining.accounting;
    let header = [text!("forecast.number"), text!("forecast.half_width"), text!("forecast.cost")];
    let mut table = table(header.to_vec());
    for part in &forecast.parts {
        table.add_row([
            if part.hidden { text!("forecast.hidden", name = part.name) } else { part.name.clone() },
            within(i128::from(part.half_width).into(), part.denomination.as_ref()),
            format!("{} {}", units(part.cost), accounting.unit()),
        ]);
    }
    right(&mut table, 1..);
    let computed: String = forecast.computed.iter().map(widths).collect();
    let left = remaining.left();
    let such = left.checked_div(forecast.cost).unwrap_or(0);
    let unit = accounting.unit();
    text!(
        "forecast.table",
        table,
        computed,
        epsilon = short(forecast.cost, accounting),
        guarantee = guarantee(accounting),
        amount = units(forecast.cost),
        unit,
        cells = grouped(i128::try_from(forecast.cells).unwrap_or(i128::MAX)),
        reach = forecast.reach_because,
        left = match such {
            0 => text!("forecast.too_much"),
            such => {
                let after = units(left.saturating_sub(forecast.cost));
                text!("forecast.left", count = units(such), after, unit)
            }
        },
        epoch = asked_epoch_text(epoch),
    )
}

/// One line on the epoch that would be asked.
pub(crate) fn asked_epoch_text(epoch: Option<&ResolvedEpoch>) -> String {
    match epoch {
        None => text!("forecast.no_epoch"),
        Some(ResolvedEpoch { id, answers_until, closed }) if closed.is_empty() => {
            text!("forecast.epoch", id, until = time(*answers_until))
        }
        Some(ResolvedEpoch { closed, .. }) => {
            let why: Vec<&str> = closed.iter().map(|reason| reason.because.as_str()).collect();
            text!("forecast.closed", why = why.join("; "))
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
        WidthUnit::Value => String::new(),
        WidthUnit::PercentOfPeople => text!("forecast.percent_of_people"),
    };
    let at = |width: &Width| match width.half_width {
        Some(half) => {
            let half = within(half, column.denomination.as_ref());
            text!("forecast.width", half, unit, people = grouped(width.people.into()))
        }
        None => text!("forecast.width_unknown", people = grouped(width.people.into())),
    };
    let widths: Vec<String> = column.widths.iter().map(at).collect();
    text!("forecast.widths", column = column.name, widths = widths.join(&text!("list.semicolon")))
}

/// The budget of a sandbox.
#[must_use]
pub(crate) fn budget_text(status: &Status) -> String {
    let (accounting, totals) = (status.accounting, &status.totals);
    let mut table = table(vec![String::new(), text!("budget.epsilon"), accounting.unit().to_owned()]);
    let mut row = |name: String, amount: u128| {
        table.add_row([name, short(amount, accounting), units(amount)]);
    };
    row(text!("budget.limit"), status.pool.limit);
    row(text!("budget.spent"), totals.pool);
    row(text!("budget.left"), status.pool.limit.saturating_sub(totals.pool));
    row(text!("budget.spent_ever"), totals.lifetime);
    for (study, spent) in &totals.studies {
        row(text!("budget.of_study", study), *spent);
    }
    for (recipient, spent) in &totals.recipients {
        row(text!("budget.of_recipient", recipient), *spent);
    }
    right(&mut table, 1..);
    let Pool { opened_at, window_days, .. } = &status.pool;
    let next = match window_days.and_then(Days::new) {
        Some(window) => text!("budget.renewable", from = time(opened_at.saturating_add(window))),
        None => text!("budget.never_renewed"),
    };
    let (guarantee, at) = (guarantee(accounting), time(*opened_at));
    match totals.renewals {
        0 => text!("budget.table", table, guarantee, at, next),
        _ => text!("budget.table_renewed", table, guarantee, at, next),
    }
}

/// The public state of a sandbox.
#[must_use]
pub(crate) fn status_text(status: &Status) -> String {
    let header =
        [text!("status.epoch"), text!("status.as_of"), text!("status.hours"), text!("status.answers")];
    let mut epochs = table(header.to_vec());
    let mut stops = String::new();
    for epoch in &status.epochs {
        let answers = match epoch.retired {
            Some(entry) => text!("status.retired", entry),
            None => match epoch.answers_until.values().max() {
                Some(until) if epoch.answers => text!("status.until", until = time(*until)),
                Some(until) => text!("status.ended", until = time(*until)),
                None => text!("status.other_text"),
            },
        };
        let hours = epoch.hours_since_seal.to_string();
        let as_of = time(epoch.as_of);
        epochs.add_row([epoch.id.to_string(), as_of.clone(), hours, answers]);
        if let Some(seconds) = epoch.longest_to_stop().values().max().filter(|_| epoch.answers) {
            stops.push_str(&text!("status.stop", epoch = epoch.id, as_of, longest = duration(*seconds)));
        }
    }
    let recipients = status.recipients.iter();
    let recipients = list(recipients.map(|(recipient, study)| text!("status.recipient", recipient, study)));
    text!(
        "status.table",
        sandbox = status.sandbox,
        vkey = status.vkey,
        entries = status.log_size,
        anchor = if status.anchored { text!("status.anchor_file") } else { text!("status.anchor_none") },
        recipients,
        epochs,
        stops,
        budget = budget_text(status),
    )
}

/// Seconds as days, hours and minutes; a part of a minute is a whole one.
fn duration(seconds: i64) -> String {
    let minutes = seconds.saturating_add(59).div_euclid(60);
    let (days, hours, minutes) = (minutes / 1_440, minutes / 60 % 24, minutes % 60);
    let parts = [
        (days > 0).then(|| text!("status.days", count = days)),
        (hours > 0).then(|| text!("status.hours_of", count = hours)),
        (minutes > 0 || days + hours == 0).then(|| text!("status.minutes", count = minutes)),
    ];
    parts.into_iter().flatten().collect::<Vec<_>>().join(" ")
}

/// What queries may name.
#[must_use]
pub(crate) fn vocabulary_text(vocabulary: &Vocabulary) -> String {
    let header = [
        text!("vocabulary.tag"),
        text!("vocabulary.labels"),
        text!("forecast.reach"),
        text!("vocabulary.why_tag"),
    ];
    let mut tags = table(header.to_vec());
    for tag in &vocabulary.tags {
        tags.add_row([tag.name.clone(), tag.labels.join(", "), tag.reach.to_string(), tag.because.clone()]);
    }
    let header = [
        text!("vocabulary.measure"),
        text!("vocabulary.clamp"),
        text!("vocabulary.quantiles"),
        text!("forecast.reach"),
        text!("vocabulary.why_measure"),
    ];
    let mut measures = table(header.to_vec());
    for measure in &vocabulary.measures {
        let ends = [measure.clamp.0, measure.clamp.1];
        let [low, high] = ends.map(|end| shown(i128::from(end).into(), measure.denomination.as_ref()));
        let clamp = titled(&text!("answer.ends", low, high), measure.denomination.as_ref());
        let quantiles = measure
            .grid
            .as_ref()
            .map_or_else(|| text!("vocabulary.no_grid"), |grid| text!("vocabulary.grid", cells = grid.len()));
        let reach = measure.reach.to_string();
        measures.add_row([measure.name.clone(), clamp, quantiles, reach, measure.because.clone()]);
    }
    let sets = vocabulary.sets.iter();
    let sets: Vec<String> =
        sets.map(|(name, tags)| text!("vocabulary.set", name, tags = list(tags))).collect();
    let metrics: Vec<String> = vocabulary
        .metrics
        .iter()
        .map(|(name, means)| match means.as_str() {
            "" => text!("vocabulary.metric", name),
            means => text!("vocabulary.metric_means", name, means),
        })
        .collect();
    format!("{tags}\n{measures}\n{}{}", sets.concat(), metrics.concat())
}

/// What a seal read and dropped.
#[must_use]
pub(crate) fn hygiene_text(hygiene: &IngestReport) -> String {
    // Identical records are counted on request alone.
    let counted = hygiene.files.iter().any(|file| file.identical.is_some());
    let identical = counted.then(|| text!("ingest.identical"));
    let header = [
        text!("ingest.dataset"),
        text!("ingest.file"),
        text!("ingest.rows"),
        text!("ingest.used"),
        text!("ingest.bad"),
        text!("ingest.repeated"),
        text!("ingest.to_self"),
    ];
    let header = header.into_iter().chain(identical);
    let mut table = table(header.chain([text!("ingest.ambiguous"), text!("ingest.not_read")]).collect());
    for file in &hygiene.files {
        let reasons =
            file.dropped.iter().map(|(reason, count)| format!("{count} {}", word("dropped", reason)));
        let reasons = list(reasons);
        let bad = if reasons.is_empty() { "0".to_owned() } else { reasons };
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
    right(&mut table, 2..);
    let looked = hygiene.files.iter().flat_map(|file| {
        let columns = file
            .identifiers
            .iter()
            .flat_map(|(column, counts)| counts.iter().map(move |like| (column, like)));
        columns
            .map(|(column, (like, count))| text!("ingest.looks_like", file = file.file, column, count, like))
    });
    let times = hygiene.files.iter().flat_map(|file| {
        file.times.iter().map(|(column, instants)| {
            let late = match instants.at_or_after_as_of {
                0 => text!("ingest.none_late"),
                late => text!("ingest.late", rows = grouped(late.into())),
            };
            let (oldest, newest) = (time(instants.oldest), time(instants.newest));
            text!("ingest.times", file = file.file, column, oldest, newest, late)
        })
    });
    let unclear = hygiene.files.iter().map(unclear_text);
    let ages = hygiene.files.iter().map(|file| {
        let out = unreadable_text(file, &file.unreadable_ages, &text!("ingest.people_excluded"));
        let labels = unreadable_text(file, &file.unreadable_labels, &text!("ingest.people_other"));
        let differing = file.differing.iter().map(|(column, ids)| {
            let (file, ids) = (&file.file, grouped((*ids).into()));
            text!("ingest.differing", file, column, ids)
        });
        out + &labels + &differing.collect::<String>()
    });
    let notes = hygiene
        .files
        .iter()
        .flat_map(|file| file.notes.iter().map(|note| text!("ingest.note", file = file.file, note)));
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
            text.push_str(&text!("ingest.unreadable", file, column, count, all, reason, effect));
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
            text.push_str(&text!(
                "ingest.unclear",
                file = name,
                rows,
                all,
                column,
                reason = word("fault", reason)
            ));
        }
    }
    for (column, words) in &file.unknown_words {
        let words = list(words.iter().map(|(word, rows)| text!("ingest.word", word, rows)));
        text.push_str(&text!("ingest.unknown_words", file = name, column, words));
    }
    if file.unknown_recipients > 0 {
        let rows = grouped(file.unknown_recipients.into());
        text.push_str(&text!("ingest.unknown_recipients", file = name, rows, all));
    }
    if file.of_other_studies > 0 {
        let rows = grouped(file.of_other_studies.into());
        text.push_str(&text!("ingest.other_studies", file = name, rows, all));
    }
    text
}
