//! Draws per second of hushtag's exact integer noise and of OpenDP's, in one thread and one run, as a Markdown table.

use std::error::Error;
use std::hint::black_box;
use std::time::{Duration, Instant};

use dashu::integer::IBig;
use dashu::rational::RBig;
use hushtag::dp::{DiscreteGaussian, DiscreteLaplace};
use hushtag::types::Ratio;
use opendp::traits::samplers::{sample_discrete_gaussian, sample_discrete_laplace};
use rand::rngs::StdRng;
use rand_distr::Distribution;

const SCALES: [u32; 3] = [1, 10, 1_000];
const ROUNDS: usize = 21;
const TURN: Duration = Duration::from_millis(150);
const BLOCK: u32 = 100;
const CHECKED: u32 = 20_000;

type Result<T> = std::result::Result<T, Box<dyn Error>>;

fn main() -> Result<()> {
    let mut rng: StdRng = rand::make_rng();
    let bytes = if cfg!(feature = "openssl") { "OpenSSL" } else { "`rand`" };
    println!("OpenDP's random bytes: {bytes}. {ROUNDS} rounds, medians.\n");
    println!("| noise | scale | hushtag, M draws/s | OpenDP, M draws/s | ratio |");
    println!("|---|---:|---:|---:|---:|");
    for scale in SCALES.map(black_box) {
        let noise = DiscreteLaplace::new(ratio(scale.into())?)?;
        let wide = RBig::from(scale);
        let peer = || Ok(sample_discrete_laplace(wide.clone())?);
        row("discrete Laplace", scale, || Ok(noise.sample(&mut rng)), peer)?;
    }
    for scale in SCALES.map(black_box) {
        let noise = DiscreteGaussian::new(ratio(u128::from(scale).pow(2))?)?;
        let wide = RBig::from(scale);
        let peer = || Ok(sample_discrete_gaussian(wide.clone())?);
        row("discrete Gaussian", scale, || Ok(noise.sample(&mut rng)), peer)?;
    }
    Ok(())
}

fn ratio(whole: u128) -> Result<Ratio> {
    Ratio::new(whole, 1).ok_or_else(|| "a scale is zero".into())
}

fn row(
    name: &str,
    scale: u32,
    mut ours: impl FnMut() -> Result<i64>,
    mut theirs: impl FnMut() -> Result<IBig>,
) -> Result<()> {
    same_width(&mut ours, &mut theirs)?;
    let mut rounds = Vec::with_capacity(ROUNDS);
    for round in 0..ROUNDS {
        // The order alternates, so that neither always runs on the warmer core.
        let (own, peer) = if round % 2 == 0 {
            let own = rate(&mut ours)?;
            (own, rate(&mut theirs)?)
        } else {
            let peer = rate(&mut theirs)?;
            (rate(&mut ours)?, peer)
        };
        rounds.push((own, peer));
    }
    let own = median(rounds.iter().map(|(own, _)| *own));
    let peer = median(rounds.iter().map(|(_, peer)| *peer));
    let times = median(rounds.iter().map(|(own, peer)| own / peer));
    println!("| {name} | {scale} | {own:.2} | {peer:.4} | {times:.0} |");
    Ok(())
}

/// Both must draw the same noise, or the rates compare nothing: sigma is easily taken for sigma squared.
fn same_width(
    ours: &mut impl FnMut() -> Result<i64>,
    theirs: &mut impl FnMut() -> Result<IBig>,
) -> Result<()> {
    let (mut own, mut peer) = (0_u128, 0_u128);
    for _ in 0..CHECKED {
        own += u128::from(ours()?.unsigned_abs());
        peer += u128::from(i64::try_from(theirs()?)?.unsigned_abs());
    }
    if own.abs_diff(peer) * 10 > own.max(peer) {
        return Err(format!("mean sizes differ: {own} and {peer} in {CHECKED} draws").into());
    }
    Ok(())
}

/// Million draws per second, over one turn.
fn rate<T>(draw: &mut impl FnMut() -> Result<T>) -> Result<f64> {
    let (start, mut drawn) = (Instant::now(), 0_u32);
    loop {
        for _ in 0..BLOCK {
            black_box(draw()?);
        }
        drawn += BLOCK;
        let passed = start.elapsed();
        if passed >= TURN {
            return Ok(f64::from(drawn) / passed.as_secs_f64() / 1e6);
        }
    }
}

fn median(values: impl Iterator<Item = f64>) -> f64 {
    let mut sorted: Vec<f64> = values.collect();
    sorted.sort_by(f64::total_cmp);
    sorted.get(sorted.len() / 2).copied().unwrap_or(f64::NAN)
}
