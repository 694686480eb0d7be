// An application's tests may mock timers: its clock stands still, negotiation and sound go on.

const { execFile } = require('node:child_process');
const path = require('node:path');
const { promisify } = require('node:util');

test("a whole call is made while node:test's mock.timers are on", async () => {
  const { stdout } = await promisify(execFile)(process.execPath, [path.join(__dirname, 'mocked-timers/call.js')], {
    timeout: 20_000,
  });
  expect(stdout).toBe('talked\n');
});

/** Twice: what begins the second operation of a connection is a microtask. */
async function offerTwice({ RTCPeerConnection }) {
  const pc = new RTCPeerConnection();
  pc.addTransceiver('audio');
  const offers = await Promise.all([pc.createOffer(), pc.createOffer()]);
  pc.close();
  return offers.map(({ type }) => type);
}

describe.each([
  ['modern', {}],
  ['legacy', { legacyFakeTimers: true }],
])("Jest's %s fake timers", (_, config) => {
  afterEach(() => jest.useRealTimers());

  test('come after the package was loaded', async () => {
    const rtc = require('webphone-rtc');
    jest.useFakeTimers(config);
    expect(await offerTwice(rtc)).toEqual(['offer', 'offer']);
  });

  test('come before', async () => {
    jest.useFakeTimers(config);
    jest.resetModules();
    expect(await offerTwice(require('webphone-rtc'))).toEqual(['offer', 'offer']);
  });
});
