#!/usr/bin/env python3
"""Makes the sounds that speech detectors are measured on, each with a list of where speech is.

    python corpus.py OUT [--human DIR] [--seed N]

Needs numpy and scipy, espeak-ng, and opus-tools. `--human DIR` adds recordings of people and of music: every file of
the Debian packages asterisk-core-sounds-{en,es,fr,it,ru}-g722 and asterisk-moh-opsound-g722, unpacked with `dpkg -x`; that
needs the PyPI package G722.

Writes 16 kHz mono WAVs and `corpus.tsv`: file, group (`speech` or `other`), material, condition, SNR in dB or `-`, and the
segments of speech, `first:last` in samples. A segment begins with the first 10 ms that are less than 20 dB below the active
level of its utterance, and holds everything up to a pause of 300 ms.
"""

import argparse
import hashlib
import subprocess
import tempfile
from pathlib import Path

import numpy as np
from scipy import signal
from scipy.io import wavfile

RATE = 16_000
SPEECH_DBFS = -26.0
VOICES = [
    ("en-us", 150), ("en-gb", 175), ("en-us+f3", 160), ("en-gb-scotland+m3", 165), ("de", 160), ("de+f2", 150),
    ("fr-fr", 170), ("fr-fr+f4", 155), ("es", 180), ("it+f5", 165), ("ru", 150), ("en-us+m7", 190),
]
SENTENCES = {
    "en": ["Stop.", "Hold on a second, I have a question.", "No, that is not what I meant.", "Yes, please go ahead.",
           "Excuse me, could you say that again?", "She sells sea shells.", "What is my account balance?",
           "I would like to speak to an agent. My number is five, five, five, two, three, one."],
    "de": ["Halt.", "Moment mal, ich habe eine Frage.", "Nein, das habe ich nicht gemeint.", "Sprechen Sie bitte weiter.",
           "Wie hoch ist mein Kontostand?", "Ich möchte mit einem Menschen sprechen."],
    "fr": ["Arrêtez.", "Attendez, j'ai une question.", "Non, ce n'est pas ce que je voulais dire.", "Oui, continuez.",
           "Quel est le solde de mon compte ?", "Je voudrais parler à un conseiller."],
    "es": ["Espera.", "Tengo una pregunta.", "No, eso no es lo que quería decir.", "Sí, siga, por favor.",
           "¿Cuál es el saldo de mi cuenta?"],
    "it": ["Fermo.", "Ho una domanda.", "No, non volevo dire questo.", "Sì, vada avanti.", "Qual è il saldo del mio conto?"],
    "ru": ["Стоп.", "Подождите, у меня вопрос.", "Нет, я не это имел в виду.", "Да, продолжайте.", "Какой у меня баланс?"],
}


def db(ratio_db):
    return 10 ** (ratio_db / 20)


def rms(x):
    return np.sqrt(np.mean(x**2)) if len(x) else 0.0


