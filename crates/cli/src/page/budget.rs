//! The budget: what was spent over time, by whom, and what is left.

use std::collections::{BTreeMap, VecDeque};

use maud::{Markup, html};

use super::PageError;
use super::facts::Facts;
use super::older::{self, Annexes, CHARGES};
use super::parts::{self, name, time};
use super::texts::fill;
use crate::chart::{Caption, Line, Steps, number};
use crate::render::table::{short, units};
use hushtag::ledger::{Record, State};
use hushtag::types::Timestamp;

pub(super) fn section(facts: &Facts<'_>) -> Markup {
    let t = &facts.t.budget;
    let content = html! {
        p { (t.lead) }
        (pool(facts))
        (burn_down(facts))
        (shares(facts))
        (charges(facts))
    };
    parts::section("budget", &t.heading, &content)
}

/// An amount in units of the pool and as an epsilon.
pub(super) fn amount(facts: &Facts<'_>, amount: u128) -> Markup {
    let accounting = facts.accounting();
    html! { "\u{03b5} " (short(amount, accounting)) " (" span class="word" { (units(amount)) } " " (accounting.unit()) ")" }
}

fn pool(facts: &Facts<'_>) -> Markup {
    let (t, status) = (&facts.t.budget, &facts.status);
    let (pool, totals) = (&status.pool, &status.totals);
    let window = pool
        .window_days
        .map_or_else(|| t.window_never.clone(), |days| fill(&t.window_days, &[("n", &parts::count(days))]));
    let guarantee = facts
        .accounting()
        .delta()
        .map_or_else(|| t.pure.clone(), |delta| fill(&t.delta, &[("delta", &delta)]));
    parts::facts(&[
        (&t.pool, amount(facts, pool.limit)),
        (&t.spent, amount(facts, totals.pool)),
        (&t.left, amount(facts, pool.limit.saturating_sub(totals.pool))),
        (&t.whole_life, amount(facts, totals.lifetime)),
        (&t.adds_up, html! { (guarantee) }),
        (&t.opened, time(facts, pool.opened_at)),
        (&t.window, html! { (window) }),
        (&t.renewals, html! { (parts::count(totals.renewals)) }),
    ])
}

/// A part of a whole in percent.
#[expect(clippy::cast_precision_loss, reason = "a height on paper, shown beside the number")]
fn percent(part: u128, whole: u128) -> f64 {
    part as f64 * 100.0 / whole.max(1) as f64
}

#[expect(clippy::cast_precision_loss, reason = "a place on paper, shown beside the instant")]
fn seconds(at: Timestamp) -> f64 {
    at.seconds() as f64
}

fn burn_down(facts: &Facts<'_>) -> Markup {
    let (t, lines) = (&facts.t.budget, &facts.spending.lines);
    let ends = lines.iter().map(|line| {
        let spent = line.points.last().map_or(0.0, |(_, value)| *value);
        format!("{} {} %", line.label, number(spent))
    });
    let described = fill(&t.chart_says, &[("lines", &ends.collect::<Vec<_>>().join(&facts.t.page.and))]);
    let (first, last) = (facts.began, facts.spending.last.map_or(facts.now, |last| last.max(facts.now)));
    let [from, to] = [first, last].map(|at| parts::clock(at, facts.zone.as_ref()));
    let steps = Steps {
        caption: Caption { id: "burn-down", title: &t.chart, description: &described },
        lines,
        span: (seconds(first), seconds(last)),
        ends: (&from, &to),
        limit: &t.limit,
        beyond: &t.beyond,
    };
    parts::figure(&t.chart, &steps.draw())
}

/// The most points of a line before its end: more cannot be distinguished on paper.
const POINTS: usize = 512;

/// What was spent so far, and the line of it.
#[derive(Default)]
struct Spent {
    units: u128,
    points: Vec<(f64, f64)>,
}

impl Spent {
    fn add(&mut self, units: u128, at: Timestamp, limit: u128) {
        self.units = self.units.saturating_add(units);
        self.push((seconds(at), percent(self.units, limit)));
    }

    fn begin_anew(&mut self, at: Timestamp) {
        self.units = 0;
        self.push((seconds(at), 0.0));
    }

    /// A line with too many points loses every second one, and keeps its ends and what it fell to.
    fn push(&mut self, point: (f64, f64)) {
        if self.points.len() >= POINTS {
            let last = self.points.len().saturating_sub(1);
            let mut place = 0..;
            self.points.retain(|(_, value)| {
                let place = place.next().unwrap_or(0);
                place % 2 == 0 || place == last || *value <= 0.0
            });
        }
        self.points.push(point);
    }

    fn line(self, label: &str) -> Line {
        Line { label: label.to_owned(), points: self.points }
    }
}

