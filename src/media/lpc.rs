//! The spectral envelope of a stretch of sound: linear prediction by the autocorrelation method, and noise shaped by it.
//!
//! Invariant: the predictor is stable, whatever went in, so shaped noise never grows.

/// Coefficients of the predictor.
pub const ORDER: usize = 16;
/// Added to the energy (40 dB down), so that a pure tone does not make a filter that rings for ever.
const WHITENING: f64 = 1.0001;

/// What predicts a sample from those before it, and how far off it is.
#[derive(Clone, Debug, PartialEq)]
pub struct Envelope {
    /// Weight of the sample `n + 1` back.
    weights: [f32; ORDER],
    /// Root mean square of what is not predicted.
    residual: f32,
}

impl Envelope {
    /// The envelope of `pcm`, which should be 20 ms or so.
    pub fn of(pcm: &[i16]) -> Self {
        let sums = autocorrelation(pcm);
        let mut weights = [0.0f64; ORDER];
        let mut error = sums[0];
        if error <= 0.0 || pcm.len() <= ORDER {
            return Self { weights: [0.0; ORDER], residual: 0.0 };
        }
        // Levinson and Durbin's recursion.
        for n in 0..ORDER {
            let predicted: f64 = (0..n).map(|k| weights[k] * sums[n - k]).sum();
            let reflection = (sums[n + 1] - predicted) / error;
            let before = weights;
            weights[n] = reflection;
            for k in 0..n {
                weights[k] = before[k] - reflection * before[n - 1 - k];
            }
            error *= 1.0 - reflection * reflection;
        }
        // The window has taken 5/8 of the energy.
        let residual = (error / pcm.len() as f64 * 8.0 / 3.0).max(0.0).sqrt() as f32;
        Self { weights: weights.map(|it| it as f32), residual }
    }

    /// The sample that comes after `past` (newest last) if `excitation`, of variance 1, drives the filter.
    pub fn next(&self, past: &[f32; ORDER], excitation: f32) -> f32 {
        let predicted: f32 = self.weights.iter().zip(past.iter().rev()).map(|(weight, sample)| weight * sample).sum();
        predicted + excitation * self.residual
    }
}

/// Of the signal under a Hann window.
fn autocorrelation(pcm: &[i16]) -> [f64; ORDER + 1] {
    let step = std::f32::consts::TAU / pcm.len().max(1) as f32;
    let windowed: Vec<f32> =
        pcm.iter().enumerate().map(|(n, it)| f32::from(*it) * (0.5 - 0.5 * ((n as f32 + 0.5) * step).cos())).collect();
    let mut sums = [0.0; ORDER + 1];
    for (lag, sum) in sums.iter_mut().enumerate() {
        *sum = windowed.iter().zip(windowed.iter().skip(lag)).map(|(a, b)| f64::from(a * b)).sum();
    }
    sums[0] *= WHITENING;
    sums
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Uniform noise of variance 1.
    fn white(seed: &mut u32) -> f32 {
        *seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        ((*seed >> 8) as f32 / 8_388_608.0 - 1.0) * 3f32.sqrt()
    }

    fn shaped(envelope: &Envelope, count: usize) -> Vec<f32> {
        let (mut past, mut seed) = ([0.0; ORDER], 7);
        (0..count)
            .map(|_| {
                let sample = envelope.next(&past, white(&mut seed));
                past.rotate_left(1);
                past[ORDER - 1] = sample;
                sample
            })
            .collect()
    }

    #[test]
    fn shaped_noise_has_the_level_and_the_colour_of_its_model() {
        let mut seed = 3;
        let mut last = 0.0;
        // Low-passed noise.
        let model: Vec<i16> = (0..3200)
            .map(|_| {
                last = 0.9 * last + white(&mut seed) * 400.0;
                last as i16
            })
            .collect();
        let noise = shaped(&Envelope::of(&model), 16_000);
        let energy = |it: &mut dyn Iterator<Item = f32>| it.map(|it| f64::from(it * it)).sum::<f64>();
        let level = |energy: f64, count: usize| (energy / count as f64).sqrt();
        let (was, is) = (
            level(energy(&mut model.iter().map(|it| f32::from(*it))), model.len()),
            level(energy(&mut noise.iter().copied()), noise.len()),
        );
        assert!((0.7..1.4).contains(&(is / was)), "{was} {is}");
        let differences = level(energy(&mut noise.windows(2).map(|it| it[1] - it[0])), noise.len());
        assert!(differences < is * 0.7, "as dark as its model");
    }

    #[test]
    fn tones_and_silence_do_not_make_it_unstable() {
        for hz in [0.0f32, 50.0, 440.0, 3999.0] {
            let tone: Vec<i16> = (0..320).map(|n| ((n as f32 * hz * 0.000_392_7).cos() * 30_000.0) as i16).collect();
            assert!(shaped(&Envelope::of(&tone), 48_000).iter().all(|it| it.abs() < 200_000.0), "{hz}");
        }
        assert!(shaped(&Envelope::of(&[0; 320]), 100).iter().all(|it| *it == 0.0));
        assert!(shaped(&Envelope::of(&[]), 100).iter().all(|it| *it == 0.0));
    }
}
