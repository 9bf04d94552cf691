//! Draws of noise in one thread, and the widths that go with them. `cargo bench --bench noise`; OpenDP's exact samplers in
//! the same run are in `benches/peers`.

use std::hint::black_box;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use hushtag::dp::{Accounting, Confidence, Delta, Mechanism};
use hushtag::types::Ratio;
use rand::SeedableRng;
use rand::rngs::StdRng;

const DRAWS: usize = 10_000;

fn samplers(criterion: &mut Criterion) {
    let mut rng = StdRng::seed_from_u64(1);
    for scale in [1_u128, 10, 1_000] {
        let of = |parameter| Ratio::new(parameter, 1);
        let both = [
            ("discrete_laplace", of(scale).and_then(|scale| Mechanism::laplace(scale).ok())),
            ("discrete_gaussian", of(scale * scale).and_then(|square| Mechanism::gaussian(square).ok())),
        ];
        for (name, mechanism) in both {
            let Some(mechanism) = mechanism else { continue };
            let mut group = criterion.benchmark_group(name);
            group.throughput(Throughput::Elements(DRAWS as u64));
            group.bench_function(format!("scale_{scale}"), |bench| {
                bench.iter(|| black_box(mechanism.draws(DRAWS, &mut rng)));
            });
            group.finish();
        }
    }
}

fn widths(criterion: &mut Criterion) {
    let accounting = Accounting::Zcdp { delta: Delta::DEFAULT };
    criterion.bench_function("noise_for_an_error", |bench| {
        bench.iter(|| Mechanism::for_error(black_box(100), accounting));
    });
    if let Ok(noise) = Mechanism::for_error(100, accounting) {
        criterion.bench_function("half_width", |bench| {
            bench.iter(|| black_box(noise).half_width(Confidence::DEFAULT));
        });
    }
}

criterion_group!(noise, samplers, widths);
criterion_main!(noise);
