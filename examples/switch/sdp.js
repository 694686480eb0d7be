// The switch's own reading and writing of SDP. It shares no code with the stack under test.
// The writer has one entry per generation of RingCentral's edge, with the traits that trip strict stacks.

/** What the switch needs to know of a phone's SDP; null when there is no m=audio line. */
function parse(text) {
  const lines = text.split(/\r?\n/);
  const start = lines.findIndex((line) => line.startsWith('m='));
  const session = start < 0 ? lines : lines.slice(0, start);
  const next = lines.findIndex((line, i) => i > start && line.startsWith('m='));
  const media = start < 0 ? [] : lines.slice(start, next < 0 ? undefined : next);
  const [, kind, port, protocol, formats] = /^m=(\S+) (\d+)\S* (\S+) (.*)$/.exec(media[0] ?? '') ?? [];
  if (kind !== 'audio') return null;
  const attribute = (name) => {
    for (const part of [media, session]) {
      const line = part.find((l) => l === `a=${name}` || l.startsWith(`a=${name}:`));
      if (line) return line.slice(name.length + 3);
    }
    return undefined;
  };
  const all = (name) =>
    [...session, ...media].filter((l) => l.startsWith(`a=${name}:`)).map((l) => l.slice(name.length + 3));
  const names = new Map(all('rtpmap').map((value) => [Number(value.split(' ')[0]), value.split(' ')[1]]));
  const direction =
    [...media, ...session].map((l) => /^a=(sendrecv|sendonly|recvonly|inactive)$/.exec(l)?.[1]).find(Boolean) ??
    'sendrecv';
  return {
    port: Number(port),
    protocol,
    direction,
    codecs: formats
      .trim()
      .split(' ')
      .map(Number)
      .map((payloadType) => codecOf(payloadType, names.get(payloadType))),
    ufrag: attribute('ice-ufrag'),
    pwd: attribute('ice-pwd'),
    lite: attribute('ice-lite') !== undefined,
    setup: attribute('setup'),
    mid: attribute('mid'),
    rtcpMux: attribute('rtcp-mux') !== undefined,
    fingerprints: all('fingerprint').map((value) => ({
      algorithm: value.split(' ')[0].toLowerCase(),
      value: value.split(' ')[1].toUpperCase(),
    })),
    candidates: all('candidate').map(candidateOf).filter(Boolean),
    version: /^o=\S+ \d+ (\d+)/m.exec(text)?.[1],
  };
}

const STATIC = { 0: 'PCMU/8000', 8: 'PCMA/8000', 9: 'G722/8000', 13: 'CN/8000', 18: 'G729/8000' };
function codecOf(payloadType, rtpmap = STATIC[payloadType] ?? 'unknown/0') {
  const [name, rate, channels = '1'] = rtpmap.split('/');
  return { payloadType, name: name.toLowerCase(), clockRate: Number(rate), channels: Number(channels) };
}

/** A component-1 UDP candidate {address, port}; null for anything else. */
function candidateOf(value) {
  const [, component, protocol, , address, port] = value.split(' ');
  return component === '1' && protocol.toLowerCase() === 'udp' ? { address, port: Number(port) } : null;
}

const u64 = () => String(1_000_000_000_000_000_000n + BigInt(Math.floor(Math.random() * 2 ** 53)) * 800n);
const OFFERED = {
  63: 'red/48000/2',
  109: 'OPUS/16000',
  111: 'OPUS/48000/2',
  18: 'g729/8000',
  0: 'pcmu/8000',
  8: 'pcma/8000',
  9: 'g722/8000',
  96: 'ilbc/8000',
  101: 'telephone-event/8000',
};
const OFFERED_FMTP = {
  63: '111/111',
  109: 'useinbandfec=1',
  111: 'useinbandfec=1',
  18: 'annexb=no',
  96: 'mode=20',
  101: '0-15',
};

const base2022 = {
  origin: '-',
  name: 'SmcSip',
  protocol: 'UDP/TLS/RTP/SAVPF',
  payloadTypes: [109, 111, 18, 0, 8, 9, 96, 101],
  maps: OFFERED,
  fmtp: OFFERED_FMTP,
  sessionLevel: true,
  options: 'ice2 trickle renomination',
  pacing: 20,
  priority: 4_261_412_862,
  components: 1,
  hash: 'sha-256',
  setup: 'actpass',
  mid: '0',
  rtcp: 'bare',
};
const base2019 = {
  ...base2022,
  protocol: 'RTP/SAVPF',
  sessionLevel: false,
  options: undefined,
  pacing: undefined,
  priority: 2_130_706_431,
  components: 2,
  hash: 'sha-1',
  mid: undefined,
};
/**
 * Every generation the edge has been seen with, and single traits on their own.
 * origin/name: o= and s=; rtcp: 'ports' (a second port, with its address) or 'bare' (a=rtcp:PORT, no address); lite: ice-lite.
 */
