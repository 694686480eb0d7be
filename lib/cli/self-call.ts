/**
 * A call of this machine with itself, through everything that a call goes through: how late and how clean sound arrives.
 * Invariant: both connections are closed, whatever happens.
 */
import type * as api from 'webphone-rtc';
import type { Finding } from './finding';

const RATE_HZ = 16_000;
const FRAME_MS = 20;
const FRAMES = (RATE_HZ * FRAME_MS) / 1000;
const TONE_HZ = 1000;
const AMPLITUDE = 12_000;
/** Beeps whose way is timed, each after a pause that is longer than any buffer. */
const BEEPS = 6;
const BEEP_MS = 100;
const PAUSE_MS = 300;
const TONE_MS = 2000;
const CONNECT_LIMIT_MS = 10_000;
const HEARD_LIMIT_MS = 3000;
/** Of 32767. A beep is beyond it in its first frame, what a codec leaves of silence is not. */
const HEARD = 1500;

const LATE_MS = 150;
const CLEAN_DB = 20;
const MOST_CONCEALED = 0.02;

export async function selfCall(
  rtc: typeof api,
  limits = { connectMs: CONNECT_LIMIT_MS, heardMs: HEARD_LIMIT_MS },
): Promise<Finding[]> {
  const configuration = { loopback: true };
  const [caller, called] = [new rtc.RTCPeerConnection(configuration), new rtc.RTCPeerConnection(configuration)];
  const source = new rtc.PcmSource({ sampleRate: RATE_HZ });
  try {
    const began = performance.now();
    const track = await connect(caller, called, source, limits.connectMs);
    if (typeof track === 'string') return [notConnected(track)];
    const setupMs = Math.round(performance.now() - began);
    const connected: Finding = {
      id: 'self-call',
      status: 'ok',
      says: `A call with itself is up after ${setupMs} ms`,
      data: { setupMs },
    };
    const sink = new rtc.PcmSink(track, { sampleRate: RATE_HZ, frameMs: FRAME_MS });
    // Read all the time: a sink that nobody reads has old frames for who comes next.
    sink.on('data', () => {});
    try {
      const latencies = await beeps(source, sink, limits.heardMs);
      if (latencies === null) return [notHeard()];
      const heard = await tone(source, sink);
      return [connected, judgeLatency(latencies), judgeQuality(heard, await concealedShare(called))];
    } finally {
      sink.close();
    }
  } finally {
    caller.close();
    called.close();
  }
}

/** The remote track of the called end, or the state of ICE in which it got stuck. */
async function connect(
  caller: api.RTCPeerConnection,
  called: api.RTCPeerConnection,
  source: api.PcmSource,
  limitMs: number,
): Promise<MediaStreamTrack | string> {
  caller.addEventListener(
    'icecandidate',
    ({ candidate }) => void called.addIceCandidate(candidate ?? undefined).catch(() => {}),
  );
  called.addEventListener(
    'icecandidate',
    ({ candidate }) => void caller.addIceCandidate(candidate ?? undefined).catch(() => {}),
  );
  const arrived = new Promise<MediaStreamTrack>((resolve) => {
    called.addEventListener('track', ({ track }) => resolve(track));
  });
  const up = [caller, called].map(
    (end) =>
      new Promise<void>((resolve) => {
        end.addEventListener('connectionstatechange', () => {
          if (end.connectionState === 'connected') resolve();
        });
      }),
  );
  let limit: NodeJS.Timeout | undefined;
  const late = new Promise<string>((resolve) => {
    limit = setTimeout(() => resolve(caller.iceConnectionState), limitMs);
    caller.addEventListener('icegatheringstatechange', () => {
      const hopeless =
        caller.iceGatheringState === 'complete' && !caller.localDescription?.sdp.includes('a=candidate:');
      if (hopeless) resolve(caller.iceConnectionState);
    });
  });
  try {
    caller.addTrack(source.createTrack());
    await caller.setLocalDescription();
    await called.setRemoteDescription(caller.localDescription as RTCSessionDescription);
    await called.setLocalDescription();
    await caller.setRemoteDescription(called.localDescription as RTCSessionDescription);
    return await Promise.race([Promise.all(up).then(() => arrived), late]);
  } finally {
    clearTimeout(limit);
  }
}

/** Milliseconds from write() to the frame in which each beep is heard; null if one is not. */
async function beeps(source: api.PcmSource, sink: api.PcmSink, limitMs: number): Promise<number[] | null> {
  const latencies: number[] = [];
  for (let n = 0; n < BEEPS; n++) {
    await pause(PAUSE_MS);
    const heard = nextSound(sink, limitMs);
    const written = performance.now();
    source.write(sine(BEEP_MS));
    const at = await heard;
    if (at === null) return null;
    latencies.push(at - written);
    await pause(BEEP_MS);
  }
  return latencies;
}

function nextSound(sink: api.PcmSink, limitMs: number): Promise<number | null> {
  return new Promise((resolve) => {
    const done = (at: number | null) => {
      clearTimeout(limit);
      sink.off('data', hear);
      resolve(at);
    };
    const hear = ({ samples }: api.PcmFrame) => {
      if (samples.some((sample) => Math.abs(sample) > HEARD)) done(performance.now());
    };
    const limit = setTimeout(() => done(null), limitMs);
    sink.on('data', hear);
  });
}

