// The doctor on a healthy set-up, and on one that is broken for each of its findings.

const { createSocket } = require('node:dgram');
const fs = require('node:fs');
const path = require('node:path');
const rtc = require('webphone-rtc');
const { checkInterfaces, checkNode } = require('../../dist/cli/machine');
const { judgeLatency, judgeQuality, selfCall } = require('../../dist/cli/self-call');
const { askServers, judge } = require('../../dist/cli/stun');
const { checkTurn } = require('../../dist/cli/turn');
const { folder, removeScratch, root, run } = require('../package/shell');
const { servers, turn } = require('./servers');

jest.setTimeout(60_000);

const CLI = path.join(root, 'dist/cli/index.js');
const doctor = (...args) => run(root, process.execPath, [CLI, 'doctor', ...args], {}, 50_000);
const quick = ['--no-self-call', '--json'];
const started = [];
async function start(server) {
  started.push(await server);
  return started.at(-1);
}
afterEach(async () => {
  for (const server of started.splice(0)) await server.stop();
});
afterAll(removeScratch);

async function found(...args) {
  const { status, stdout, stderr } = await doctor(...quick, ...args);
  expect(stderr).toBe('');
  const { findings, fit } = JSON.parse(stdout);
  expect(fit).toBe(status === 0);
  for (const finding of findings)
    if (['warning', 'failure'].includes(finding.status)) expect(finding.advice).toMatch(/\w{3}.*\.$/);
  return { status, of: (id) => findings.find((finding) => finding.id === id) };
}

test('a healthy set-up is found fit, in words, with 0', async () => {
  const [one, two] = [await start(servers.honest()), await start(servers.honest())];
  const relay = await start(turn({ username: 'ada', password: 'secret' }));
  const { status, output } = await doctor(
    ...['--stun', one.address, '--stun', two.address, '--ports', '41000-41031'],
    ...['--turn', `turn:${relay.address}?transport=udp`, '--username', 'ada', '--credential', 'secret'],
  );
  expect({ status, output }).toEqual({ status: 0, output: expect.stringContaining('This machine is fit for calls.') });
  for (const id of ['node', 'binary', 'interfaces', 'ports', 'stun', 'nat', 'turn', 'self-call'])
    expect(output).toMatch(new RegExp(`^[✔!] ${id}: `, 'm'));
  expect(output).toMatch(/Sound takes \d+ ms/);
});

describe('Node and the machine', () => {
  test('a Node that is too old', () => {
    expect(checkNode('v18.20.4')).toMatchObject({
      status: 'failure',
      advice: expect.stringMatching(/Install Node 20/),
    });
    expect(checkNode('v20.0.0').status).toBe('ok');
  });

  test('a missing binary: the other checks are made nevertheless', async () => {
    const copy = folder('no-binary');
    for (const name of ['dist', 'binding.js', 'package.json'])
      fs.cpSync(path.join(root, name), path.join(copy, name), { recursive: true });
    const args = [path.join(copy, 'dist/cli/index.js'), 'doctor', '--no-stun', '--json'];
    const { status, stdout } = await run(copy, process.execPath, args);
    const { findings } = JSON.parse(stdout);
    const of = (id) => findings.find((finding) => finding.id === id);
    expect(status).toBe(1);
    expect(of('binary')).toMatchObject({
      status: 'failure',
      advice: expect.stringMatching(/npm rebuild webphone-rtc/),
    });
    expect(of('ports').status).toBe('ok');
    expect(of('self-call')).toMatchObject({ status: 'skipped', says: expect.stringMatching(/does not load/) });
  });

  test.each([
    [{}, 'failure'],
    [{ lo: [{ address: '127.0.0.1', family: 'IPv4', internal: true }] }, 'failure'],
    [{ eth0: [{ address: '169.254.1.1', family: 'IPv4', internal: false }] }, 'failure'],
    [{ eth0: [{ address: '2001:db8::1', family: 'IPv6', internal: false }] }, 'warning'],
    [{ eth0: [{ address: '192.0.2.1', family: 'IPv4', internal: false }] }, 'ok'],
  ])('interfaces %j: %s', (interfaces, status) => {
    expect(checkInterfaces(interfaces).status).toBe(status);
  });

  test('ports that are taken: all of them, and half of them', async () => {
    const sockets = [];
    const take = (port) =>
      new Promise((resolve, reject) => {
        const socket = createSocket('udp4');
        sockets.push(socket);
        socket.once('error', reject).bind({ port, exclusive: true }, resolve);
      });
    for (let port = 41_100; port < 41_104; port++) await take(port);
    const all = await found('--no-stun', '--ports', '41100-41103');
    expect(all.status).toBe(1);
    expect(all.of('ports')).toMatchObject({
      status: 'failure',
      data: { free: 0 },
      says: expect.stringMatching(/another socket/),
    });
    const some = await found('--no-stun', '--ports', '41100-41105');
    expect(some.status).toBe(0);
    expect(some.of('ports')).toMatchObject({ status: 'warning', data: { free: 2 } });
    expect((await found('--no-stun', '--ports', '41100-41105', '--strict')).status).toBe(1);
    for (const socket of sockets) socket.close();
  });
});

