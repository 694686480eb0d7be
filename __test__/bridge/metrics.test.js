// What a Prometheus scrapes of the bridge while it has calls, and the dashboard that reads it.

const { startSwitch, signal } = require('../../examples/switch');
const { BridgeProcess } = require('./support/processes.js');
const { ScriptedAi } = require('./support/scripted-ai.js');
const dashboard = require('../../examples/bridge/grafana.json');

jest.setTimeout(90_000);

const running = [];
afterEach(async () => {
  for (const stop of running.splice(0).reverse()) await stop();
});

async function setUp(env) {
  const sw = await startSwitch();
  running.push(() => sw.stop());
  const ai = await ScriptedAi.start();
  running.push(() => ai.stop());
  const bridge = new BridgeProcess(sw, { ...ai.env, ...env });
  running.push(() => bridge.stop());
  await bridge.ready();
  return { sw, ai, bridge };
}

/** Samples by name with labels; throws at a line that is none (exposition format 0.0.4). */
function parse(text) {
  const samples = new Map();
  const types = new Map();
  for (const line of text.trimEnd().split('\n')) {
    const [, name, type] = /^# TYPE (\S+) (counter|gauge|histogram)$/.exec(line) ?? [];
    if (name) types.set(name, type);
    if (line.startsWith('#')) continue;
    const [, series, value] = /^([a-z_]+(?:\{[a-z]+="(?:[^"\\]|\\.)*"\})?) (-?[\d.e+-]+)$/.exec(line) ?? [];
    if (!series) throw new Error(`no sample: ${line}`);
    if (samples.has(series)) throw new Error(`twice: ${series}`);
    samples.set(series, Number(value));
  }
  return { of: (series) => samples.get(`webphone_bridge_${series}`), samples, types };
}

async function scrape(bridge) {
  const response = await fetch(`${bridge.url}/metrics`);
  expect(response.headers.get('content-type')).toMatch(/^text\/plain;.* version=0\.0\.4$/);
  return parse(await response.text());
}

async function scrapeUntil(bridge, look) {
  for (;;) {
    const metrics = await scrape(bridge);
    if (look(metrics)) return metrics;
    await new Promise((resolve) => setTimeout(resolve, 200));
  }
}

test('calls by state and end, setup, sound and the way to the AI are counted, and no caller is told', async () => {
  const { sw, ai, bridge } = await setUp();
  expect((await scrape(bridge)).of('registered')).toBe(1);
  const call = await sw.call({ autoAnswer: true, source: signal.tone(1000) });
  await ai.connection();
  const during = await scrapeUntil(
    bridge,
    ({ of }) =>
      of('packets_received_total') > 50 &&
      of('ai_round_trip_seconds_count') > 0 &&
      of('buffer_seconds_count') > 0 &&
      of('audio_seconds_total') > 0.5,
  );
  expect(during.of('calls{state="answered"}')).toBe(1);
  expect(during.of('setup_seconds_count')).toBe(1);
  expect(during.of('setup_seconds_sum')).toBeGreaterThan(0);
  expect(during.of('audio_seconds_total')).toBeGreaterThan(0.5);
  await call.hangup();
  const after = await scrapeUntil(bridge, ({ of }) => of('calls{state="answered"}') === 0);
  expect(after.of('calls_ended_total{reason="hung up by the caller"}')).toBe(1);
  expect(after.of('call_seconds_count')).toBe(1);
  expect(after.of('packets_received_total')).toBeGreaterThanOrEqual(during.of('packets_received_total'));
  expect(after.of('setup_seconds_bucket{le="+Inf"}')).toBe(1);
  expect([...after.samples.keys()].join()).not.toMatch(/16505550123|callId|17205550100/);
});

test('how soon the AI answers is told where the bridge hears the caller', async () => {
  const { sw, ai, bridge } = await setUp({ BARGE_IN: 'bridge' });
  const babble = signal.babble(1);
  let speaking = true;
  const source = (frames, rate) => (speaking ? babble(frames, rate) : new Int16Array(frames));
  const call = await sw.call({ autoAnswer: true, source });
  const connection = await ai.connection();
  await ai.when(() => connection.texts.some(({ event, speaking: on }) => event === 'speech' && on));
  speaking = false;
  await ai.when(() => connection.texts.some(({ event, speaking: on }) => event === 'speech' && !on));
  connection.socket.send(Buffer.alloc(640));
  await scrapeUntil(bridge, ({ of }) => of('ai_answer_seconds_count') === 1);
  await call.hangup();
});

test('a call that is refused is counted as such', async () => {
  const { sw, bridge } = await setUp({ MAX_CALLS: '1' });
  const first = await sw.call({ autoAnswer: true });
  await first.waitFor('dtls');
  await sw.call({ autoAnswer: true });
  await scrapeUntil(bridge, ({ of }) => of('calls_refused_total') === 1);
  await first.hangup();
});

test('the dashboard asks for nothing that is not there, and for all that is, but what counts histograms', async () => {
  const { bridge } = await setUp();
  const { types } = await scrape(bridge);
  const asked = new Set();
  for (const { targets } of dashboard.panels)
    for (const { expr } of targets)
      for (const [name] of expr.matchAll(/webphone_bridge_\w+/g)) asked.add(name.replace(/_bucket$/, ''));
  expect([...asked].filter((name) => !types.has(name))).toEqual([]);
  expect([...types.keys()].filter((name) => !asked.has(name))).toEqual([]);
});