/** What is heard of a steady tone, without its beginning and its end. */
async function tone(source: api.PcmSource, sink: api.PcmSink): Promise<Int16Array[]> {
  const frames: Int16Array[] = [];
  const hear = ({ samples }: api.PcmFrame) => frames.push(Int16Array.from(samples));
  await pause(PAUSE_MS);
  const heard = nextSound(sink, HEARD_LIMIT_MS);
  for (let ms = 0; ms < TONE_MS; ms += BEEP_MS) await source.captureFrame(sine(BEEP_MS, ms));
  await heard;
  sink.on('data', hear);
  for (let ms = 0; ms < TONE_MS; ms += BEEP_MS) await source.captureFrame(sine(BEEP_MS, ms));
  sink.off('data', hear);
  return frames;
}

function sine(ms: number, fromMs = 0): Int16Array {
  const first = (fromMs * RATE_HZ) / 1000;
  return Int16Array.from({ length: (ms * RATE_HZ) / 1000 }, (_, n) =>
    Math.round(AMPLITUDE * Math.sin((2 * Math.PI * TONE_HZ * (first + n)) / RATE_HZ)),
  );
}

async function concealedShare(connection: api.RTCPeerConnection): Promise<number> {
  for (const entry of (await connection.getStats()).values()) {
    if (entry.type === 'inbound-rtp' && entry.totalSamplesReceived > 0) {
      return (entry.concealedSamples - (entry.silentConcealedSamples ?? 0)) / entry.totalSamplesReceived;
    }
  }
  return 0;
}

export function judgeLatency(latencies: number[]): Finding {
  const sorted = latencies.toSorted((a, b) => a - b).map(Math.round);
  const medianMs = sorted[Math.floor(sorted.length / 2)] ?? 0;
  const worstMs = sorted.at(-1) ?? 0;
  const data = { medianMs, worstMs };
  const says = `Sound takes ${medianMs} ms from write() to the sink, at worst ${worstMs} ms`;
  if (medianMs <= LATE_MS) return { id: 'latency', status: 'ok', says, data };
  return {
    id: 'latency',
    status: 'warning',
    says: `${says}: that is late`,
    advice:
      'The machine, or the event loop of this process, is too busy. Look for other load (`top`); give the process a core.',
    data,
  };
}

export function judgeQuality(frames: Int16Array[], concealed: number): Finding {
  const signals = frames.map(snrDb).toSorted((a, b) => a - b);
  const medianDb = Math.round(signals[Math.floor(signals.length / 2)] ?? 0);
  const spoilt = signals.filter((snr) => snr < CLEAN_DB / 2).length / Math.max(1, signals.length);
  const percent = (share: number) => `${(100 * share).toFixed(1)} %`;
  const data = { snrDb: medianDb, spoiltFrames: Number(spoilt.toFixed(4)), concealed: Number(concealed.toFixed(4)) };
  const says = `A tone arrives with ${medianDb} dB over its noise; ${percent(spoilt)} of its frames are spoilt, ${percent(concealed)} of all sound was made up`;
  if (medianDb >= CLEAN_DB && spoilt <= MOST_CONCEALED && concealed <= MOST_CONCEALED) {
    return { id: 'quality', status: 'ok', says, data };
  }
  return {
    id: 'quality',
    status: 'warning',
    says: `${says}: that is heard`,
    advice:
      'Packets come too late on this machine itself: it is too busy, or its clock stops now and then (virtual machines with steal time).',
    data,
  };
}

/** Least squares of the tone's frequency: its power over that of the rest. */
function snrDb(samples: Int16Array): number {
  const step = (2 * Math.PI * TONE_HZ) / RATE_HZ;
  let [sine, cosine, energy] = [0, 0, 0];
  samples.forEach((sample, n) => {
    sine += sample * Math.sin(step * n);
    cosine += sample * Math.cos(step * n);
    energy += sample * sample;
  });
  // A frame of 20 ms holds whole periods: sine and cosine are orthogonal in it.
  const signal = (2 * (sine ** 2 + cosine ** 2)) / FRAMES;
  return 10 * Math.log10(Math.max(signal, 1e-9) / Math.max(energy - signal, 1));
}

function notConnected(state: string): Finding {
  return {
    id: 'self-call',
    status: 'failure',
    says: `A call of this machine with itself does not come up (ICE: ${state})`,
    advice:
      state === 'new'
        ? 'There is no address to try, not even the loopback’s, or no port on one: see interfaces and ports above; `ip link set lo up`.'
        : 'A firewall on this machine drops UDP between its own addresses: allow it, or look at `DEBUG=webphone-rtc:* npx webphone-rtc doctor`.',
    data: { state },
  };
}

function notHeard(): Finding {
  return {
    id: 'self-call',
    status: 'failure',
    says: 'A call of this machine with itself is up, and nothing is heard',
    advice: 'Run `DEBUG=webphone-rtc:* npx webphone-rtc doctor`, and file an issue with what it prints.',
  };
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => {
    setTimeout(resolve, ms);
  });
}