describe('STUN', () => {
  test.each([
    ['silent', /silent, no answer in \d+ ms/, /Let UDP out/],
    ['wrongTransaction', /nonsense, it answers a question that was not asked/, /ALG/],
    ['noise', /nonsense, it is no STUN message/, /use another server/],
    ['impossible', /nonsense, it says that we are 0\.0\.0\.0:9/, /use another server/],
  ])('a server that is %s', async (kind, says, advice) => {
    const server = await start(servers[kind]());
    const { answers, localPort } = await askServers([server.address], 1500);
    const [finding, nat] = judge(answers, localPort);
    expect(finding).toMatchObject({
      status: 'failure',
      says: expect.stringMatching(says),
      advice: expect.stringMatching(advice),
    });
    expect(nat.status).toBe('skipped');
  });

  test('a name that nobody knows, in a whole run: 1', async () => {
    const { status, of } = await found('--stun', 'stun.invalid:3478');
    expect(status).toBe(1);
    expect(of('stun')).toMatchObject({ status: 'failure', says: expect.stringMatching(/unknown name/) });
  });

  test('one of two that does not answer is a warning, and the other one counts', async () => {
    const [good, bad] = [await start(servers.honest()), await start(servers.silent())];
    const { status, of } = await found('--stun', good.address, '--stun', bad.address);
    expect(status).toBe(0);
    expect(of('stun')).toMatchObject({ status: 'warning', says: expect.stringContaining(good.address) });
  });

  test.each([
    ['none', [servers.honest, servers.honest], 'ok'],
    ['unknown', [() => servers.behindNat(4000)], 'ok'],
    ['endpoint-independent mapping', [() => servers.behindNat(4000), () => servers.behindNat(4000)], 'ok'],
    ['address-dependent mapping', [() => servers.behindNat(4000), () => servers.behindNat(4001)], 'warning'],
    ['several addresses', [() => servers.seenAs('203.0.113.7'), () => servers.seenAs('198.51.100.9')], 'warning'],
  ])('the kind of NAT is told: %s', async (kind, makers, status) => {
    const addresses = [];
    for (const make of makers) addresses.push((await start(make())).address);
    const { answers, localPort } = await askServers(addresses);
    expect(judge(answers, localPort).at(-1)).toMatchObject({ id: 'nat', status, data: { kind } });
  });
});

