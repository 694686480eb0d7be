// The doctor on a healthy set-up, and on one that is broken for each of its findings.

const { spawnSync } = require('node:child_process');
const { createSocket } = require('node:dgram');
const fs = require('node:fs');
const path = require('node:path');
const { checkInterfaces, checkNode } = require('../../dist/cli/machine');
const { checkTurn } = require('../../dist/cli/turn');
const { judgeLatency, judgeQuality } = require('../../dist/cli/self-call');
const { askServers, judge } = require('../../dist/cli/stun');
const { folder, nodeOfLine, removeScratch, root, run } = require('../package/shell');
const { servers, turn } = require('./servers');
const rtc = require('../..');

jest.setTimeout(60_000);

const CLI = path.join(root, 'dist/cli/index.js');
const LIMIT_MS = 50_000;
const started = [];
async function start(server) {
  started.push(await server);
  return started.at(-1);
}
afterEach(async () => {
  for (const server of started.splice(0)) await server.stop();
});
afterAll(removeScratch);

/** { status, of(id) }, after what every run keeps to. `node`: what runs the program. */
async function examined(args, { node = [process.execPath], cli = CLI } = {}) {
  const [command, ...before] = node;
  const { status, stdout, stderr } = await run(
    root,
    command,
    [...before, cli, 'doctor', '--json', ...args],
    {},
    LIMIT_MS,
  );
  expect(stderr).toBe('');
  const { findings, fit } = JSON.parse(stdout);
  expect({ fit, status }).toEqual(fit ? { fit: true, status: 0 } : { fit: false, status: 1 });
  expect(fit).toBe(findings.every((finding) => finding.status !== 'failure'));
  const ids = findings.map(({ id }) => id);
  expect(ids.slice(0, 8)).toEqual(['node', 'binary', 'interfaces', 'ports', 'stun', 'nat', 'turn', 'self-call']);
  for (const finding of findings)
    if (['warning', 'failure'].includes(finding.status)) expect(finding.advice).toMatch(/\w{3}.*\.$/);
    else expect(finding).not.toHaveProperty('advice');
  return { status, of: (id) => findings.find((finding) => finding.id === id) };
}
const quick = (...args) => examined(['--no-self-call', ...args]);
/** With a module that breaks something, before the program. */
const brokenBy = (name) => ({ node: [process.execPath, '--require', path.join(__dirname, 'broken', name)] });

/** A machine of its own, as far as the network goes: nothing but a loopback interface that is down. */
const inside = (setUp) => ({
  node: ['unshare', '--net', '--map-root-user', 'sh', '-ec', `${setUp}\nexec "$@"`, 'sh', process.execPath],
});
const cannot = spawnSync('unshare', ['--net', '--map-root-user', 'ip', 'link', 'set', 'lo', 'up'], {
  encoding: 'utf8',
});
const networkTest =
  cannot.status === 0
    ? test
    : (name, ...rest) =>
        test.skip(`${name} (no network namespace: ${cannot.error?.message ?? cannot.stderr.trim()})`, ...rest);

const failure = (says, advice) => ({
  status: 'failure',
  says: expect.stringMatching(says),
  advice: expect.stringMatching(advice),
});
const warning = (says, advice) => ({ ...failure(says, advice), status: 'warning' });

describe('a healthy set-up', () => {
  const healthy = async () => {
    const [one, two] = [await start(servers.honest()), await start(servers.honest())];
    const relay = await start(turn({ username: 'ada', password: 'secret' }));
    return [
      ...['--stun', one.address, '--stun', two.address, '--ports', '41000-41031'],
      ...['--turn', `turn:${relay.address}?transport=udp`, '--username', 'ada', '--credential', 'secret'],
    ];
  };

  test('is found fit in words, with 0', async () => {
    const { status, output } = await run(root, process.execPath, [CLI, 'doctor', ...(await healthy())], {}, LIMIT_MS);
    const fit = expect.stringContaining('This machine is fit for calls.');
    expect({ status, output }).toEqual({ status: 0, output: fit });
    for (const id of ['node', 'binary', 'interfaces', 'ports', 'stun', 'nat', 'turn', 'self-call'])
      expect(output).toMatch(new RegExp(`^[✔!] ${id}: `, 'm'));
    expect(output).toMatch(/Sound takes \d+ ms/);
    expect(output).not.toContain('secret');
  });

  test('is found fit as JSON, with 0', async () => {
    const { status, of } = await examined(await healthy());
    expect(status).toBe(0);
    for (const id of ['node', 'binary', 'interfaces', 'ports', 'stun', 'nat', 'self-call'])
      expect(of(id)).toMatchObject({ status: 'ok' });
    expect(of('latency').data.medianMs).toBeGreaterThan(0);
    expect(of('quality').data.snrDb).toBeGreaterThan(0);
  });
});

