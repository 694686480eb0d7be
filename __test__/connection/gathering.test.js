// Gathering over real sockets: how long an answer may wait for servers, and when its end is told.

const { createSocket } = require('node:dgram');
const { once } = require('node:events');
const { RTCPeerConnection } = require('webphone-rtc');
const { webRtcSessionFactory } = require('webphone-rtc/webphone');
const { Talker } = require('../support/talker');

/** What the SDK itself waits for candidates. The package's own limit is half of it. */
const SDK_LIMIT_MS = 2000;

const open = [];
function connection(configuration) {
  const pc = new RTCPeerConnection({ loopback: true, ...configuration });
  open.push(pc);
  pc.addTransceiver('audio');
  return pc;
}
afterEach(() => {
  for (const one of open.splice(0)) one.close();
});

/** A server that takes every question and answers none. */
async function silentServer() {
  const socket = createSocket('udp4');
  socket.bind(0, '127.0.0.1');
  await once(socket, 'listening');
  open.push(socket);
  const server = { url: `stun:127.0.0.1:${socket.address().port}`, asked: 0 };
  socket.on('message', () => server.asked++);
  return server;
}

/** Everything that gathering tells, up to the null candidate or the SDK's limit. */
async function gathered(pc) {
  const errors = [];
  const candidates = [];
  pc.addEventListener('icecandidateerror', ({ url, errorCode, address, port }) => {
    errors.push({ url, errorCode, from: address && `${address} ${port}` });
  });
  const end = new Promise((resolve) => {
    pc.addEventListener('icecandidate', ({ candidate }) => (candidate ? candidates.push(candidate) : resolve(true)));
  });
  await pc.setLocalDescription();
  let limit;
  const tooLate = new Promise((resolve) => {
    limit = setTimeout(resolve, SDK_LIMIT_MS, false);
  });
  const inTime = await Promise.race([end, tooLate]);
  clearTimeout(limit);
  return { inTime, errors, candidates };
}

test('a STUN server that is silent delays the end of gathering, but never to the limit of the SDK', async () => {
  const server = await silentServer();
  const pc = connection({ iceServers: [{ urls: server.url }] });
  const { inTime, errors, candidates } = await gathered(pc);
  expect(inTime).toBe(true);
  expect(server.asked).toBeGreaterThan(1);
  const [{ address, port }] = candidates.filter(({ address }) => address === '127.0.0.1');
  expect(errors).toEqual([{ url: server.url, errorCode: 701, from: `${address} ${port}` }]);
  expect(candidates.length).toBeGreaterThan(0);
  expect(pc.localDescription.sdp).toContain('a=candidate:');
});

test('a STUN server without an address does not delay it, nor one of a kind that is not supported', async () => {
  const urls = ['stun:nowhere.invalid:19302', 'stuns:192.0.2.1'];
  const { inTime, errors, candidates } = await gathered(connection({ iceServers: [{ urls }] }));
  expect(inTime).toBe(true);
  const { address, port } = candidates[0];
  expect(errors.sort((a, b) => (a.url < b.url ? -1 : 1))).toEqual(
    urls.map((url) => ({ url, errorCode: 701, from: `${address} ${port}` })),
  );
  expect(candidates.length).toBeGreaterThan(0);
});

test('a connection that shows only relayed addresses does not show its own when a server fails', async () => {
  const { errors } = await gathered(
    connection({ iceServers: [{ urls: 'stun:nowhere.invalid' }], iceTransportPolicy: 'relay' }),
  );
  expect(errors).toEqual([{ url: 'stun:nowhere.invalid', errorCode: 701, from: null }]);
});

test("the factory's answer is there before the SDK gives up, whatever its servers do", async () => {
  const server = await silentServer();
  const talker = new Talker();
  talker.pc.addTransceiver('audio');
  const session = webRtcSessionFactory({
    callId: 'c',
    direction: 'inbound',
    stunServers: [server.url.replace('stun:', ''), 'nowhere.invalid:1'],
  });
  const answer = session.createAnswer((await talker.offer()).sdp);
  let limit;
  const tooLate = new Promise((resolve) => {
    limit = setTimeout(resolve, SDK_LIMIT_MS, 'too late');
  });
  expect(await Promise.race([answer, tooLate])).toMatch(/^a=candidate:.*^a=end-of-candidates/ms);
  clearTimeout(limit);
  session.dispose();
  talker.end();
});

