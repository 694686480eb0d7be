// Every interface, enum and dictionary against the Web IDL of its standard. What differs is in differences.json, with
// the reason; anything else that differs, and anything there that differs no more, is a failure.

const rtc = require('webphone-rtc');
const { reasonsUnder } = require('../support/reasons');
const { call, objectsOf, statisticsOf } = require('./call');
const { compareDictionary, taken } = require('./dictionaries');
const explained = require('./differences.json');
const { compareObject } = require('./objects');
const { compareShape } = require('./shape');
const { fieldsOf, specifications } = require('./specifications');
const { differences } = require('./values');
const { takers } = require('./takers');

const STATISTICS = {
  codec: 'RTCCodecStats',
  'inbound-rtp': 'RTCInboundRtpStreamStats',
  'outbound-rtp': 'RTCOutboundRtpStreamStats',
  'remote-inbound-rtp': 'RTCRemoteInboundRtpStreamStats',
  'remote-outbound-rtp': 'RTCRemoteOutboundRtpStreamStats',
  'audio media-source': 'RTCAudioSourceStats',
  'video media-source': 'RTCVideoSourceStats',
  'media-playout': 'RTCAudioPlayoutStats',
  'peer-connection': 'RTCPeerConnectionStats',
  'data-channel': 'RTCDataChannelStats',
  transport: 'RTCTransportStats',
  'candidate-pair': 'RTCIceCandidatePairStats',
  'local-candidate': 'RTCIceCandidateStats',
  'remote-candidate': 'RTCIceCandidateStats',
  certificate: 'RTCCertificateStats',
};

let specs;
let live;
let objects;
/** Interfaces of the standards that are exported. */
let interfaces;

beforeAll(async () => {
  specs = await specifications();
  live = await call();
  objects = await objectsOf(live);
  interfaces = [...specs.interfaces.values()].filter(({ name }) => name in rtc);
}, 60_000);
afterAll(() => live.end());

/** The sentences that `compare` finds are those of the sections of differences.json, no more and no fewer. */
async function expectExplained(section, compare) {
  const found = new Set();
  await compare((sentence) => found.add(sentence));
  const known = explained[section].flatMap((group) => group.differences);
  expect({
    unexplained: [...found].filter((sentence) => !known.includes(sentence)).sort(),
    stale: known.filter((sentence) => !found.has(sentence)),
  }).toEqual({ unexplained: [], stale: [] });
}

test('docs/conformance.md lists the reasons for differences, and no others', () => {
  const used = Object.values(explained).flatMap((groups) => groups.map(({ why }) => why));
  expect(reasonsUnder('Where interfaces differ from their IDL').sort()).toEqual([...new Set(used)].sort());
});

test('interfaces of the standards are exported, and classes that are in no standard are named', () =>
  expectExplained('exports', (found) => {
    for (const name of specs.claimed) if (!(name in rtc)) found(`${name} is absent`);
    for (const [name, value] of Object.entries(rtc)) {
      const isClass = typeof value === 'function' && /^[A-Z]/.test(name);
      if (isClass && !specs.interfaces.has(name)) found(`${name} is in no IDL`);
    }
  }));

test('install() defines every interface as a global that is writable, configurable and not enumerable', () => {
  rtc.install();
  try {
    for (const { name } of interfaces) {
      expect({ name, ...Object.getOwnPropertyDescriptor(globalThis, name) }).toEqual({
        name,
        value: rtc[name],
        writable: true,
        enumerable: false,
        configurable: true,
      });
    }
  } finally {
    rtc.uninstall();
  }
});

test('interface objects, prototypes, attributes and operations are as their IDL says', () =>
  expectExplained('shape', async (found) => {
    for (const definition of interfaces) {
      await compareShape(definition, rtc[definition.name], { exported: rtc, found });
    }
  }));

test('attributes and results have the types of their IDL, and arguments of other types are refused', () =>
  expectExplained('objects', async (found) => {
    expect(interfaces.map(({ name }) => name).sort()).toEqual(Object.keys(objects).sort());
    for (const definition of interfaces) await compareObject(specs, definition, objects[definition.name], found);
  }));

test(
  'dictionaries are read in order, with their defaults, and refuse what their IDL refuses',
  () =>
    expectExplained('dictionaries', async (found) => {
      const known = takers(live);
      for (const name of taken(specs, interfaces)) {
        if (fieldsOf(specs, name).length === 0) continue;
        if (known[name]) await compareDictionary(specs, name, known[name], found);
        else found(`${name} is not tried`);
      }
    }),
  60_000,
);

test('statistics have the members and types of their IDL', async () => {
  const absent = new Set(explained.statistics.flatMap((group) => group.differences));
  const missing = (seen) =>
    Object.entries(STATISTICS).flatMap(([type, name]) =>
      fieldsOf(specs, name)
        .filter((field) => seen.get(type)?.[field.name] === undefined)
        .map((field) => `${type}: ${field.name} is absent`),
    );
  const seen = await statisticsOf(live, (so) => missing(so).every((sentence) => absent.has(sentence)));
  await expectExplained('statistics', (found) => {
    for (const sentence of missing(seen)) found(sentence);
    for (const [type, entry] of seen) {
      if (!STATISTICS[type]) found(`${type} is in no IDL`);
      else for (const sentence of differences(specs, { idlType: STATISTICS[type] }, entry, type)) found(sentence);
    }
  });
}, 60_000);
