/**
 * What a plot wants of one second of a connection, from two reports of getStats().
 * Invariant: pure; a value that is not known is absent, never 0.
 */

/** A dictionary of webrtc-stats, as getStats() gives it. */
export type Stats = Record<string, unknown> & { id: string; type: string; timestamp: number };

export interface States {
  connection: string;
  ice: string;
  gathering: string;
  signaling: string;
}

/** Of the stream of that direction that carried most packets since the last sample. */
interface Direction {
  codec?: string;
  /** In the second between two samples. */
  kbps?: number;
  packets?: number;
  /** Percent of the packets of that second; of what we send, as the far end reports it. */
  loss?: number;
  jitterMs?: number;
  /** RMS of that second, 1 being full scale. */
  level?: number;
}

export interface Sample {
  unixMs: number;
  states: States;
  receive?: Direction & {
    /** Between a packet and its sound, in the mean of that second. */
    delayMs?: number;
    /** Percent of the sound of that second that was made up. */
    concealed?: number;
  };
  send?: Direction;
  rttMs?: number;
  /** Address, kind and protocol of both ends. */
  pair?: { local: string; remote: string };
  cipher?: string;
  dtls?: string;
}

/** `before`: the report that the last sample was made of. */
export function sampleOf(now: Stats[], before: Stats[] | undefined, states: States): Sample {
  const at = new Map(now.map((entry) => [entry.id, entry]));
  const was = new Map((before ?? []).map((entry) => [entry.id, entry]));
  const inbound = busiest(now, was, 'inbound-rtp', 'packetsReceived');
  const outbound = busiest(now, was, 'outbound-rtp', 'packetsSent');
  const heard = outbound && at.get(String(outbound.remoteId));
  const transport = now.find(({ type }) => type === 'transport');
  const pair = transport && at.get(String(transport.selectedCandidatePairId));
  const rtt = number(heard?.roundTripTime) ?? number(pair?.currentRoundTripTime);
  return defined({
    unixMs: Math.round(now[0]?.timestamp ?? Date.now()),
    states,
    receive: inbound && receiving(inbound, was.get(inbound.id), at),
    send: outbound && sending(outbound, was, at, heard),
    rttMs: rounded(rtt && rtt * 1000),
    pair: pair && {
      local: place(at.get(String(pair.localCandidateId))),
      remote: place(at.get(String(pair.remoteCandidateId))),
    },
    cipher: text(transport?.srtpCipher),
    dtls: text(transport?.dtlsState),
  });
}

function busiest(now: Stats[], was: Map<string, Stats>, type: string, counter: string): Stats | undefined {
  const streams = now.filter((entry) => entry.type === type && entry.kind === 'audio');
  const since = (entry: Stats) => (number(entry[counter]) ?? 0) - (number(was.get(entry.id)?.[counter]) ?? 0);
  return streams.reduce<Stats | undefined>(
    (best, entry) => (best && since(best) >= since(entry) ? best : entry),
    undefined,
  );
}

function receiving(stream: Stats, before: Stats | undefined, at: Map<string, Stats>): Sample['receive'] {
  const grew = growth(stream, before);
  const [packets, lost, emitted] = [grew('packetsReceived'), grew('packetsLost'), grew('jitterBufferEmittedCount')];
  const expected = (packets ?? 0) + Math.max(0, lost ?? 0);
  return defined({
    codec: codecName(at.get(String(stream.codecId))),
    kbps: rate(grew('bytesReceived'), stream, before),
    packets,
    loss: expected > 0 ? rounded((100 * Math.max(0, lost ?? 0)) / expected) : undefined,
    jitterMs: milliseconds(stream.jitter),
    level: loudness(grew),
    delayMs: ratio(grew('jitterBufferDelay'), emitted, 1000),
    concealed: ratio(grew('concealedSamples'), grew('totalSamplesReceived'), 100),
  });
}

function sending(stream: Stats, was: Map<string, Stats>, at: Map<string, Stats>, heard: Stats | undefined): Direction {
  const before = was.get(stream.id);
  const grew = growth(stream, before);
  const source = at.get(String(stream.mediaSourceId));
  const fraction = number(heard?.fractionLost);
  return defined({
    codec: codecName(at.get(String(stream.codecId))),
    kbps: rate(grew('bytesSent'), stream, before),
    packets: grew('packetsSent'),
    loss: fraction === undefined ? undefined : rounded(100 * fraction),
    jitterMs: milliseconds(heard?.jitter),
    level: source && loudness(growth(source, was.get(source.id))),
  });
}

type Growth = (member: string) => number | undefined;

function growth(entry: Stats, before: Stats | undefined): Growth {
  return (member) => {
    const [to, from] = [number(entry[member]), number(before?.[member])];
    return to === undefined || from === undefined ? undefined : to - from;
  };
}

/** webrtc-stats, totalAudioEnergy: the mean square is the energy over the duration. */
function loudness(grew: Growth): number | undefined {
  const [energy, seconds] = [grew('totalAudioEnergy'), grew('totalSamplesDuration')];
  if (energy === undefined || seconds === undefined || seconds <= 0) return undefined;
  return rounded(Math.sqrt(Math.max(0, energy) / seconds), 5);
}

function rate(bytes: number | undefined, now: Stats, before: Stats | undefined): number | undefined {
  if (bytes === undefined || !before || now.timestamp <= before.timestamp) return undefined;
  return rounded((8 * bytes) / (now.timestamp - before.timestamp));
}

function ratio(part: number | undefined, whole: number | undefined, scale: number): number | undefined {
  return part === undefined || whole === undefined || whole <= 0 ? undefined : rounded((scale * part) / whole);
}

function codecName(codec: Stats | undefined): string | undefined {
  if (typeof codec?.mimeType !== 'string') return undefined;
  const channels = number(codec.channels) ?? 1;
  return `${codec.mimeType.replace(/^audio\//, '')}/${codec.clockRate}${channels > 1 ? `/${channels}` : ''}`;
}

function place(candidate: Stats | undefined): string {
  if (!candidate) return 'unknown';
  const { address, port, candidateType, protocol, relayProtocol } = candidate;
  const shown = String(address ?? 'hidden').includes(':') ? `[${address}]` : String(address ?? 'hidden');
  return `${shown}:${port} ${candidateType} ${relayProtocol ? `over ${relayProtocol}` : protocol}`;
}

function number(value: unknown): number | undefined {
  return typeof value === 'number' && Number.isFinite(value) ? value : undefined;
}

function text(value: unknown): string | undefined {
  return typeof value === 'string' ? value : undefined;
}

function milliseconds(seconds: unknown): number | undefined {
  const value = number(seconds);
  return value === undefined ? undefined : rounded(1000 * value);
}

function rounded(value: number | undefined, digits = 2): number | undefined {
  return value === undefined ? undefined : Number(value.toFixed(digits));
}

function defined<T extends object>(members: T): T {
  return Object.fromEntries(Object.entries(members).filter(([, value]) => value !== undefined)) as T;
}
