//! Comfort noise (RFC 3389): the level is obeyed, the spectrum is a plain low-pass.
//!
//! Invariant: never louder than a quiet room, whatever the payload says.

/// The loudest noise played, in -dBov.
const LOUDEST: u8 = 40;

/// A generator that makes the same noise for the same calls.
#[derive(Clone, Debug)]
pub struct ComfortNoise {
    amplitude: f32,
    seed: u32,
    last: f32,
}

impl Default for ComfortNoise {
    fn default() -> Self {
        Self { amplitude: 0.0, seed: 0x1234_5678, last: 0.0 }
    }
}

impl ComfortNoise {
    /// Takes the level of a payload: the first byte, 0 to 127 -dBov. An empty payload means silence.
    pub fn set(&mut self, payload: &[u8]) {
        self.amplitude = match payload.first() {
            Some(level) if *level < 127 => 32_768.0 * 10f32.powf(-f32::from((level & 0x7f).max(LOUDEST)) / 20.0),
            _ => 0.0,
        };
    }

    /// Back to silence.
    pub fn stop(&mut self) {
        self.amplitude = 0.0;
    }

    /// Is there any noise to make?
    pub fn active(&self) -> bool {
        self.amplitude > 0.0
    }

    /// Appends `samples` of noise, or of silence.
    pub fn fill(&mut self, samples: usize, out: &mut Vec<i16>) {
        if !self.active() {
            out.resize(out.len() + samples, 0);
            return;
        }
        // White noise of variance 1/3 through y = (x + y) / 2 has variance 1/9: three times it has the rms asked for.
        out.extend((0..samples).map(|_| {
            self.seed = self.seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            let white = (self.seed >> 8) as f32 / 8_388_608.0 - 1.0;
            self.last = (self.last + white) / 2.0;
            (self.last * 3.0 * self.amplitude) as i16
        }));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::media::level::Level;

    fn level(payload: &[u8]) -> u8 {
        let (mut noise, mut pcm, mut level) = (ComfortNoise::default(), Vec::new(), Level::default());
        noise.set(payload);
        noise.fill(8000, &mut pcm);
        level.add(&pcm, 8000);
        level.dbov()
    }

    #[test]
    fn noise_has_the_level_asked_for_but_is_never_loud() {
        assert!((54..=56).contains(&level(&[55])), "{}", level(&[55]));
        assert!((39..=41).contains(&level(&[0])), "{}", level(&[0]));
        assert_eq!(level(&[127]), 127);
        assert_eq!(level(&[]), 127);
    }
}
