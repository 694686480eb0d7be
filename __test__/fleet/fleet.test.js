// Two bridge processes on one extension that share its calls through Redis.

const path = require('node:path');
const { createClient } = require('@redis/client');
const { startSwitch, signal } = require('../../examples/switch');
const { BridgeProcess, Process } = require('../bridge/support/processes.js');
const { ScriptedAi } = require('../bridge/support/scripted-ai.js');
const { root } = require('../package/shell');
const { startRedis, withRedis } = require('./redis.js');

jest.setTimeout(90_000);

const INSTANCES = { a: '11111111-1111-4111-8111-111111111111', b: '22222222-2222-4222-8222-222222222222' };

/** One of the fleet: as BridgeProcess, but examples/fleet/index.js. */
class Node extends BridgeProcess {
  static file = path.join(root, 'examples/fleet/index.js');
}

const running = [];
afterEach(async () => {
  for (const stop of running.splice(0).reverse()) await stop();
});

async function connect({ url }) {
  const client = await createClient({ url })
    .on('error', () => {})
    .connect();
  running.push(() => client.destroy());
  return client;
}

async function setUp({ most = 4, nodes = ['a', 'b'], redis } = {}) {
  redis ??= await startRedis();
  running.push(redis.stop);
  const sw = await startSwitch();
  running.push(() => sw.stop());
  const ai = await ScriptedAi.start();
  running.push(() => ai.stop());
  const started = {};
  for (const name of nodes) {
    started[name] = new Node(sw, {
      ...ai.env,
      REDIS_URL: redis.url,
      FLEET_NODE: name,
      INSTANCE_ID: INSTANCES[name],
      MAX_CALLS: String(most),
    });
    running.push(async () => {
      started[name].child.kill('SIGKILL');
      await started[name].exited;
    });
    await started[name].ready();
    if (redis.child.exitCode === null) await started[name].says(/redis is there/);
  }
  return { sw, redis, ...started };
}

/** A call that rings everywhere and is up. */
async function call(sw) {
  const { legs, answered } = await sw.ringAll({ source: signal.tone(1000) });
  const leg = await answered;
  await leg.waitFor('dtls');
  return { leg, legs };
}
const callsOf = async (node) => (await node.status()).calls.length;
/** Until the bridge has sent more of the call's sound to the AI. */
async function goesOn(node) {
  const frames = async () => (await node.status()).calls.reduce((sum, { framesToAi }) => sum + framesToAi, 0);
  const before = await frames();
  while ((await frames()) < before + 20) await new Promise((resolve) => setTimeout(resolve, 50));
}

/** Until Redis holds this of one of the bridges. */
async function told(redis, wanted) {
  const client = await connect(redis);
  const holds = (text) => Object.entries(wanted).every(([name, value]) => JSON.parse(text)[name] === value);
  for (;;) {
    const values = await client.mGet(Object.keys(INSTANCES).map((name) => `webphone-rtc:node:${name}`));
    if (values.some((text) => text !== null && holds(text))) return;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

withRedis(describe)('a fleet of two', () => {
  test('each call is answered once, and both take their share', async () => {
    const { sw, a, b } = await setUp();
    for (let n = 0; n < 4; n++) {
      const { legs } = await call(sw);
      expect(legs).toHaveLength(2);
      expect(legs.filter(({ events }) => events.some(({ type }) => type === 'answered'))).toHaveLength(1);
    }
    expect([await callsOf(a), await callsOf(b)]).toEqual([2, 2]);
  });

  test('the death of one costs its own calls: those of the other go on, and it takes what comes', async () => {
    const { sw, a, b } = await setUp();
    await call(sw);
    await call(sw);
    expect([await callsOf(a), await callsOf(b)]).toEqual([1, 1]);
    a.child.kill('SIGKILL');
    await a.exited;
    await goesOn(b);
    await call(sw);
    expect(await callsOf(b)).toBe(2);
  });

  test('one that drains takes no more, keeps its call until that ends, and ends with 0', async () => {
    const { sw, redis, a, b } = await setUp();
    const { leg } = await call(sw);
    const [drained, other] = (await callsOf(a)) === 1 ? [a, b] : [b, a];
    drained.child.kill('SIGTERM');
    await drained.says(/draining calls=1/);
    await told(redis, { calls: 1, draining: true });
    await call(sw);
    await call(sw);
    expect(await callsOf(other)).toBe(2);
    await goesOn(drained);
    await leg.hangup();
    expect(await drained.exited).toEqual({ code: 0, signal: null });
    await goesOn(other);
  });

  test('a call whose claimant dies before the answer is taken by another when the lease runs out', async () => {
    const { sw, redis, a } = await setUp({ nodes: ['a'] });
    const client = await connect(redis);
    // As a bridge that claims everything it hears of, and dies.
    const claims = [];
    sw.on('event', ({ type, callId }) => {
      const session = sw.calls.get(callId)?.apiIds.match(/session-id=(.*)/)[1];
      if (type === 'invite')
        claims.push(client.set(`webphone-rtc:call:${session}`, 'dead', { expiration: { type: 'PX', value: 2000 } }));
    });
    const { legs, answered } = await sw.ringAll();
    await legs[0].waitFor('invite');
    expect(await Promise.all(claims)).toEqual(['OK']);
    await answered;
    expect(await callsOf(a)).toBe(1);
  });

  test('without Redis calls are answered all the same', async () => {
    const { sw, redis, a } = await setUp({ nodes: ['a'] });
    await redis.stop();
    await call(sw);
    expect(await callsOf(a)).toBe(1);
    expect(a.output).toMatch(/calls are taken without the fleet/);
  });

  test('one that starts before Redis does takes calls, and claims them once it is there', async () => {
    const redis = await startRedis();
    await redis.stop();
    const { sw, a } = await setUp({ nodes: ['a'], redis });
    await call(sw);
    expect(a.output).toMatch(/calls are taken without the fleet/);
    const since = a.now;
    running.push((await startRedis(redis.port)).stop);
    await a.says(/redis is there/);
    await call(sw);
    await a.says(/claimed/, { since });
  });

  test('a Redis that is there and says nothing holds up no call', async () => {
    const { sw, redis, a } = await setUp({ nodes: ['a'] });
    redis.child.kill('SIGSTOP');
    await call(sw);
    expect(await callsOf(a)).toBe(1);
    expect(a.output).toMatch(/calls are taken without the fleet .*too slow/);
  });
});

const SIP_INFO = {
  SIP_INFO_AUTHORIZATION_ID: '1',
  SIP_INFO_USERNAME: '1',
  SIP_INFO_PASSWORD: '1',
  SIP_INFO_DOMAIN: 'x',
  SIP_INFO_OUTBOUND_PROXY: 'x',
};

test('a limit that is no number does not start: it would end the calls at once', async () => {
  const env = { ...SIP_INFO, FLEET_NODE: 'a', INSTANCE_ID: INSTANCES.a, DRAIN_LIMIT_S: '1h' };
  const node = new Process(process.execPath, [Node.file], env);
  running.push(() => node.stop('SIGKILL'));
  await node.says(/DRAIN_LIMIT_S must be a whole number from 0 to 86400/);
  expect(await node.exited).toEqual({ code: 1, signal: null });
});

test('a process without a name of its own does not start', async () => {
  const node = new Process(process.execPath, [Node.file], SIP_INFO);
  expect(await node.exited).toEqual({ code: 1, signal: null });
  expect(node.output).toMatch(/FLEET_NODE and INSTANCE_ID are wanted/);
});