test('what is wrong is told in words, with what to do, and 1', async () => {
  const args = [CLI, 'doctor', '--no-self-call', '--stun', 'stun.invalid'];
  const { status, stdout, stderr } = await run(root, process.execPath, args);
  expect({ status, stderr }).toEqual({ status: 1, stderr: '' });
  expect(stdout).toMatch(/^✘ stun: No STUN server.*stun\.invalid.*\n {4}→ Check the name/m);
  expect(stdout).toMatch(/\nThis machine is not fit for calls yet\.\n$/);
});

test.each(['127.0.0.1:99999', '127.0.0.1:0', 'stun:a b:3478'])('--stun %s is refused', async (server) => {
  const { status, stderr } = await run(root, process.execPath, [CLI, 'doctor', '--stun', server]);
  expect({ status, stderr }).toEqual({
    status: 2,
    stderr: `'${server}' is no HOST:PORT, as stun.example.org:3478 is\n`,
  });
});

describe('Node', () => {
  /** On an old Node, where it can be had. */
  function onNode(major, name, check) {
    let node;
    try {
      node = nodeOfLine(major);
    } catch (error) {
      if (process.env.CI) throw error;
      return test.skip(`${name} (${error.message.split('\n')[0]})`, () => {});
    }
    return test(name, () => check(node));
  }

  onNode(18, 'one that is too old: what can be looked at without the engine is', async (node) => {
    const { status, of } = await examined(['--no-stun'], { node: [node] });
    expect(status).toBe(1);
    expect(of('node')).toMatchObject(failure(/^Node v18\.\d+\.\d+ is too old$/, /Install Node 20/));
    expect(of('ports').status).toBe('ok');
    expect(of('self-call')).toEqual({ id: 'self-call', status: 'skipped', says: 'A call takes a newer Node' });
  });

  onNode(14, 'one that cannot even read the program is told so in one line', async (node) => {
    const { status, stdout, stderr } = await run(root, node, [CLI, 'doctor']);
    expect({ status, stdout }).toEqual({ status: 1, stdout: '' });
    expect(stderr).toMatch(/^Node v14\.\S+ is too old: webphone-rtc takes Node 20 or newer .*\n$/);
  });

  test('the oldest that will do', () => {
    expect(checkNode('v20.0.0').status).toBe('ok');
    expect(checkNode('v19.9.0').status).toBe('failure');
  });
});

/** The package without its binary. */
function withoutBinary() {
  const copy = folder('no-binary');
  for (const name of ['dist', 'binding.js', 'package.json'])
    fs.cpSync(path.join(root, name), path.join(copy, name), { recursive: true });
  return copy;
}

test('a missing binary: the other checks are made nevertheless', async () => {
  const { status, of } = await examined(['--no-stun'], { cli: path.join(withoutBinary(), 'dist/cli/index.js') });
  expect(status).toBe(1);
  const says = /does not load on \w+ \w+: no binary for \w+-\w+ is installed$/;
  expect(of('binary')).toMatchObject(failure(says, /npm rebuild webphone-rtc/));
  expect(of('ports').status).toBe('ok');
  expect(of('self-call')).toMatchObject({ status: 'skipped', says: expect.stringMatching(/does not load/) });
});

test('a binary that cannot be loaded: what the system says of it is told, by the package as well', async () => {
  const copy = withoutBinary();
  const name = fs.readdirSync(root).find((file) => /^webphone-rtc\..*\.node$/.test(file));
  fs.writeFileSync(path.join(copy, name), 'no binary '.repeat(1000));
  fs.mkdirSync(path.join(copy, 'scripts'));
  fs.copyFileSync(path.join(root, 'scripts/install.js'), path.join(copy, 'scripts/install.js'));
  const args = ['--no-stun', '--no-self-call'];
  const { of } = await examined(args, { cli: path.join(copy, 'dist/cli/index.js') });
  const why = new RegExp(`${name}.*(invalid ELF header|mach-o|Win32)|(invalid ELF header|mach-o|Win32).*${name}`);
  expect(of('binary')).toMatchObject({ ...failure(why, /npm rebuild/), data: { reason: expect.stringMatching(why) } });
  const { stderr } = await run(copy, process.execPath, ['-e', "require('./dist')"]);
  expect(/^Error: webphone-rtc has no binary that loads on this machine .*$/m.exec(stderr)?.[0]).toMatch(why);
});

