//! How much two stretches of a signal look alike.

/// `us` as samples.
pub fn samples(us: u32, rate_hz: u32) -> usize {
    (u64::from(us) * u64::from(rate_hz) / 1_000_000) as usize
}

/// Sum of products of every `step`-th sample.
pub fn correlation(a: &[i16], b: &[i16], step: usize) -> f64 {
    let products = a.iter().zip(b).step_by(step).map(|(a, b)| i64::from(i32::from(*a) * i32::from(*b)));
    products.sum::<i64>() as f64
}

/// Correlation as a share of the energy: 1 for equal, 0 for unrelated, -1 for opposite; less where the levels differ,
/// too.
pub fn similarity(a: &[i16], b: &[i16], step: usize) -> f64 {
    let energy = correlation(a, a, step) + correlation(b, b, step);
    if energy > 0.0 { 2.0 * correlation(a, b, step) / energy } else { 1.0 }
}
