// The server of the internals: who is let in, what is told, what is kept.

const { once } = require('node:events');
const fs = require('node:fs');
const http = require('node:http');
const path = require('node:path');
const { RTCPeerConnection } = require('webphone-rtc');
const { startInternals } = require('webphone-rtc/internals');
const { folder, removeScratch, root, run } = require('../package/shell');
const { Pair } = require('../support/pair');
const { listen } = require('./updates');

const internals = [];
const pairs = [];

async function start(options) {
  const started = await startInternals(options);
  internals.push(started);
  return started;
}

async function connectedPair() {
  const pair = new Pair();
  pairs.push(pair);
  await pair.connect();
  return pair;
}

/** { status, headers, text }; `at` replaces what follows the origin. */
async function get(url, { at, headers = {}, method = 'GET' } = {}) {
  const { hostname, port, pathname } = new URL(url);
  const request = http.request({ hostname, port, path: at ?? pathname, headers, method, agent: false });
  request.end();
  const [response] = await once(request, 'response');
  const text = Buffer.concat(await response.toArray()).toString();
  return { status: response.statusCode, headers: response.headers, text };
}
const dumpOf = async ({ url }) => JSON.parse((await get(`${url}dump`)).text);
const of = (dump, pc) => dump.connections.find(({ id }) => id === require('webphone-rtc').connectionId(pc));

afterEach(async () => {
  for (const pair of pairs.splice(0)) pair.end();
  for (const it of internals.splice(0)) await it.close();
});

afterAll(removeScratch);

jest.setTimeout(60_000);

describe('who is let in', () => {
  test('whoever knows the token, which is another one each time', async () => {
    const [one, other] = [await start(), await start()];
    expect(one.token).not.toBe(other.token);
    expect(one.token.length).toBeGreaterThanOrEqual(24);
    expect((await get(one.url)).text).toContain('<title>webphone-rtc internals</title>');
    expect((await get(one.url, { at: `/${other.token}/` })).status).toBe(403);
  });

  test('a bearer token is as good as one in the path', async () => {
    const { url, token } = await start();
    expect((await get(url, { at: '/dump', headers: { authorization: `Bearer ${token}` } })).status).toBe(200);
    expect((await get(url, { at: '/dump', headers: { authorization: 'Bearer guessed' } })).status).toBe(403);
  });

  test.each(['/', '/dump', '/updates', '/app.mjs', '/guessed-guessed/', '/guessed-guessed/dump', '//'])(
    'nobody without it: %s',
    async (at) => {
      const { url } = await start();
      const { status, text } = await get(url, { at });
      expect({ status, text }).toEqual({ status: 403, text: 'The token is missing or wrong\n' });
    },
  );

  test('nobody who came by a name, as after DNS rebinding', async () => {
    const { url } = await start();
    const { port } = new URL(url);
    for (const host of [`evil.example:${port}`, 'evil.example', '127.0.0.1.evil.example'])
      expect((await get(url, { headers: { host } })).status).toBe(403);
    for (const host of [`127.0.0.1:${port}`, `localhost:${port}`, '[::1]'])
      expect((await get(url, { headers: { host } })).status).toBe(200);
  });

  test('no page of another site', async () => {
    const { url } = await start();
    expect((await get(url, { headers: { 'sec-fetch-site': 'cross-site' } })).status).toBe(403);
    expect((await get(url, { headers: { 'sec-fetch-site': 'same-origin' } })).status).toBe(200);
  });

  test('it listens on the loopback interface only, unless told otherwise, and warns then', async () => {
    expect(new URL((await start()).url).hostname).toBe('127.0.0.1');
    const script = "require('webphone-rtc/internals').startInternals({ host: '0.0.0.0' })";
    const { status, output } = await run(root, process.execPath, ['-e', script], {}, 30_000);
    // It ends by itself: the server keeps no process alive.
    expect({ status, output }).toEqual({ status: 0, output: expect.stringMatching(/can be read at 0\.0\.0\.0/) });
  });
});

