//! `hushtag demo`: the whole story on made-up people.

use std::path::{Path, PathBuf};
use std::time::Instant;

use clap::Args;

use super::exit::refusal_text;
use super::lang::{filled, text, time};
use super::report::{annexes, page, verified};
use super::target::Target;
use super::{Context, Failure};
use crate::page::Report;
use crate::render::{answer_table, budget_text, hygiene_text};
use hushtag::dp::Delta;
use hushtag::engine::Sources;
use hushtag::operator::{
    Act, Analyst, Anchoring, Answer, Approval, Keys, Operator, PoolTerms, Reader, Role, SealTerms, Setup,
    StudySource, Verification, verify_log,
};
use hushtag::storage::Folder;
use hushtag::types::{Clock, DatasetName, EpochId, NanoEpsilon, RecipientId, SystemClock, Timestamp};
use hushtag_population::{Files, MAX_CSV_PEOPLE, Population, PopulationConfig, PopulationError};

/// The study of the demo; its dates are moved so that the documents are in date whenever it runs.
const STUDY: &str = include_str!("../../../policies/demo/study.toml");
const APPROVED: &str = "2026-09-01";
const EXPIRES: &str = "2027-09-01";
const START: &str = "2026-09-15";

/// A day in seconds.
const DAY: i64 = 86_400;

/// The five queries, each with the key of what it is about.
const QUERIES: [(&str, &str); 5] = [
    (
        "demo.query_spending",
        "SELECT spend_tier, COUNT(*) AS people, SUM(spend) AS fen, AVG(spend) AS mean FROM tags GROUP BY spend_tier WITH (error = 40)",
    ),
    (
        "demo.query_regions",
        "SELECT lapsed, region, COUNT(*) AS people FROM tags GROUP BY lapsed, region WITH (error = 40)",
    ),
    (
        "demo.query_following",
        "SELECT following, COUNT(*) AS people, MEDIAN(spend) AS median FROM tags GROUP BY following WITH (error = 40)",
    ),
    (
        "demo.query_audience",
        "SELECT audience_size, COUNT(*) AS people FROM tags WHERE spend_tier IN ('high', 'top') GROUP BY audience_size WITH (error = 80)",
    ),
    (
        "demo.query_inactive",
        "SELECT COUNT(*) AS people FROM tags WHERE audience_spend = 'high' AND lapsed <> 'active' WITH (error = 80)",
    ),
];

/// Which study is shown.
#[derive(Clone, Copy, clap::ValueEnum)]
enum Story {
    /// A brand runs five queries
    Demo,
    /// Relation chains meet payments: every metric of policies/social-commerce
    SocialCommerce,
}

#[derive(Args)]
pub(super) struct Demo {
    /// The folder, which must be empty or absent
    #[arg(long, default_value = "hushtag-demo")]
    pub(super) dir: PathBuf,
    /// How many people to make up
    #[arg(long, default_value_t = 20_000, value_parser = clap::value_parser!(u32).range(10..=10_000_000))]
    pub(super) people: u32,
    /// The seed makes the people, never the noise
    #[arg(long, default_value_t = 1)]
    pub(super) seed: u64,
    /// Under which study
    #[arg(long, value_enum, default_value = "demo")]
    study: Story,
}

