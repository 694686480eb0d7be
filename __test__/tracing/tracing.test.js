// Connections as OpenTelemetry spans, through the API package as an application has it.

const { trace } = require('@opentelemetry/api');
const { connectionId, RTCPeerConnection } = require('webphone-rtc');
const { traceConnections } = require('webphone-rtc/tracing');
const { root, emptyProject, removeScratch, run } = require('../package/shell');
const { Pair } = require('../support/pair');

jest.setTimeout(60_000);

/** Keeps what it is told. */
class Recorder {
  spans = [];
  getTracer() {
    return this;
  }
  startSpan(name, { attributes } = {}) {
    const span = {
      name,
      attributes: { ...attributes },
      events: [],
      status: null,
      ended: 0,
      setAttribute: (key, value) => {
        span.attributes[key] = value;
      },
      addEvent: (event, attributes) => span.events.push([event, attributes]),
      setStatus: (status) => {
        span.status = status;
      },
      end: () => {
        span.ended += 1;
      },
    };
    this.spans.push(span);
    return span;
  }
  of(name, pc) {
    return this.spans.find(
      (span) => span.name === name && span.attributes['webphone_rtc.connection'] === connectionId(pc),
    );
  }
}

let recorder;
let endTracing;
beforeEach(() => {
  recorder = new Recorder();
  trace.setGlobalTracerProvider(recorder);
  endTracing = traceConnections();
});
afterEach(() => {
  endTracing();
  trace.disable();
});
afterAll(removeScratch);

test('a call is a span from its first state to its end, with the time to connect in another, and no digit in either', async () => {
  const pair = new Pair();
  await pair.connect();
  const connect = recorder.of('webphone-rtc connect', pair.left.pc);
  const connection = recorder.of('webphone-rtc connection', pair.left.pc);
  expect(connect).toMatchObject({ ended: 1, status: null });
  expect(connection.ended).toBe(0);
  pair.left.sender.dtmf.insertDTMF('7');
  await pair.right.hearsKeys('7');
  pair.end();
  expect(connection).toMatchObject({
    ended: 1,
    attributes: { 'webphone_rtc.end_reason': 'closed by the application' },
  });
  const told = connection.events.map(([name]) => name);
  expect(told).toEqual(expect.arrayContaining(['connecting', 'connected', 'track unmuted', 'dtmf', 'closed']));
  expect(recorder.of('webphone-rtc connection', pair.right.pc).events).toContainEqual([
    'dtmf',
    { direction: 'received' },
  ]);
  expect(JSON.stringify(recorder.spans)).not.toMatch(/"7"|\d+\.\d+\.\d+\.\d+|candidate:/);
});

test('one that fails has the error and its reason', async () => {
  const pair = new Pair();
  const wrong = (description) => ({
    ...description,
    sdp: description.sdp.replace(
      /(a=fingerprint:sha-256 )([0-9A-F]{2})/,
      (_, head, byte) => `${head}${byte === '00' ? '01' : '00'}`,
    ),
  });
  await pair.negotiate(wrong);
  await pair.left.failed();
  const connect = recorder.of('webphone-rtc connect', pair.left.pc);
  expect(connect).toMatchObject({ ended: 1, status: { code: 2, message: expect.stringMatching(/certificate/) } });
  pair.end();
});

test('a connection that was never used is no span', () => {
  new RTCPeerConnection().close();
  expect(recorder.spans).toEqual([]);
});

test('the end of tracing ends what is open, and nothing is told afterwards', async () => {
  const pair = new Pair();
  await pair.connect();
  const before = recorder.spans.length;
  endTracing();
  expect(recorder.spans.every(({ ended }) => ended === 1)).toBe(true);
  pair.end();
  const other = new Pair();
  await other.connect();
  other.end();
  expect(recorder.spans.length).toBe(before);
});

test('a tracer that throws disturbs no call', async () => {
  endTracing();
  endTracing = traceConnections({
    tracer: {
      startSpan: () => {
        throw new Error('broken');
      },
    },
  });
  const pair = new Pair();
  await pair.connect();
  await pair.talks();
  pair.end();
});

test('without the API package and without a tracer it is said what to install', async () => {
  const script = `
    const Module = require('node:module');
    const load = Module._load;
    Module._load = (name, ...rest) => { if (name.startsWith('@opentelemetry')) throw new Error('absent'); return load(name, ...rest); };
    require(${JSON.stringify(`${root}/dist/tracing.js`)}).traceConnections();
  `;
  const { status, stderr } = await run(emptyProject('no-api'), process.execPath, ['-e', script]);
  expect(status).toBe(1);
  expect(stderr).toContain('npm install @opentelemetry/api');
});