describe('interfaces', () => {
  networkTest('none but the loopback', async () => {
    const { status, of } = await examined(['--no-stun', '--no-self-call'], inside('ip link set lo up'));
    expect(status).toBe(1);
    expect(of('interfaces')).toMatchObject(failure(/^No interface has an address/, /Connect a network/));
  });

  networkTest('only IPv6', async () => {
    const setUp = `ip link set lo up
      ip link add eth0 type veth peer name eth1
      ip addr add 2001:db8::1/64 dev eth0 nodad
      ip link set eth0 up
      ip link set eth1 up
      until ip link show eth0 | grep -q LOWER_UP; do sleep 0.1; done`;
    const { status, of } = await examined(['--no-stun', '--no-self-call'], inside(setUp));
    expect(status).toBe(0);
    expect(of('interfaces')).toMatchObject(warning(/only IPv6 addresses: 2001:db8::1 \(eth0\)/, /IPv4/));
  });

  test.each([
    [{}, 'failure'],
    [{ eth0: [{ address: '169.254.1.1', family: 'IPv4', internal: false }] }, 'failure'],
    [{ eth0: [{ address: 'fe80::1', family: 'IPv6', internal: false }] }, 'failure'],
    [{ eth0: [{ address: '192.0.2.1', family: 'IPv4', internal: false }] }, 'ok'],
  ])('addresses %j: %s', (interfaces, status) => {
    expect(checkInterfaces(interfaces).status).toBe(status);
  });
});

describe('ports', () => {
  const take = (port) =>
    new Promise((resolve, reject) => {
      const socket = createSocket('udp4');
      started.push({ stop: () => socket.close() });
      socket.once('error', reject).bind({ port, exclusive: true }, resolve);
    });

  test('all of the range are taken', async () => {
    for (let port = 41_100; port < 41_104; port++) await take(port);
    const { status, of } = await quick('--no-stun', '--ports', '41100-41103');
    expect(status).toBe(1);
    expect(of('ports')).toMatchObject({ ...failure(/another socket/, /`portRange`/), data: { free: 0 } });
  });

  test('most of the range are taken: a warning, which --strict takes for bad news', async () => {
    for (let port = 41_100; port < 41_104; port++) await take(port);
    const { status, of } = await quick('--no-stun', '--ports', '41100-41105');
    expect(status).toBe(0);
    expect(of('ports')).toMatchObject({ ...warning(/^2 of 6 /, /widen `portRange`/), data: { free: 2 } });
    const args = [CLI, 'doctor', '--json', '--no-self-call', '--no-stun', '--ports', '41100-41105', '--strict'];
    const strict = await run(root, process.execPath, args);
    expect(strict.status).toBe(1);
    expect(JSON.parse(strict.stdout).fit).toBe(false);
  });

  networkTest('none can be had at all: STUN and the call say so too, each in its way', async () => {
    const setUp = `ip link set lo up
      echo 40000 40000 > /proc/sys/net/ipv4/ip_local_port_range
      echo 40000 > /proc/sys/net/ipv4/ip_local_reserved_ports`;
    const { status, of } = await examined(['--stun', '127.0.0.1:3478'], inside(setUp));
    expect(status).toBe(1);
    expect(of('ports')).toMatchObject(failure(/^No UDP port can be had/, /ulimit -n/));
    expect(of('stun')).toMatchObject(failure(/127\.0\.0\.1:3478: no socket, /, /ports above/));
    expect(of('self-call')).toMatchObject(failure(/does not come up \(ICE: new\)/, /ports above/));
  });
});

describe('STUN', () => {
  test.each([
    ['silent', /silent, no answer in \d+ ms/, /Let UDP out/],
    ['wrongTransaction', /nonsense, it answers a question that was not asked/, /ALG/],
    ['noise', /nonsense, it is no STUN message/, /use another server/],
    ['impossible', /nonsense, it says that we are 0\.0\.0\.0:9/, /use another server/],
  ])('a server that is %s', async (kind, says, advice) => {
    const { status, of } = await quick('--stun', (await start(servers[kind]())).address);
    expect(status).toBe(1);
    expect(of('stun')).toMatchObject(failure(says, advice));
    expect(of('nat').status).toBe('skipped');
  });

  test('a name that nobody knows', async () => {
    const { status, of } = await quick('--stun', 'stun.invalid:3478');
    expect(status).toBe(1);
    expect(of('stun')).toMatchObject(failure(/unknown name/, /resolver/));
  });

  test('one of two that does not answer is a warning, and the other one counts', async () => {
    const [good, bad] = [await start(servers.honest()), await start(servers.silent())];
    const { status, of } = await quick('--stun', good.address, '--stun', bad.address);
    expect(status).toBe(0);
    expect(of('stun')).toMatchObject(warning(new RegExp(`${bad.address}: silent.*${good.address} in`), /Let UDP out/));
  });

  test.each([
    ['none', [servers.honest, servers.honest], null],
    ['unknown', [() => servers.behindNat(4000)], null],
    ['endpoint-independent mapping', [() => servers.behindNat(4000), () => servers.behindNat(4000)], null],
    ['address-dependent mapping', [() => servers.behindNat(4000), () => servers.behindNat(4001)], /TURN server/],
    ['several addresses', [() => servers.seenAs('203.0.113.7'), () => servers.seenAs('198.51.100.9')], /`addresses`/],
  ])('the kind of NAT is told: %s', async (kind, makers, advice) => {
    const args = [];
    for (const make of makers) args.push('--stun', (await start(make())).address);
    const { status, of } = await quick(...args);
    expect(status).toBe(0);
    const wanted = advice === null ? { status: 'ok' } : { status: 'warning', advice: expect.stringMatching(advice) };
    expect(of('nat')).toMatchObject({ ...wanted, data: { kind } });
  });

  test('an address of ours with a port that is not is a NAT all the same', async () => {
    const { answers, localPort } = await askServers([(await start(servers.honest())).address]);
    expect(judge(answers, localPort + 1).at(-1)).toMatchObject({ data: { kind: 'unknown' } });
  });
});