describe('what is answered', () => {
  test('every file of the page, under a policy without inline scripts and other origins', async () => {
    const { url } = await start();
    const { text, headers } = await get(url);
    expect(headers['content-security-policy']).toMatch(/default-src 'none'; script-src 'self'; style-src 'self'/);
    expect(text).not.toMatch(/https?:\/\/(?!www\.w3\.org)|<script>|style=|\son\w+=/);
    const seen = new Set();
    const wanted = ['style.css', 'app.mjs'];
    for (const name of wanted) {
      if (seen.has(name)) continue;
      seen.add(name);
      const file = await get(`${url}${name}`);
      expect({ name, status: file.status }).toEqual({ name, status: 200 });
      for (const [, more] of file.text.matchAll(/from '\.\/([\w.]+)'/g)) wanted.push(more);
    }
    expect(seen.size).toBe(7);
  });

  test('nothing outside of it', async () => {
    const { url, token } = await start();
    for (const at of ['../server.js', '..%2f..%2fpackage.json', 'stats/', 'stats/999999', 'constructor', '__proto__'])
      expect((await get(url, { at: `/${token}/${at}` })).status).toBe(404);
  });

  test('no other method', async () => {
    const { url } = await start();
    expect((await get(url, { method: 'POST' })).status).toBe(405);
  });

  test.each([
    [{ port: 70_000 }, RangeError],
    [{ port: 'x' }, RangeError],
    [{ token: 'short' }, TypeError],
    [{ token: 'with/a/slash/in/it' }, TypeError],
    [{ host: '' }, TypeError],
  ])('%j is refused', async (options, type) => {
    await expect(startInternals(options)).rejects.toThrow(type);
  });

  test('a bundle without the files of the page says what to do, and records nothing', async () => {
    const bundle = folder('no-page');
    const binary = fs.readdirSync(root).find((name) => /^webphone-rtc\..*\.node$/.test(name));
    for (const name of ['dist', 'binding.js', binary])
      fs.cpSync(path.join(root, name), path.join(bundle, name), { recursive: true });
    const script = `require('./dist/internals').startInternals().catch(({ message, cause }) => {
      const recorded = require('./dist/log').isLogged('sdp', 'debug');
      console.log(JSON.stringify({ message, code: cause.code, recorded }));
    })`;
    const { stdout } = await run(bundle, process.execPath, ['-e', script], {}, 30_000);
    const message = expect.stringMatching(/^The page's files are not in .*no-page.* unless 'webphone-rtc' is external/);
    expect(JSON.parse(stdout)).toEqual({ message, code: 'ENOENT', recorded: false });
  });

  test('a port that is taken is the error of listen()', async () => {
    const { url } = await start();
    await expect(startInternals({ port: Number(new URL(url).port) })).rejects.toMatchObject({ code: 'EADDRINUSE' });
  });
});

describe('what is told of a call', () => {
  test('states with reasons, descriptions, digits, and samples of both directions', async () => {
    const it = await start();
    const updates = await listen(it.url);
    const { left, right } = await connectedPair();
    await right.hears(1000);
    left.sender.dtmf.insertDTMF('4');
    await right.hearsKeys('4');
    const id = require('webphone-rtc').connectionId(right.pc);
    const sample = await updates.find(
      ({ samples }) =>
        samples.find((one) => one.id === id && one.sample.receive?.level > 0.1 && one.sample.pair)?.sample,
    );
    expect(sample.states).toMatchObject({ connection: 'connected', signaling: 'stable' });
    expect(sample.receive).toMatchObject({
      codec: 'opus/48000/2',
      jitterMs: expect.any(Number),
      loss: expect.any(Number),
    });
    expect(sample.receive.packets).toBeGreaterThan(0);
    expect(sample.pair.local).toMatch(/:\d+ host udp$/);
    const record = of(await dumpOf(it), right.pc);
    const told = record.events.map(({ namespace, message }) => `${namespace} ${message}`);
    expect(told).toEqual(expect.arrayContaining(['connection opened', 'connection connected', 'signaling stable']));
    expect(record.events.find(({ message }) => message === 'the digit that was heard').fields).toEqual({ tone: '4' });
    expect(record.descriptions.map(({ side, type }) => `${side} ${type}`)).toEqual(['remote offer', 'local answer']);
    expect(record.descriptions[0].sdp).toMatch(/^v=0\r\n/);
    expect(record.stats.find(({ type }) => type === 'inbound-rtp').packetsReceived).toBeGreaterThan(0);
    updates.close();
  });

  test('a connection that was there before is shown as well', async () => {
    const { left } = await connectedPair();
    const it = await start();
    expect(of(await dumpOf(it), left.pc)).toMatchObject({ endedMs: null, states: { connection: 'connected' } });
  });

  test('what is closed stays, with its end and its reason', async () => {
    const it = await start();
    const { left } = await connectedPair();
    left.end();
    const record = of(await dumpOf(it), left.pc);
    expect(record.endedMs).toEqual(expect.any(Number));
    expect(record.events.find(({ message }) => message === 'closed').fields.reason).toBe('closed by the application');
  });

  test('what was closed before is not shown, though its last lines come later', async () => {
    // Because of it the engine tells all it does, until the end of these.
    await start();
    const closed = [await connectedPair(), await connectedPair(), await connectedPair()];
    for (const pair of closed) pair.end();
    const started = await start();
    const { left } = await connectedPair();
    const dump = await dumpOf(started);
    expect(of(dump, left.pc)).toBeDefined();
    expect(closed.flatMap((pair) => [pair.left, pair.right]).filter(({ pc }) => of(dump, pc))).toEqual([]);
  });

  test('the application keeps its own logger', async () => {
    const { setLogger } = require('webphone-rtc');
    const lines = [];
    const write = (message) => lines.push(message);
    setLogger({ error: write, warn: write, info: write, debug: write });
    const it = await start();
    await connectedPair();
    setLogger(null);
    expect(lines).toContain('connected');
    expect(lines).not.toContain('opened'); // of the level 'debug'
    const known = (await dumpOf(it)).connections.length;
    await it.close();
    new RTCPeerConnection().close();
    expect(known).toBeGreaterThan(0);
  });
});

test('statistics are asked for while a page is open, and not before or after', async () => {
  const { Peer } = require('../../dist/peer/peer');
  const getStats = jest.spyOn(Peer.prototype, 'getStats');
  const it = await start();
  await connectedPair();
  const { pc } = await connectedPair().then(({ left }) => left);
  expect(pc.connectionState).toBe('connected');
  expect(getStats).not.toHaveBeenCalled();
  const updates = await listen(it.url);
  await updates.find(({ samples }) => samples.length >= 4);
  updates.close();
  await updates.ended();
  // The server has seen that the page is gone when it answers the next one. Two periods of the poll are let pass.
  await get(it.url);
  const calls = getStats.mock.calls.length;
  expect(calls).toBeGreaterThanOrEqual(4);
  await new Promise((resolve) => setTimeout(resolve, 2100));
  expect(getStats).toHaveBeenCalledTimes(calls);
  getStats.mockRestore();
});

test('closing ends the streams of open pages', async () => {
  const it = await startInternals();
  const updates = await listen(it.url);
  await it.close();
  await updates.ended();
  await expect(get(it.url)).rejects.toMatchObject({ code: 'ECONNREFUSED' });
});