def blocks_db(x, n=RATE // 100):
    return 10 * np.log10(np.mean(x[: len(x) // n * n].reshape(-1, n) ** 2, axis=1) + 1e-12)


def active_level(x):
    """Power mean over the 10 ms that are within 20 dB of the loudest tenth."""
    levels = blocks_db(x)
    loud = np.percentile(levels, 90)
    return 10 * np.log10(np.mean(10 ** (levels[levels > loud - 20] / 10)))


def at_level(x, dbfs):
    return x * db(dbfs - active_level(x))


def segments(x):
    """Where speech is, in an utterance without noise."""
    n = RATE // 100
    loud = np.flatnonzero(blocks_db(x, n) > active_level(x) - 20)
    found = []
    for block in loud:
        if found and block - found[-1][1] < 30:
            found[-1][1] = block
        else:
            found.append([block, block])
    return [(first * n, (last + 1) * n) for first, last in found if last > first + 5]


class Maker:
    def __init__(self, out, seed=1):
        self.out = out
        self.rng = np.random.default_rng(seed)
        self.rows = []

    def write(self, group, material, condition, snr, pcm, where):
        name = hashlib.sha256(f"{group} {material} {condition} {snr}".encode()).hexdigest()[:12] + ".wav"
        wavfile.write(self.out / name, RATE, np.clip(np.round(pcm * 32768), -32768, 32767).astype(np.int16))
        spans = ",".join(f"{a}:{b}" for a, b in where)
        self.rows.append(f"{name}\t{group}\t{material}\t{condition}\t{snr}\t{spans}")

    # --- noise; all of about -0 dB, to be scaled

    def white(self, n):
        return self.rng.standard_normal(n)

    def shaped(self, n, gain):
        spectrum = np.fft.rfft(self.white(n))
        spectrum *= gain(np.fft.rfftfreq(n, 1 / RATE))
        x = np.fft.irfft(spectrum, n)
        return x / rms(x)

    def pink(self, n):
        return self.shaped(n, lambda f: 1 / np.sqrt(np.maximum(f, 20)))

    def car(self, n):
        """Rumble falling with 9 dB per octave, with a slow swell and the odd bump."""
        x = self.shaped(n, lambda f: (np.maximum(f, 30) / 30) ** -1.5)
        swell = 1 + 0.4 * np.sin(2 * np.pi * 0.13 * np.arange(n) / RATE)
        x = x * swell
        for at in self.rng.integers(0, max(1, n - 2000), max(1, n // (4 * RATE))):
            x[at : at + 2000] += 4 * self.white(2000) * np.exp(-np.arange(2000) / 300) * np.hanning(2000)
        x = signal.sosfilt(signal.butter(2, 60, "high", fs=RATE, output="sos"), x)
        return x / rms(x)

    def hum(self, n):
        t = np.arange(n) / RATE
        x = sum(np.sin(2 * np.pi * 50 * k * t + k) / k for k in (1, 2, 3, 4, 5, 7, 9)) + 0.02 * self.white(n)
        return x / rms(x)

    def babble(self, n, talkers):
        x = np.zeros(n)
        for _ in range(8):
            speech = np.concatenate([talkers[k] for k in self.rng.permutation(len(talkers))])
            while len(speech) < n:
                speech = np.concatenate([speech, speech])
            at = self.rng.integers(0, len(speech))
            x += np.roll(speech, at)[:n]
        return x / rms(x)

    # --- sounds that are no speech

    def tone(self, frequencies, ms, gain=1.0):
        n = RATE * ms // 1000
        t = np.arange(n) / RATE
        x = sum(np.sin(2 * np.pi * f * t) for f in frequencies) * gain / len(frequencies)
        ramp = min(n // 2, RATE // 200)
        x[:ramp] *= np.linspace(0, 1, ramp)
        x[n - ramp :] *= np.linspace(1, 0, ramp)
        return x

    def dtmf(self, n):
        rows, columns = (697, 770, 852, 941), (1209, 1336, 1477, 1633)
        out = []
        while sum(map(len, out)) < n:
            key = [rows[self.rng.integers(4)], columns[self.rng.integers(4)]]
            out.append(self.tone(key, int(self.rng.integers(60, 300))))
            out.append(np.zeros(int(RATE * self.rng.uniform(0.05, 1.2))))
        return np.concatenate(out)[:n] * 0.3

    def cadence(self, n, frequencies, on_ms, off_ms):
        one = np.concatenate([self.tone(frequencies, on_ms), np.zeros(RATE * off_ms // 1000)])
        return np.tile(one, n // len(one) + 1)[:n] * 0.2

    def music(self, n):
        """Chords and an arpeggio of decaying harmonic notes."""
        x = np.zeros(n + 2 * RATE)
        beat = int(RATE * 0.25)
        chords = [(220, 262, 330), (175, 220, 262), (196, 247, 294), (165, 208, 247)]
        for k, at in enumerate(range(0, n, beat)):
            chord = chords[k // 8 % 4]
            notes = chord if k % 8 == 0 else (chord[k % 3] * 2,)
            for f in notes:
                length = RATE * (2 if k % 8 == 0 else 1)
                t = np.arange(length) / RATE
                note = sum(np.sin(2 * np.pi * f * h * t) / h**1.5 for h in range(1, 8)) * np.exp(-t * 2.5)
                note[:80] *= np.linspace(0, 1, 80)
                x[at : at + length] += note[: len(x) - at]
        return x[:n] / np.max(np.abs(x)) * 0.3

    def clicks(self, n):
        x = np.zeros(n)
        for at in np.cumsum(self.rng.uniform(0.05, 0.8, n // RATE * 4) * RATE).astype(int):
            length = int(self.rng.integers(8, 400))
            if at + length < n:
                x[at : at + length] += self.white(length) * np.exp(-np.arange(length) / (length / 4))
        return x / np.max(np.abs(x)) * self.rng.uniform(0.3, 0.9)

    def comfort_noise(self, n):
        """Silence of a codec: soft noise whose level steps, with holes of digital zero."""
        x = self.shaped(n, lambda f: 1 / (1 + (f / 800) ** 2))
        at = 0
        while at < n:
            length = int(RATE * self.rng.uniform(0.3, 2.0))
            x[at : at + length] *= 0 if self.rng.random() < 0.3 else db(self.rng.uniform(-62, -48))
            at += length
        return x

    def bursts(self, n):
        """A door, a cough of noise, wind: pink noise with quick attacks of 20 dB."""
        x = self.pink(n) * db(-55)
        for at in np.cumsum(self.rng.uniform(1.0, 3.0, n // RATE)).astype(float) * RATE:
            at, length = int(at), int(RATE * self.rng.uniform(0.05, 0.6))
            if at + length < n:
                x[at : at + length] += self.pink(length) * np.hanning(length) * db(self.rng.uniform(-40, -25))
        return x


def espeak(voice, speed, text):
    with tempfile.NamedTemporaryFile(suffix=".wav") as file:
        subprocess.run(["espeak-ng", "-v", voice, "-s", str(speed), "-w", file.name, text], check=True)
        rate, pcm = wavfile.read(file.name)
    x = signal.resample_poly(pcm / 32768, 320, 441) if rate == 22_050 else signal.resample_poly(pcm / 32768, RATE, rate)
    return at_level(x, SPEECH_DBFS)


def g722(path):
    from G722 import G722

    return np.array(G722(RATE, 64_000).decode(path.read_bytes()), dtype=np.float64) / 32768


def people(folder, rng, count=20):
    """Utterances of 0.8 to 8 s of each speaker."""
    speakers = {}
    for voice in sorted(folder.glob("**/sounds/*_*_*_*")):
        files = sorted(voice.glob("*.g722"))
        files = [files[k] for k in rng.permutation(len(files))]
        files = [it for it in files if 0.8 * 8000 < it.stat().st_size < 8 * 8000 and "tone" not in it.name and "beep" not in it.name]
        utterances = [at_level(g722(it), SPEECH_DBFS) for it in files[:count]]
        if utterances:
            speakers[voice.name] = utterances
    return speakers


def conversation(maker, utterances, offset_db=True):
    """Utterances with 1.5 to 3 s between them, at levels that differ by up to 12 dB; and where they are."""
    parts, where, at = [np.zeros(2 * RATE)], [], 2 * RATE
    for x in utterances:
        x = x * db(maker.rng.uniform(-6, 6) if offset_db else 0)
        where += [(at + a, at + b) for a, b in segments(x)]
        pause = np.zeros(int(RATE * maker.rng.uniform(1.5, 3.0)))
        parts += [x, pause]
        at += len(x) + len(pause)
    return np.concatenate(parts), where


def mulaw(x):
    """There and back at 8 kHz, as PCMU does it."""
    narrow = np.clip(signal.resample_poly(x, 1, 2), -1, 1) * 32635
    magnitude = np.minimum(np.abs(narrow), 32635) + 132
    exponent = np.floor(np.log2(magnitude)) - 7
    step = 2.0 ** (exponent + 3)
    coded = (np.floor(magnitude / step) + 0.5) * step - 132
    return signal.resample_poly(np.sign(narrow) * coded / 32768, 2, 1)[: len(x)]


def opus(x, kbps):
    with tempfile.TemporaryDirectory() as folder:
        wav, coded = Path(folder) / "a.wav", Path(folder) / "a.opus"
        wavfile.write(wav, RATE, np.clip(np.round(x * 32768), -32768, 32767).astype(np.int16))
        subprocess.run(["opusenc", "--quiet", "--speech", "--bitrate", str(kbps), wav, coded], check=True)
        subprocess.run(["opusdec", "--quiet", "--rate", str(RATE), coded, wav], check=True)
        y = wavfile.read(wav)[1] / 32768
    return np.pad(y, (0, max(0, len(x) - len(y))))[: len(x)]


CODINGS = {"none": lambda x: x, "PCMU": mulaw, "Opus 24k": lambda x: opus(x, 24), "Opus 12k": lambda x: opus(x, 12)}


def main():
    options = argparse.ArgumentParser()
    options.add_argument("out", type=Path)
    options.add_argument("--human", type=Path)
    options.add_argument("--seed", type=int, default=1, help="other noise, and other recordings of the same people")
    options = options.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    maker = Maker(options.out, options.seed)

    synthetic = {
        voice: [espeak(voice, speed, text) for text in SENTENCES[voice[:2]]] for voice, speed in VOICES
    }
    speakers = {f"espeak {name}": said for name, said in synthetic.items()}
    if options.human:
        speakers |= {f"human {name}": said for name, said in people(options.human, maker.rng).items()}
    everybody = [x for said in speakers.values() for x in said]
    noises = {
        "white": maker.white, "pink": maker.pink, "babble": lambda n: maker.babble(n, everybody), "car": maker.car,
        "hum": maker.hum,
    }

    for name, said in speakers.items():
        clean, where = conversation(maker, said)
        for coding, through in CODINGS.items():
            maker.write("speech", name, f"clean, {coding}", "-", through(clean), where)
        for noise, make in noises.items():
            field = make(len(clean)) * db(SPEECH_DBFS)
            for snr in (0, 5, 10, 15, 20, 30):
                noisy = clean + field * db(-snr)
                for coding, through in CODINGS.items():
                    if coding == "none" or snr == 15:
                        maker.write("speech", name, f"{noise}, {coding}", snr, through(noisy), where)

    long = 60 * RATE
    others = {
        "DTMF": maker.dtmf(long),
        "ring-back 440+480": maker.cadence(long, (440, 480), 2000, 4000),
        "ring-back 425": maker.cadence(long, (425,), 1000, 4000),
        "ring-back 400+450": maker.cadence(long, (400, 450), 400, 200),
        "busy 480+620": maker.cadence(long, (480, 620), 500, 500),
        "busy 425": maker.cadence(long, (425,), 480, 480),
        "dial 350+440": maker.cadence(long, (350, 440), 10_000, 2000),
        "fax 1100": maker.cadence(long, (1100,), 500, 3000),
        "synthetic music": maker.music(long),
        "clicks": maker.clicks(long),
        "comfort noise": maker.comfort_noise(long),
        "noise bursts": maker.bursts(long),
        "digital silence": np.zeros(long),
    }
    for noise in ("white", "pink", "babble", "car", "hum"):
        others[f"{noise}, -36 dBFS"] = noises[noise](long) * db(-36)
    for noise in ("white", "pink", "car", "hum"):
        others[f"{noise}, -56 dBFS"] = noises[noise](long) * db(-56)
        steps = np.repeat(db(maker.rng.uniform(-60, -36, 15)), long // 15)
        others[f"{noise}, in steps"] = noises[noise](len(steps)) * steps
    if options.human:
        for path in sorted(options.human.glob("**/moh/*.g722")):
            others[f"music {path.stem}"] = g722(path)[RATE * 20 :][: 3 * long]
    for name, x in others.items():
        for coding, through in CODINGS.items():
            maker.write("other", name, coding, "-", through(x), [])

    (options.out / "corpus.tsv").write_text("\n".join(maker.rows) + "\n")
    print(f"{len(maker.rows)} files in {options.out}")


if __name__ == "__main__":
    main()