describe('TURN', () => {
  const user = { username: 'ada', password: 'secret' };
  const ask = ({ address }, credential = user.password) =>
    checkTurn({ url: `turn:${address}?transport=udp`, username: user.username, credential }, rtc, 3000);

  test('right credentials get a relay, of which the engine makes use', async () => {
    const { status, says, data } = await ask(await start(turn(user)));
    expect(data.relay).toBe('127.0.0.1:50000');
    expect(says).toMatch(/takes the credentials and relays from 127\.0\.0\.1:50000/);
    expect({ status, used: data.used }).toEqual({ status: 'ok', used: true });
  });

  test('a relay that the engine does not get is told with the reason', async () => {
    class Guessing extends rtc.RTCPeerConnection {
      constructor(configuration) {
        super({ ...configuration, iceServers: [{ ...configuration.iceServers[0], credential: 'guessed' }] });
      }
    }
    const { address } = await start(turn(user));
    const server = { url: `turn:${address}?transport=udp`, username: user.username, credential: user.password };
    const finding = await checkTurn(server, { ...rtc, RTCPeerConnection: Guessing }, 3000);
    expect(finding).toMatchObject({ status: 'warning', says: expect.stringMatching(/no relay candidate.*401/) });
  });

  test('wrong ones are told as such', async () => {
    const finding = await ask(await start(turn(user)), 'guessed');
    expect(finding).toMatchObject({ status: 'failure', says: expect.stringMatching(/does not take the credentials/) });
    expect(JSON.stringify(finding)).not.toContain('guessed');
  });

  test('a server that refuses those who may', async () => {
    const finding = await ask(await start(turn({ ...user, refuses: 486 })));
    expect(finding).toMatchObject({ status: 'failure', says: expect.stringMatching(/486/) });
  });

  test('a server that is silent', async () => {
    const finding = await ask(await start(servers.silent()));
    expect(finding).toMatchObject({ status: 'failure', says: expect.stringMatching(/does not answer/) });
  });

  test('a URL that is none', async () => {
    const finding = await checkTurn({ url: 'turn//x', username: 'a', credential: 'b' }, rtc);
    expect(finding).toMatchObject({ status: 'failure', advice: expect.stringMatching(/turn:host:3478/) });
  });
});

describe('the call with itself', () => {
  test('one that does not come up in time', async () => {
    const [finding] = await selfCall(rtc, { connectMs: 0, heardMs: 100 });
    expect(finding).toMatchObject({ id: 'self-call', status: 'failure', advice: expect.stringMatching(/firewall/) });
  });

  test('one in which nothing is heard', async () => {
    class Mute extends rtc.PcmSource {
      write() {
        return true;
      }
    }
    const [finding] = await selfCall({ ...rtc, PcmSource: Mute }, { connectMs: 10_000, heardMs: 300 });
    expect(finding).toMatchObject({ status: 'failure', says: expect.stringMatching(/nothing is heard/) });
  });

  test('sound that is late, and sound that is spoilt', () => {
    expect(judgeLatency([20, 30, 900])).toMatchObject({ status: 'ok', data: { medianMs: 30, worstMs: 900 } });
    expect(judgeLatency([400, 500, 600])).toMatchObject({ status: 'warning', data: { medianMs: 500 } });
    const sine = Int16Array.from({ length: 320 }, (_, n) => Math.round(9000 * Math.sin((2 * Math.PI * n) / 16)));
    const noise = sine.map((_, n) => ((n * 7919) % 9001) - 4500);
    expect(judgeQuality(Array(50).fill(sine), 0).status).toBe('ok');
    expect(judgeQuality([...Array(45).fill(sine), ...Array(5).fill(noise)], 0).status).toBe('warning');
    expect(judgeQuality(Array(50).fill(sine), 0.1).status).toBe('warning');
  });
});

test.each([
  [['doctor', '--nonsense']],
  [['doctor', '--ports', '5']],
  [['doctor', '--ports', '90-80']],
  [['doctor', '--username', 'ada']],
  [['operate']],
  [['constructor']],
  [['call', '--seconds', 'x', '--switch']],
  [['call', '100', '--dtmf', 'z']],
  [['call', '100', '200']],
])('%j is not understood: 2, one line, nothing on stdout', async (args) => {
  const { status, stdout, stderr } = await run(root, process.execPath, [CLI, ...args]);
  expect({ status, stdout }).toEqual({ status: 2, stdout: '' });
  expect(stderr).not.toMatch(/\n\s+at /);
});