test('an offer and an answer of the web phone have their candidates also when ICE is restarted', async () => {
  const [near, far] = ['inbound', 'outbound'].map((direction) =>
    webRtcSessionFactory({ callId: 'c', direction, stunServers: [] }),
  );
  open.push(near.rtcPeerConnection, far.rtcPeerConnection);
  const fragments = [];
  for (const iceRestart of [false, true, true]) {
    const offer = await far.createOffer({ iceRestart });
    const answer = await near.createAnswer(offer);
    await far.applyAnswer(answer);
    for (const sdp of [offer, answer]) {
      expect(sdp).toMatch(/^a=candidate:.*^a=end-of-candidates/ms);
      fragments.push(sdp.match(/^a=ice-ufrag:.*/m)[0]);
    }
  }
  expect(new Set(fragments).size).toBe(6);
});

test('the null candidate comes once, after setLocalDescription in a task of its own, with gathering complete', async () => {
  for (let round = 0; round < 20; round++) {
    const pc = connection();
    const told = [];
    await pc.setLocalDescription();
    // SDK 2.1 to 2.3 begin to listen only now, and after microtasks of their own.
    for (let n = 0; n < 10; n++) await null;
    pc.onicecandidate = ({ candidate }) => told.push([candidate === null, pc.iceGatheringState]);
    expect(pc.iceGatheringState).not.toBe('complete');
    while (pc.iceGatheringState !== 'complete') await once(pc, 'icegatheringstatechange');
    await new Promise((resolve) => setTimeout(resolve, 5));
    expect(told.filter(([last]) => last)).toEqual([[true, 'complete']]);
    expect(told.at(-1)[0]).toBe(true);
    expect(told.length).toBeGreaterThan(1);
    pc.close();
  }
});

test('an address that is not of this machine is an error event, and gathering ends', async () => {
  const { inTime, errors, candidates } = await gathered(connection({ addresses: ['203.0.113.9'] }));
  const errors701 = [{ url: '', errorCode: 701, from: null }];
  expect({ inTime, errors, candidates }).toEqual({ inTime: true, errors: errors701, candidates: [] });
});

test('sockets are bound where the configuration says', async () => {
  const pc = connection({ addresses: ['127.0.0.1'], portRange: [41_000, 41_999] });
  const { candidates } = await gathered(pc);
  expect(candidates.map(({ address }) => address)).toEqual(['127.0.0.1']);
  expect(candidates[0].port).toBeGreaterThanOrEqual(41_000);
  expect(candidates[0].port).toBeLessThanOrEqual(41_999);
});

test('loopback is used only when it is asked for', async () => {
  const hosts = async (loopback) => (await gathered(connection({ loopback }))).candidates.map(({ address }) => address);
  expect(await hosts(true)).toContain('127.0.0.1');
  const others = (await hosts(false)).filter((address) => address !== '127.0.0.1' && address !== '::1');
  // A machine without a network has nothing else.
  if (others.length > 0) expect(await hosts(false)).toEqual(others);
});

test('nothing is told of a connection that is closed where one of its transports begins to gather', async () => {
  const pc = connection({ bundlePolicy: 'max-compat' });
  pc.addTransceiver('audio');
  const told = [];
  for (const type of ['icegatheringstatechange', 'icecandidate']) pc.addEventListener(type, () => told.push(type));
  await pc.setLocalDescription();
  const transports = pc.getSenders().map(({ transport }) => transport.iceTransport);
  const closed = new Promise((resolve) => {
    for (const transport of transports) {
      transport.addEventListener('gatheringstatechange', () => {
        told.push(transport.gatheringState);
        pc.close();
        setTimeout(resolve, 100);
      });
    }
  });
  await closed;
  expect(transports).toHaveLength(2);
  expect(told).toEqual(['gathering']);
});