/// What the page says of all charges, read one after the other.
#[derive(Default)]
pub(super) struct Spending {
    lines: Vec<Line>,
    last: Option<Timestamp>,
    /// The newest charges, each with the lifetime sum.
    newest: VecDeque<(Record, u128)>,
}

impl Spending {
    /// All recipients together, each of them, and the lifetime: in percent of the pool, back at zero after a renewal. Charges for which
    /// there is no room go to `annexes`.
    pub(super) fn read(facts: &Facts<'_>, annexes: &mut Annexes) -> Result<Self, PageError> {
        let (t, limit) = (&facts.t.budget, facts.status.pool.limit);
        let mut renewals = facts.renewals.iter().map(|renewal| renewal.at).peekable();
        let (mut lifetime, mut total) = (Spent::default(), Spent::default());
        let recipients = facts.status.recipients.iter();
        let mut each: BTreeMap<String, Spent> =
            recipients.map(|(recipient, _)| (recipient.to_string(), Spent::default())).collect();
        let mut spending = Self::default();
        for charge in facts.reader.charges()? {
            let charge = charge?;
            while let Some(at) = renewals.next_if(|at| *at <= charge.at) {
                each.values_mut().chain([&mut total]).for_each(|spent| spent.begin_anew(at));
            }
            let own = each.entry(charge.recipient.to_string()).or_default();
            for spent in [&mut lifetime, &mut total, own] {
                spent.add(charge.units, charge.at, limit);
            }
            spending.last = Some(spending.last.map_or(charge.at, |last| last.max(charge.at)));
            spending.newest.push_back((charge, lifetime.units));
            if spending.newest.len() > CHARGES
                && let Some((charge, sum)) = spending.newest.pop_front()
            {
                older::charge(annexes, &charge, sum)?;
            }
        }
        // Renewals after the last charge.
        for at in renewals {
            each.values_mut().chain([&mut total]).for_each(|spent| spent.begin_anew(at));
        }
        spending.lines.push(total.line(&t.total));
        spending.lines.extend(each.into_iter().map(|(recipient, spent)| spent.line(&recipient)));
        if !facts.renewals.is_empty() {
            spending.lines.push(lifetime.line(&t.lifetime));
        }
        Ok(spending)
    }
}

fn shares(facts: &Facts<'_>) -> Markup {
    let t = &facts.t.budget;
    let mut rows = Vec::new();
    for (study, _) in &facts.studies {
        for recipient in &study.recipients {
            let Ok(remaining) =
                facts.reader.view(&recipient.id, Some(&study.id)).and_then(|view| view.remaining())
            else {
                continue;
            };
            let cap = |cap: Option<(u128, u128)>| match cap {
                Some((limit, spent)) => {
                    html! { (amount(facts, spent)) br; (t.limit) " " (amount(facts, limit)) }
                }
                None => html! { (t.no_cap) },
            };
            rows.push(vec![
                name(recipient.id.as_str()),
                name(study.id.as_str()),
                cap(remaining.recipient),
                cap(remaining.study),
                amount(facts, remaining.left()),
            ]);
        }
    }
    let head = [t.recipient.as_str(), &t.study, &t.share_of_pool, &t.cap, &t.left];
    parts::table(&t.who, &facts.t.page.scroll, &head, &rows)
}

fn charges(facts: &Facts<'_>) -> Markup {
    let t = &facts.t.budget;
    if facts.spending.newest.is_empty() {
        return html! { p { (t.no_charges) } };
    }
    let rows: Vec<Vec<Markup>> = facts
        .spending
        .newest
        .iter()
        .map(|(charge, sum)| {
            let state = match charge.state {
                State::Committed { log_index } => fill(&t.state_committed, &[("index", &log_index)]),
                State::Stored => t.state_stored.clone(),
                State::Reserved => t.state_reserved.clone(),
            };
            vec![
                html! { (charge.seq) },
                time(facts, charge.at),
                name(charge.recipient.as_str()),
                name(charge.study.as_str()),
                html! { (units(charge.units)) },
                html! { (units(*sum)) },
                html! { (state) },
            ]
        })
        .collect();
    let unit = facts.accounting().unit();
    let (cost, cumulative) = (fill(&t.units, &[("unit", &unit)]), fill(&t.cumulative, &[("unit", &unit)]));
    let head = [t.charge.as_str(), &t.at, &t.recipient, &t.study, &cost, &cumulative, &t.state];
    html! {
        details open {
            summary { (t.charges) }
            @if let Some(kept) = &facts.older.charges { (older::file(facts, &t.older_file, kept)) }
            (parts::table(&t.table, &facts.t.page.scroll, &head, &rows))
        }
    }
}
