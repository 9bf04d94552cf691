//! What a question costs in time: parse, plan and forecast; and a whole answer of 1,600 cells, on a folder and in memory,
//! where the durable steps cost nothing. The response slot is off. `cargo bench --bench ask`

pub mod support;

use std::error::Error;
use std::hint::black_box;
use std::sync::Arc;
use std::time::{Duration, Instant};

use criterion::{Criterion, criterion_group, criterion_main};
use hushtag::operator::{Analyst, Answer};
use hushtag::storage::{Folder, Image, Storage};
use hushtag::types::RecipientId;

const ALL_CELLS: &str = "SELECT spend_tier, order_freq, lapsed, following, region, COUNT(*), AVG(spend) FROM tags \
     GROUP BY spend_tier, order_freq, lapsed, following, region";
const FILTERED: &str = "SELECT spend_tier, COUNT(*) AS people, AVG(spend), MEDIAN(spend) FROM tags WHERE lapsed IN ('lapsed', 'never') \
     AND NOT (region = 'east' OR order_freq = 'many') GROUP BY spend_tier HAVING people > 100 ORDER BY people DESC LIMIT 3";

fn analyst(storage: Arc<dyn Storage>) -> Result<Analyst, Box<dyn Error>> {
    Ok(support::sandbox(storage, 5_000)?.analyst(&RecipientId::new(support::RECIPIENT)?, None)?)
}

/// So many answers; each is a new question by its error.
fn answers(analyst: &Analyst, count: u64, next: &mut u64) -> Result<Duration, Box<dyn Error>> {
    let mut took = Duration::ZERO;
    for _ in 0..count {
        *next += 1;
        let question = format!("{ALL_CELLS} WITH (error = {next}, error(spend) = 1000000)");
        let started = Instant::now();
        let answer = analyst.ask(&question, None)?;
        took += started.elapsed();
        if !matches!(answer, Answer::Released(ref released) if !released.stored) {
            return Err("the question was refused or asked before".into());
        }
    }
    Ok(took)
}

#[expect(clippy::expect_used, reason = "a benchmark without its sandbox has nothing to measure")]
fn ask(criterion: &mut Criterion) {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let in_folder = analyst(Arc::new(Folder::create(folder.path()).expect("a folder"))).expect("a sandbox");
    let in_memory = analyst(Arc::new(Image::default())).expect("a sandbox");
    for (name, question) in [("forecast_1600_cells", ALL_CELLS), ("forecast_filtered", FILTERED)] {
        criterion.bench_function(name, |bench| bench.iter(|| in_memory.forecast(black_box(question))));
    }
    let mut next = 100;
    let mut group = criterion.benchmark_group("ask_1600_cells");
    group.sample_size(20);
    for (name, analyst) in [("in_memory", &in_memory), ("in_a_folder", &in_folder)] {
        group.bench_function(name, |bench| {
            bench.iter_custom(|count| answers(analyst, count, &mut next).expect("an answer"));
        });
    }
    group.finish();
}

criterion_group!(questions, ask);
criterion_main!(questions);