impl Demo {
    pub(super) fn run(self, context: &Context) -> Result<(), Failure> {
        let started = Instant::now();
        let now = SystemClock.now();
        let as_of = Timestamp::from_seconds(now.seconds().div_euclid(DAY) * DAY);
        if let Story::SocialCommerce = self.study {
            self.social_commerce(context, as_of)?;
            context.output.note(&took("demo.took", started));
            return Ok(());
        }
        let study = dated(STUDY, as_of);
        let files = self.write_input(context, as_of, &study)?;
        let sandbox = self.dir.join("sandbox");
        let operator = init(&sandbox, &study)?;
        context.output.result(&text!("demo.sandbox", sandbox = sandbox.display()))?;
        self.seal(context, &operator, &files, as_of)?;
        let recipient = named(RecipientId::new("brand-insights"))?;
        let analyst = operator.analyst(&recipient, None)?;
        self.ask(context, &analyst)?;
        let status = operator.status()?;
        context.output.result(&text!("demo.budget", budget = budget_text(&status)))?;
        let verified = verify_log(&Folder::open(&sandbox)?, None, Some(Keys::InFolder), None)?;
        context.output.result(&evidence(&verified))?;
        drop(operator);
        self.report(context, &sandbox)?;
        context.output.note(&took("demo.took", started));
        self.what_next(context, &sandbox)
    }

    /// The folder for the made-up files, newly made.
    pub(super) fn empty_input(&self) -> Result<PathBuf, Failure> {
        let input = self.dir.join("input");
        if self.dir.read_dir().is_ok_and(|mut entries| entries.next().is_some()) {
            let message = text!("demo.not_empty", folder = self.dir.display());
            return Err(Failure::failed(message, text!("demo.not_empty_fix")));
        }
        std::fs::create_dir_all(&input).map_err(|error| unwritable(&input, &error))?;
        Ok(input)
    }

    fn write_input(&self, context: &Context, as_of: Timestamp, study: &str) -> Result<Files, Failure> {
        let input = self.empty_input()?;
        let config = PopulationConfig {
            people: self.people,
            seed: self.seed,
            as_of: as_of.seconds(),
            ..PopulationConfig::default()
        };
        let share = config.clean_percent;
        let population = Population::new(config).map_err(made_up)?;
        let files = population.write_parquet(&input).map_err(made_up)?;
        if self.people <= MAX_CSV_PEOPLE {
            population.write_csv(&input).map_err(made_up)?;
        }
        write_study(&input, study)?;
        let (people, input) = (self.people, input.display());
        context.output.result(&text!("demo.people", people, input, share))?;
        Ok(files)
    }

    fn seal(
        &self,
        context: &Context,
        operator: &Operator,
        files: &Files,
        as_of: Timestamp,
    ) -> Result<(), Failure> {
        let started = Instant::now();
        let epoch = named(EpochId::new("demo"))?;
        let terms = SealTerms::new(epoch, as_of);
        let mut data = Vec::new();
        for (name, path) in
            [("follows", &files.follows), ("payments", &files.payments), ("members", &files.members)]
        {
            data.push((named(DatasetName::new(name))?, path.clone().into()));
        }
        let consents = vec![files.consents.clone().into()];
        let sealed = operator.seal(&terms, Sources::new(data, consents))?;
        let hygiene = hygiene_text(&sealed.hygiene);
        context.output.result(&text!("demo.sealed", as_of = time(as_of), hygiene))?;
        context.output.note(&took("demo.sealed_in", started));
        Ok(())
    }

    fn ask(&self, context: &Context, analyst: &Analyst) -> Result<(), Failure> {
        let accounting = analyst.remaining()?.accounting;
        context.output.result(&text!("demo.queries"))?;
        for (number, (about, query)) in (1..).zip(QUERIES) {
            let forecast = analyst.forecast(query)?;
            let answer = match analyst.ask(query, None)? {
                Answer::Released(released) => answer_table(&released, accounting),
                Answer::Refused(reasons) => refusal_text(&reasons),
            };
            let width = forecast.parts.first().map_or(0, |part| part.half_width);
            let (about, share) = (filled(about, &[]), shrinks(width, self.people));
            context.output.result(&text!("demo.query", number, about, query, answer, share))?;
        }
        let again = QUERIES.first().map_or("", |(_, query)| query).to_lowercase();
        if let Answer::Released(released) = analyst.ask(&again, None)?
            && released.stored
        {
            context.output.result(&text!("demo.again"))?;
        }
        Ok(())
    }

