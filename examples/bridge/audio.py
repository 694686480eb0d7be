"""What a voice bot does with samples: WAV files, rates, mu-law, and who is speaking.

Samples are mono 16-bit in an array('h'). Nothing here needs more than Python's library.
"""

import math
import sys
import wave
from array import array
from operator import mul


def read_wav(path, rate):
    """A 16-bit WAV as samples at `rate`; of several channels the first."""
    with wave.open(str(path), "rb") as file:
        if file.getsampwidth() != 2:
            raise ValueError(f"{path}: 16-bit PCM is needed")
        samples = from_bytes(file.readframes(file.getnframes()))
        samples = samples[:: file.getnchannels()]
        return Resampler(file.getframerate(), rate).feed(samples)


def from_bytes(data):
    """Little-endian PCM16."""
    samples = array("h")
    samples.frombytes(data[: len(data) & ~1])
    if sys.byteorder == "big":
        samples.byteswap()
    return samples


def to_bytes(samples):
    """Little-endian PCM16."""
    if sys.byteorder == "big":
        samples = array("h", samples)
        samples.byteswap()
    return samples.tobytes()


def loudness(samples):
    """Root mean square, 0 to 32767."""
    return math.sqrt(sum(map(mul, samples, samples)) / len(samples)) if samples else 0.0


class Resampler:
    """Changes the sample rate of a stream, block by block: a windowed sinc, one set of weights for each phase.

    Invariant: the blocks' borders leave no trace; the output is late by half the filter, HALF samples of the lower rate.
    """

    HALF = 12

    def __init__(self, source, target):
        common = math.gcd(source, target)
        self._up, self._down = target // common, source // common
        cutoff = 0.94 * min(1.0, target / source)
        self._half = math.ceil(self.HALF * max(1.0, source / target))
        self._phases = [self._weights(phase / self._up, cutoff) for phase in range(self._up)]
        self._buffer = array("h", bytes(2 * 2 * self._half))
        self._phase = 0  # of the next output sample, in 1/up of an input sample

    def _weights(self, fraction, cutoff):
        half, weights = self._half, []
        for tap in range(-half + 1, half + 1):
            x = tap - fraction
            sinc = 1.0 if x == 0 else math.sin(math.pi * cutoff * x) / (math.pi * cutoff * x)
            weights.append(sinc * (0.5 + 0.5 * math.cos(math.pi * x / (half + 1))))
        total = sum(weights)
        return [weight / total for weight in weights]

    def feed(self, samples):
        if self._up == self._down:
            return samples
        buffer, width = self._buffer, 2 * self._half
        buffer.extend(samples)
        out, at, phase = array("h"), 0, self._phase
        while at + width < len(buffer):
            value = sum(map(mul, self._phases[phase], buffer[at : at + width]))
            out.append(max(-32768, min(32767, round(value))))
            phase += self._down
            at += phase // self._up
            phase %= self._up
        del buffer[:at]
        self._phase = phase
        return out


def _mulaw_level(code):
    bits = ~code & 0xFF
    magnitude = (((bits & 0x0F) << 3) + 0x84) << ((bits >> 4) & 7)
    return 0x84 - magnitude if bits & 0x80 else magnitude - 0x84


def _mulaw_code(sample):
    sign = 0x80 if sample < 0 else 0
    magnitude = min(abs(sample), 32635) + 0x84
    exponent = magnitude.bit_length() - 8
    return ~(sign | exponent << 4 | (magnitude >> (exponent + 3)) & 0x0F) & 0xFF


_DECODED = [_mulaw_level(code) for code in range(256)]
_ENCODED = [_mulaw_code(sample if sample < 32768 else sample - 65536) for sample in range(65536)]


def decode_mulaw(data):
    return array("h", map(_DECODED.__getitem__, data))


def encode_mulaw(samples):
    return bytes(_ENCODED[sample & 0xFFFF] for sample in samples)


class SpeechDetector:
    """Says when somebody begins and stops to speak, by loudness alone. Good enough for an echo; a real bot has its own.

    Speech begins after BEGIN_MS of sound and ends after END_MS of quiet.
    """

    BEGIN_MS = 60
    END_MS = 600
    THRESHOLD = 500

    def __init__(self, rate):
        self._rate = rate
        self._run_ms = 0.0  # how long it has been the other way
        self.speaking = False

    def feed(self, samples):
        """'begin', 'end' or None."""
        loud = loudness(samples) > self.THRESHOLD
        if loud == self.speaking:
            self._run_ms = 0.0
            return None
        self._run_ms += 1000 * len(samples) / self._rate
        if self._run_ms < (self.END_MS if self.speaking else self.BEGIN_MS):
            return None
        self._run_ms = 0.0
        self.speaking = not self.speaking
        return "begin" if self.speaking else "end"