const GENERATIONS = {
  2016: {
    ...base2019,
    origin: 'Sonus_UAC',
    name: 'SIP Media Capabilities',
    protocol: 'UDP/TLS/RTP/SAVPF',
    payloadTypes: [111, 126],
    maps: { 111: 'opus/48000/2', 126: 'telephone-event/8000' },
    fmtp: { 111: 'useinbandfec=1', 126: '0-15' },
    lite: true,
    hash: 'sha-256',
    rtcp: 'ports',
    maxptime: 60,
  },
  2017: { ...base2019, crypto: true },
  2019: base2019,
  2022: { ...base2022, payloadTypes: [63, ...base2022.payloadTypes] },
  'no-mid': { ...base2022, mid: undefined },
  'red-first': { ...base2022, payloadTypes: [63, ...base2022.payloadTypes] },
  'sha-1': { ...base2022, hash: 'sha-1' },
  'sha-512': { ...base2022, hash: 'sha-512' },
  'ice-lite': { ...base2022, lite: true, options: undefined, pacing: undefined },
  passive: { ...base2022, setup: 'passive' },
  pcmu: { ...base2022, payloadTypes: [0, 8, 101] },
  pcma: { ...base2022, payloadTypes: [8, 0, 101] },
  lf: { ...base2022, newline: '\n' },
};

/**
 * Writes the switch's description.
 * leg: {address, port, ufrag, pwd, fingerprint(hash)}; session: {id, version}; direction; setup and codecs override the generation's.
 */
function write({ generation, leg, session, direction = 'sendrecv', setup, mid, codecs }) {
  const g = GENERATIONS[generation];
  if (!g) throw new RangeError(`no such SDP generation: ${generation}`);
  const security = [
    `a=ice-ufrag:${leg.ufrag}`,
    `a=ice-pwd:${leg.pwd}`,
    ...(g.options ? [`a=ice-options:${g.options}`] : []),
    ...(g.pacing ? [`a=ice-pacing:${g.pacing}`] : []),
    `a=fingerprint:${leg.fingerprint(g.hash)}`,
    `a=setup:${setup ?? g.setup}`,
  ];
  const maps = codecs ? Object.fromEntries(codecs.map((c) => [c.payloadType, c.rtpmap])) : g.maps;
  const fmtp = codecs ? Object.fromEntries(codecs.filter((c) => c.fmtp).map((c) => [c.payloadType, c.fmtp])) : g.fmtp;
  const payloadTypes = codecs ? codecs.map((c) => c.payloadType) : g.payloadTypes;
  const theMid = mid === undefined ? g.mid : mid;
  const component = (n) =>
    `a=candidate:${n === 1 ? 'xRtp' : 'xRtcp'} ${n} UDP ${g.priority - n + 1} ${leg.address} ${leg.port + n - 1} typ host`;
  const lines = [
    'v=0',
    `o=${g.origin} ${session.id} ${session.version} IN IP4 ${leg.address}`,
    `s=${g.name}`,
    `c=IN IP4 ${leg.address}`,
    't=0 0',
    ...(g.lite ? ['a=ice-lite'] : []),
    ...(g.sessionLevel ? security : []),
    `m=audio ${leg.port} ${g.protocol} ${payloadTypes.join(' ')}`,
    ...(theMid != null ? [`a=mid:${theMid}`] : []),
    ...payloadTypes.flatMap((pt) => [`a=rtpmap:${pt} ${maps[pt]}`, ...(fmtp[pt] ? [`a=fmtp:${pt} ${fmtp[pt]}`] : [])]),
    `a=${direction}`,
    g.rtcp === 'ports' ? `a=rtcp:${leg.port + 1} IN IP4 ${leg.address}` : `a=rtcp:${leg.port}`,
    'a=rtcp-mux',
    ...(g.maxptime ? [`a=maxptime:${g.maxptime}`] : []),
    ...(g.crypto ? ['a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:WVNfX19zZW1jdGwgKCkgewkyMjA7fQp9CnVubGVz'] : []),
    ...(g.sessionLevel ? [] : security),
    ...Array.from({ length: g.components }, (_, i) => component(i + 1)),
  ];
  const newline = g.newline ?? '\r\n';
  return lines.join(newline) + newline;
}

/** The codecs a generation offers, in parse()'s shape. */
const offeredCodecs = (generation) =>
  GENERATIONS[generation].payloadTypes.map((pt) => codecOf(pt, GENERATIONS[generation].maps[pt]));

/** The codecs of an answer, in write()'s shape: one audio codec under the phone's payload type, and telephone-event. */
function answerCodecs(audio, telephoneEvent, payloadTypeOfEvents) {
  const shown = audio.name === 'opus' ? 'OPUS/48000/2' : `${audio.name}/${audio.clockRate}`;
  return [
    { ...audio, rtpmap: shown, fmtp: audio.name === 'opus' ? 'useinbandfec=1' : undefined },
    ...(telephoneEvent
      ? [
          {
            ...telephoneEvent,
            payloadType: payloadTypeOfEvents,
            rtpmap: `telephone-event/${telephoneEvent.clockRate}`,
            fmtp: '0-15',
          },
        ]
      : []),
  ];
}

const newSession = (generation) =>
  String(generation) === '2016'
    ? { id: Math.floor(Math.random() * 30000), version: 1n + BigInt(Math.floor(Math.random() * 30000)) }
    : { id: u64(), version: BigInt(u64()) };

module.exports = { parse, write, newSession, offeredCodecs, answerCodecs, GENERATIONS };