describe('TURN', () => {
  const user = { username: 'ada', password: 'secret' };
  const ask = async (url, credential = user.password) => {
    const result = await quick('--no-stun', '--turn', url, '--username', user.username, '--credential', credential);
    expect(JSON.stringify(result.of('turn'))).not.toContain(credential);
    return result;
  };
  const urlOf = ({ address }) => `turn:${address}?transport=udp`;

  test('right credentials get a relay, of which the engine makes use', async () => {
    const { status, of } = await ask(urlOf(await start(turn(user))));
    const { status: found, says, data } = of('turn');
    expect(status).toBe(0);
    expect(data.relay).toBe('127.0.0.1:50000');
    expect(says).toMatch(/takes the credentials and relays from 127\.0\.0\.1:50000/);
    expect({ status: found, used: data.used }).toEqual({ status: 'ok', used: true });
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

  test.each([
    [
      'does not take the credentials',
      () => start(turn(user)).then(urlOf),
      'guessed',
      /does not take the c.*401/,
      /Check --username/,
    ],
    [
      'refuses those who may',
      () => start(turn({ ...user, refuses: 486 })).then(urlOf),
      'secret',
      /486/,
      /its log says why/,
    ],
    ['is silent', () => start(servers.silent()).then(urlOf), 'secret', /does not answer/, /Check host and port/],
    [
      'is not there, over TCP',
      () => 'turn:127.0.0.1:1?transport=tcp',
      'secret',
      /does not answer: .*ECONNREFUSED/,
      /turns:/,
    ],
    ['has an address that is none', () => 'turn//x', 'secret', /is no TURN server/, /turn:host:3478/],
  ])('a server that %s', async (_, make, credential, says, advice) => {
    const { status, of } = await ask(await make(), credential);
    expect(status).toBe(1);
    expect(of('turn')).toMatchObject(failure(says, advice));
  });
});

describe('the call with itself', () => {
  const call = (how) => examined(['--no-stun'], how);

  networkTest('one that has no address to try', async () => {
    const { status, of } = await call(inside(''));
    expect(status).toBe(1);
    expect(of('self-call')).toMatchObject(failure(/does not come up \(ICE: new\)/, /ip link set lo up/));
  });

  networkTest('one whose packets are dropped', async () => {
    const { status, of } = await call(inside('ip link set lo up; tc qdisc add dev lo root pfifo limit 0'));
    expect(status).toBe(1);
    expect(of('self-call')).toMatchObject(failure(/does not come up \(ICE: \w+\)/, /firewall/));
  });

  test('one in which nothing is heard', async () => {
    const { status, of } = await call(brokenBy('mute.js'));
    expect(status).toBe(1);
    expect(of('self-call')).toMatchObject(failure(/nothing is heard/, /file an issue/));
  });

  test('one that throws is told as such, after all that was found before', async () => {
    const { status, of } = await call(brokenBy('throws.js'));
    expect(status).toBe(1);
    expect(of('self-call')).toMatchObject(failure(/The check broke down: no source today/, /file an issue/));
  });

  test('sound that is late, as the event loop is held up', async () => {
    const { status, of } = await call(brokenBy('busy.js'));
    expect(status).toBe(0);
    expect(of('latency')).toMatchObject(warning(/that is late/, /event loop/));
    expect(of('latency').data.medianMs).toBeGreaterThanOrEqual(200);
  });

  test('sound that is spoilt', async () => {
    const { status, of } = await call(brokenBy('noise.js'));
    expect(status).toBe(0);
    expect(of('quality')).toMatchObject(warning(/that is heard/, /too busy/));
  });

  test('where late and spoilt begin', () => {
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
