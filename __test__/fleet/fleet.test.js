// Two bridge processes on one extension that share its calls through Redis.

const { execFileSync, spawn } = require('node:child_process');
const { once } = require('node:events');
const path = require('node:path');
const { startSwitch, signal } = require('../../examples/switch');
const { Redis } = require('../../examples/fleet/redis.js');
const { BridgeProcess, Process } = require('../bridge/support/processes.js');
const { ScriptedAi } = require('../bridge/support/scripted-ai.js');
const { freePort } = require('../bridge/support/python.js');
const { root } = require('../package/shell');

jest.setTimeout(90_000);

const INSTANCES = { a: '11111111-1111-4111-8111-111111111111', b: '22222222-2222-4222-8222-222222222222' };

function redisIsHere() {
  try {
    execFileSync('redis-server', ['--version']);
    return true;
  } catch {
    return false;
  }
}

/** One of the fleet: as BridgeProcess, but examples/fleet/index.js. */
class Node extends BridgeProcess {
  static file = path.join(root, 'examples/fleet/index.js');
}

const running = [];
afterEach(async () => {
  for (const stop of running.splice(0).reverse()) await stop();
});

async function startRedis() {
  const port = await freePort();
  const child = spawn('redis-server', [
    '--port',
    String(port),
    '--bind',
    '127.0.0.1',
    '--save',
    '',
    '--appendonly',
    'no',
  ]);
  const stop = async () => {
    if (child.exitCode !== null) return;
    child.kill();
    await once(child, 'exit');
  };
  running.push(stop);
  for await (const data of child.stdout) if (String(data).includes('Ready to accept connections')) break;
  return { url: `redis://127.0.0.1:${port}`, stop };
}

async function setUp({ most = 4, nodes = ['a', 'b'] } = {}) {
  const redis = await startRedis();
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

const describeWithRedis = redisIsHere() || process.env.CI ? describe : describe.skip;
describeWithRedis(`a fleet of two${redisIsHere() ? '' : ' (no redis-server on this machine)'}`, () => {
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
    const { sw, a, b } = await setUp();
    const { leg } = await call(sw);
    const [drained, other] = (await callsOf(a)) === 1 ? [a, b] : [b, a];
    drained.child.kill('SIGTERM');
    await drained.says(/draining calls=1/);
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
    const client = new Redis(redis.url);
    running.push(() => client.close());
    while (!client.connected) await new Promise((resolve) => setTimeout(resolve, 20));
    // As a bridge that claims everything it hears of, and dies.
    const claims = [];
    sw.on('event', ({ type, callId }) => {
      const session = sw.calls.get(callId)?.apiIds.match(/session-id=(.*)/)[1];
      if (type === 'invite') claims.push(client.command('SET', `webphone-rtc:call:${session}`, 'dead', 'PX', 2000));
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
});

test('a process without a name of its own does not start', async () => {
  const { sipInfo } = {
    sipInfo: { authorizationId: '1', username: '1', password: '1', domain: 'x', outboundProxy: 'x' },
  };
  const node = new Process(process.execPath, [Node.file], {
    SIP_INFO_AUTHORIZATION_ID: sipInfo.authorizationId,
    SIP_INFO_USERNAME: sipInfo.username,
    SIP_INFO_PASSWORD: sipInfo.password,
    SIP_INFO_DOMAIN: sipInfo.domain,
    SIP_INFO_OUTBOUND_PROXY: sipInfo.outboundProxy,
  });
  expect(await node.exited).toEqual({ code: 1, signal: null });
  expect(node.output).toMatch(/FLEET_NODE and INSTANCE_ID are wanted/);
});
