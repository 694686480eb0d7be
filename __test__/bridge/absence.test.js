// A call whose AI does not come, or goes: how long it waits, and what happens then.

const { Absence } = require('../../examples/bridge/absence.js');
const { answered, ended, setUp } = require('./support/stage.js');

jest.setTimeout(60_000);

const NOBODY = 'ws://127.0.0.1:9';
const reasons = (reason) => (notice) => notice.event === 'end' && notice.reason === reason;

test('a call without an AI is hung up, and there is a figure to be alarmed by', async () => {
  const { sw, ai, bridge } = await setUp({ env: { PYTHON_WS_URL: NOBODY, AI_TIMEOUT_S: '6' } });
  const call = await answered(sw);
  await bridge.says(/warn {2}the AI cannot be reached .*ECONNREFUSED/);
  const figure = async (name) => {
    const text = await (await fetch(`${bridge.url}/metrics`)).text();
    return Number(new RegExp(`^webphone_bridge_${name} (\\d+)$`, 'm').exec(text)[1]);
  };
  expect(await figure('calls_without_ai')).toBe(1);
  await ended(call);
  expect(call.reason).toBe('hung up by the phone');
  await ai.when(() => ai.notices.find(reasons('no AI')));
  expect(await figure('calls_without_ai')).toBe(0);
  expect(await figure('ai_connect_failures_total')).toBeGreaterThan(0);
});

test('an AI that comes again and again, and is gone each time within 5 s, is away', async () => {
  const { sw, ai } = await setUp({ env: { AI_TIMEOUT_S: '6' } });
  const call = await answered(sw);
  ai.sockets.on('connection', (socket) => socket.close(1011));
  (await ai.connection()).socket.close(1011);
  await ended(call);
  expect(ai.connections.length).toBeGreaterThan(1);
  await ai.when(() => ai.notices.find(reasons('no AI')));
});

test('an AI that has come is not missed', async () => {
  const { sw, ai, bridge } = await setUp({ env: { AI_TIMEOUT_S: '6' } });
  const call = await answered(sw);
  const connection = await ai.connection();
  await ai.when(() => connection.audio.length > 350); // seven seconds
  expect(call.verdict).toBeNull();
  expect(bridge.output).not.toMatch(/no AI for too long/);
  await call.hangup();
});

test.each([
  ['takes him', undefined, 'transferred', 'transferred without an AI'],
  ['does not', { transferStatus: '486 Busy Here' }, 'completed', 'no AI'],
])('WHEN_NO_AI=transfer:101 sends the caller there; 101 %s', async (_, faults, verdict, reason) => {
  const env = { PYTHON_WS_URL: NOBODY, AI_TIMEOUT_S: '6', WHEN_NO_AI: 'transfer:101' };
  const { sw, ai } = await setUp({ env });
  const call = await answered(sw, { faults });
  await ended(call);
  expect(call.events.find(({ type }) => type === 'refer').target).toBe('sip:101@sip.ringcentral.com');
  expect(call.verdict).toBe(verdict);
  await ai.when(() => ai.notices.find(reasons(reason)));
});

describe('by the clock', () => {
  beforeEach(() => jest.useFakeTimers());
  afterEach(() => jest.useRealTimers());

  test('the time runs on where the AI was back for less than 5 s, and anew after more', () => {
    const tooLong = jest.fn();
    const absence = new Absence(30_000, tooLong);
    absence.away();
    jest.advanceTimersByTime(29_000);
    absence.back();
    jest.advanceTimersByTime(4000); // beyond the limit, but it is there
    expect(tooLong).not.toHaveBeenCalled();
    absence.back();
    jest.advanceTimersByTime(5000);
    absence.away();
    jest.advanceTimersByTime(29_000);
    absence.back();
    jest.advanceTimersByTime(2000);
    expect(tooLong).not.toHaveBeenCalled();
    absence.away();
    jest.advanceTimersByTime(0);
    expect(tooLong).toHaveBeenCalledTimes(1);
    absence.close();
  });
});
