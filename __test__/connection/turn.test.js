// Calls over a true TURN server: coturn, where this machine has it.

const { spawn } = require('node:child_process');
const { once } = require('node:events');
const { join } = require('node:path');
const { setTimeout: sleep } = require('node:timers/promises');
const { AUTHORITY, Coturn, installed } = require('../support/coturn');
const { LEFT_HZ, Pair, RIGHT_HZ } = require('../support/pair');
const { Talker } = require('../support/talker');

const withCoturn = (name, run) =>
  (installed ? test : test.skip)(installed ? name : `${name} [coturn is not installed]`, run, 60_000);

let server;
const open = [];

beforeAll(async () => {
  if (installed) server = await Coturn.start();
});

afterEach(() => {
  for (const one of open.splice(0)) one.end();
});

afterAll(() => server?.stop());

function opened(one) {
  open.push(one);
  return one;
}

async function selected(pc) {
  const stats = await pc.getStats();
  const transport = [...stats.values()].find(({ type }) => type === 'transport');
  return stats.get(stats.get(transport.selectedCandidatePairId).localCandidateId);
}

for (const over of ['udp', 'tcp']) {
  withCoturn(`two ends that show only addresses relayed over ${over} hear each other`, async () => {
    const pair = opened(new Pair({ network: server.relayOnly(over) }));
    const candidates = [];
    pair.left.pc.addEventListener('icecandidate', ({ candidate }) => candidate && candidates.push(candidate));
    await pair.connect();
    await pair.talks();
    const url = server.url(over);
    expect(candidates).toHaveLength(1);
    expect(candidates[0]).toMatchObject({ type: 'relay', relayProtocol: over, url, relatedAddress: '0.0.0.0' });
    expect(pair.left.pc.localDescription.sdp).not.toContain('typ host');
    expect(await selected(pair.left.pc)).toMatchObject({ candidateType: 'relay', relayProtocol: over, url });
  });

  withCoturn(`an end that is relayed over ${over} and one that is not hear each other`, async () => {
    const relayed = opened(new Talker({ hz: LEFT_HZ, network: server.relayOnly(over) }));
    const direct = opened(new Talker({ hz: RIGHT_HZ, network: { loopback: true } }));
    await relayed.accept(await direct.answer(await relayed.offer()));
    await Promise.all([relayed.connected(), direct.connected()]);
    await Promise.all([relayed.hears(RIGHT_HZ), direct.hears(LEFT_HZ)]);
    expect(await selected(relayed.pc)).toMatchObject({ candidateType: 'relay', relayProtocol: over });
    expect(await selected(direct.pc)).toMatchObject({ candidateType: 'host' });
  });

  withCoturn(`a wrong password over ${over} is an icecandidateerror with the code of the server`, async () => {
    const end = opened(new Talker({ hz: LEFT_HZ, network: server.relayOnly(over, 'guessed') }));
    const errors = [];
    end.pc.addEventListener('icecandidateerror', ({ errorCode, url }) => errors.push({ errorCode, url }));
    await end.offer();
    expect(errors).toEqual([{ errorCode: 401, url: server.url(over) }]);
  });
}

/** What the ends over TLS say, in a process of their own: Node reads its authorities when it starts. */
async function overTls(env) {
  const child = spawn(process.execPath, [join(__dirname, 'turn/over-tls.mjs')], {
    env: { ...process.env, COTURN_PORT: String(server.port), ...env },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  let said = '';
  child.stdout.on('data', (data) => {
    said += data;
  });
  await once(child, 'close');
  return JSON.parse(said);
}

withCoturn('two ends over TLS hear each other where Node trusts the authority of the server', async () => {
  expect(await overTls({ NODE_EXTRA_CA_CERTS: AUTHORITY })).toEqual({
    talked: true,
    errors: [],
    candidates: expect.arrayContaining([{ type: 'relay', relayProtocol: 'tls' }]),
  });
});

withCoturn('a server whose certificate nobody vouches for is an icecandidateerror that says so', async () => {
  expect(await overTls({ NODE_EXTRA_CA_CERTS: '' })).toEqual({
    talked: false,
    errors: [{ errorCode: 701, errorText: expect.stringContaining('UnknownIssuer') }],
    candidates: [],
  });
});

withCoturn('a nonce that has become stale before the call comes up is replaced', async () => {
  const impatient = opened({ coturn: await Coturn.start('--stale-nonce=1'), end: () => impatient.coturn.stop() });
  const pair = opened(new Pair({ network: impatient.coturn.relayOnly('udp') }));
  const offer = await pair.left.offer();
  await sleep(2500);
  await pair.left.accept(await pair.right.answer(offer));
  await Promise.all([pair.left.connected(), pair.right.connected()]);
  await sleep(2500);
  await pair.talks();
});

/** The description with what a restart finds; that it begins is told later than the description is set. */
async function gatheredAnew(end, description) {
  const began = once(end.pc, 'icegatheringstatechange');
  await end.pc.setLocalDescription(description);
  await began;
  return end.described();
}

for (const over of ['udp', 'tcp']) {
  withCoturn(`a call over ${over} whose server dies is brought back by an ICE restart over another`, async () => {
    const mortal = opened({ coturn: await Coturn.start(), end: () => mortal.coturn.stop() });
    const pair = opened(new Pair({ network: mortal.coturn.relayOnly(over) }));
    await pair.connect();
    await pair.talks();
    await mortal.coturn.stop();
    for (const end of [pair.left, pair.right]) {
      await end.until(() => end.pc.iceConnectionState === 'disconnected', 'the path is gone');
      end.pc.setConfiguration(server.relayOnly(over));
    }
    const offer = await gatheredAnew(pair.left, await pair.left.pc.createOffer({ iceRestart: true }));
    await pair.right.pc.setRemoteDescription(offer);
    await pair.left.accept(await gatheredAnew(pair.right, await pair.right.pc.createAnswer()));
    await Promise.all([pair.left.connected(), pair.right.connected()]);
    await pair.talks();
    expect(await selected(pair.left.pc)).toMatchObject({ candidateType: 'relay', url: server.url(over) });
  });
}

withCoturn('credentials that an ICE restart brings get an address of their own', async () => {
  const pair = opened(new Pair({ network: server.relayOnly('udp') }));
  await pair.connect();
  const before = (await selected(pair.left.pc)).port;
  const renewed = server.relayOnly('udp');
  renewed.iceServers[0].username = 'grace';
  pair.left.pc.setConfiguration(renewed);
  const errors = [];
  pair.left.pc.addEventListener('icecandidateerror', ({ errorCode }) => errors.push(errorCode));
  await gatheredAnew(pair.left, await pair.left.pc.createOffer({ iceRestart: true }));
  expect(errors).toEqual([401]);
  pair.left.pc.setConfiguration(server.relayOnly('udp'));
  await pair.left.pc.setLocalDescription({ type: 'rollback' });
  await pair.talks();
  expect((await selected(pair.left.pc)).port).toBe(before);
});
