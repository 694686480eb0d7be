//! The fit of a tone, the measure of most media tests.
//!
//! Invariant: exact for any length; whole periods are not needed.
#![allow(dead_code, reason = "each test file uses a part")]

use std::f64::consts::{SQRT_2, TAU};

/// Least squares for a sine, a cosine and an offset, prepared for windows of one length.
pub struct ToneFit {
    /// Sine, cosine and one, for each sample.
    rows: Vec<[f64; 3]>,
    /// The inverse of the normal equations.
    inverse: [[f64; 3]; 3],
}

/// How well a window is the tone that was looked for.
#[derive(Clone, Copy, Debug)]
pub struct Fit {
    pub amplitude: f64,
    /// Root mean square of all the rest.
    pub rest: f64,
}

impl ToneFit {
    pub fn new(hz: f64, rate_hz: u32, samples: usize) -> Self {
        let step = TAU * hz / f64::from(rate_hz);
        let row = |n: usize| {
            let (sin, cos) = (n as f64 * step).sin_cos();
            [sin, cos, 1.0]
        };
        let rows: Vec<[f64; 3]> = (0..samples).map(row).collect();
        let sum = |i: usize, j: usize| rows.iter().map(|row| row[i] * row[j]).sum::<f64>();
        let normal = [0, 1, 2].map(|i| [0, 1, 2].map(|j| sum(i, j)));
        Self { rows, inverse: inverse(normal) }
    }

    pub fn fit(&self, pcm: &[i16]) -> Fit {
        assert_eq!(pcm.len(), self.rows.len(), "prepared for another length");
        let (mut sums, mut energy) = ([0.0f64; 3], 0.0f64);
        for (row, sample) in self.rows.iter().zip(pcm) {
            let sample = f64::from(*sample);
            energy += sample * sample;
            sums.iter_mut().zip(row).for_each(|(sum, wave)| *sum += wave * sample);
        }
        let x = self.inverse.map(|row| row.iter().zip(sums).map(|(a, b)| a * b).sum::<f64>());
        let fitted: f64 = x.iter().zip(sums).map(|(a, b)| a * b).sum();
        let rest = ((energy - fitted).max(0.0) / pcm.len() as f64).sqrt();
        Fit { amplitude: x[0].hypot(x[1]), rest }
    }
}

impl Fit {
    /// The sine against all the rest.
    pub fn snr_db(self) -> f64 {
        20.0 * (self.amplitude / SQRT_2 / self.rest.max(1e-9)).log10()
    }
}

/// By cofactors; the matrix is symmetric.
fn inverse(m: [[f64; 3]; 3]) -> [[f64; 3]; 3] {
    let cofactor = |i: usize, j: usize| {
        let (a, b, c, d) = ((i + 1) % 3, (i + 2) % 3, (j + 1) % 3, (j + 2) % 3);
        m[a][c] * m[b][d] - m[a][d] * m[b][c]
    };
    let determinant: f64 = (0..3).map(|j| m[0][j] * cofactor(0, j)).sum();
    [0, 1, 2].map(|i| [0, 1, 2].map(|j| cofactor(i, j) / determinant))
}