    /// The auditor's page, with the keys of this sandbox whatever the options name.
    pub(super) fn report(&self, context: &Context, sandbox: &Path) -> Result<(), Failure> {
        let path = self.dir.join("report.html");
        let out = Target::new(&path)?;
        let operator = Operator::open(sandbox, Keys::InFolder, Box::new(SystemClock), context.wait)?;
        let access = operator.log_access(Act::Report, Role::Operator)?;
        drop(operator);
        let reader = Reader::open(sandbox, Keys::InFolder, Box::new(SystemClock))?.logged_as(access);
        let verified = verified(sandbox, Keys::InFolder, Anchoring::Configured)?;
        let place = sandbox.display().to_string();
        let (lang, pipia, figures) = (context.lang(), false, None);
        let report = Report { reader: &reader, verified: &verified, place: &place, lang, pipia, figures };
        out.write(&page(&report, &mut annexes(&path, false, false))?)?;
        context.output.result(&text!("demo.page", page = path.display()))
    }

    fn what_next(&self, context: &Context, sandbox: &Path) -> Result<(), Failure> {
        let study = self.dir.join("input").join("study.toml");
        context.output.result(&text!("demo.try", sandbox = sandbox.display(), study = study.display()))
    }
}

/// How long it took, in seconds.
fn took(key: &str, started: Instant) -> String {
    filled(key, &[("seconds", &format!("{:.1}", started.elapsed().as_secs_f64()))])
}

/// What was verified.
pub(super) fn evidence(verified: &Verification) -> String {
    let (entries, charges) = (verified.log.checkpoint.size, verified.charges.unwrap_or(0));
    text!("demo.evidence", entries, vkey = verified.vkey, charges)
}

pub(super) fn made_up(error: PopulationError) -> Failure {
    Failure::of_error(error, text!("demo.dir_fix"))
}

fn unwritable(what: &Path, error: &std::io::Error) -> Failure {
    Failure::of_place(what.display(), error, text!("demo.dir_fix"))
}

/// Leaves the study beside the files.
pub(super) fn write_study(input: &Path, study: &str) -> Result<(), Failure> {
    let path = input.join("study.toml");
    std::fs::write(&path, study).map_err(|error| unwritable(&path, &error))
}

/// The half-width does not grow with the people, so its share shrinks with them.
fn shrinks(width: u64, people: u32) -> String {
    let share = |people: u32| {
        let thousandths = width.saturating_mul(100_000).div_ceil(u64::from(people.max(1)));
        format!("{}.{:03} %", thousandths / 1000, thousandths % 1000)
    };
    let more = if people < 1_000_000 { 1_000_000 } else { 10_000_000 };
    text!("demo.share", width, share = share(people), people, more, then = share(more))
}

/// The demo's study with documents that are in date on the day it runs.
pub(super) fn dated(study: &str, today: Timestamp) -> String {
    let date = |at: Timestamp| at.to_string().chars().take(10).collect::<String>();
    let days = |count: i64| Timestamp::from_seconds(today.seconds() + count * DAY);
    let moved = [(APPROVED, -30), (EXPIRES, 335), (START, -16)];
    moved.into_iter().fold(study.to_owned(), |study, (day, by)| study.replace(day, &date(days(by))))
}

pub(super) fn init(sandbox: &Path, study: &str) -> Result<Operator, Failure> {
    let epsilon = NanoEpsilon::new(4_000_000_000);
    let pool = PoolTerms::new(epsilon).with_delta(Delta::DEFAULT);
    let setup =
        Setup::new(vec![StudySource::new("input/study.toml", study)], pool).with_approval(Approval::None);
    Ok(Operator::init(sandbox, setup, Keys::InFolder, Box::new(SystemClock))?)
}

/// Names written in this file are names.
pub(super) fn named<T, E: std::fmt::Display>(name: Result<T, E>) -> Result<T, Failure> {
    name.map_err(|error| Failure::of_error(error, text!("error.bug_fix")))
}
