// `webphone-rtc call` on the local switch, as a user types it.

const { once } = require('node:events');
const fs = require('node:fs');
const net = require('node:net');
const path = require('node:path');
const { startSwitch } = require('../../examples/switch');
const { folder, removeScratch, root, run } = require('../package/shell');
const { writeTone } = require('../bridge/support/ear');
const { servers } = require('./servers');

jest.setTimeout(60_000);
afterAll(removeScratch);
const running = [];
afterEach(async () => {
  for (const stop of running.splice(0).reverse()) await stop();
});

const CLI = path.join(root, 'dist/cli/index.js');
const call = (...args) => run(root, process.execPath, [CLI, 'call', ...args], {}, 50_000);

/** Against an edge, with credentials in the environment. */
async function setUp() {
  const sw = await startSwitch();
  running.push(() => sw.stop().catch(() => {})); // some tests stop it themselves
  const env = {
    SIP_INFO_AUTHORIZATION_ID: sw.sipInfo.authorizationId,
    SIP_INFO_USERNAME: sw.sipInfo.username,
    SIP_INFO_PASSWORD: sw.sipInfo.password,
    SIP_INFO_DOMAIN: sw.sipInfo.domain,
    SIP_INFO_OUTBOUND_PROXY: sw.sipInfo.outboundProxy,
    WEBPHONE_RTC_LOOPBACK: '1',
  };
  const withoutTls = ['--require', path.join(root, 'examples/switch/without-tls.js')];
  const callThere = (args, changes = {}) =>
    run(root, process.execPath, [...withoutTls, CLI, 'call', ...args], { ...env, ...changes }, 50_000);
  return { sw, callThere };
}

test('a number is called: the file is said, digits are pressed, both ends are recorded', async () => {
  const scratch = folder('call');
  const [said, recorded] = ['said.wav', 'recorded.wav'].map((name) => path.join(scratch, name));
  writeTone(said, { hz: 440, seconds: 2 });
  const { status, output } = await call('100', '--switch', '--in', said, '--out', recorded, '--dtmf', '12');
  expect({ status, output }).toEqual({ status: 0, output: expect.stringContaining(`played ${said}`) });
  expect(output).toMatch(/calling 100\n[\s\S]*the call is up[\s\S]*pressed 12\n[\s\S]*hung up\nthe call is over\n/);
  expect(output).toMatch(/heard ▮+▯* -\d+ dB {3}said ▮+▯* -\d+ dB/);
  expect(fs.statSync(recorded).size).toBeGreaterThan(16_000 * 2 * 2 * 1.5);
});

test('the next call is answered, and hung up in time', async () => {
  const { status, output } = await call('--switch', '--seconds', '2');
  expect({ status, output }).toEqual({ status: 0, output: expect.stringMatching(/the call is up, with 16505550123/) });
  expect(output).toContain('hung up after 2 s');
});

test('a number that is busy is told: 1', async () => {
  const { status, output } = await call('busy', '--switch');
  expect({ status, output }).toEqual({ status: 1, output: expect.stringContaining('the call was not answered') });
});

test('without credentials it is said which are missing: 2', async () => {
  const { status, stderr } = await call('100');
  expect(status).toBe(2);
  expect(stderr).toMatch(/^Not set: SIP_INFO_AUTHORIZATION_ID, .*--switch\n$/);
});

test('STUN servers that do not do are told of as the doctor does, and what is no address before anybody is called: 2', async () => {
  const { callThere } = await setUp();
  const [good, bad] = [await servers.honest(), await servers.silent()];
  running.push(good.stop, bad.stop);
  const told = await callThere(['100', '--seconds', '3'], { SIP_INFO_STUN_SERVERS: `${good.address}, ${bad.address}` });
  expect(told).toMatchObject({ status: 0 });
  expect(told.output).toMatch(new RegExp(`! stun: .*${bad.address}: silent.*${good.address} in.*\\n {4}→ Let UDP out`));
  const fine = await callThere(['100', '--seconds', '3'], { SIP_INFO_STUN_SERVERS: good.address });
  expect(fine).toMatchObject({ status: 0, output: expect.not.stringContaining('stun') });
  for (const server of ['stun:127.0.0.1:3478', '127.0.0.1:70000', 'a b:3478']) {
    expect(await callThere(['100'], { SIP_INFO_STUN_SERVERS: `${good.address},${server}` })).toMatchObject({
      status: 2,
      stderr: `SIP_INFO_STUN_SERVERS: '${server}' is no HOST:PORT, as stun.example.org:3478 is\n`,
    });
  }
});

test('a file that is not there, and one that is no WAV, are told before anybody is called: 2', async () => {
  const notes = path.join(folder('notes'), 'notes.wav');
  fs.writeFileSync(notes, 'nothing to hear here');
  expect(await call('100', '--switch', '--in', '/nowhere.wav')).toMatchObject({
    status: 2,
    stdout: '',
    stderr: 'There is no file /nowhere.wav\n',
  });
  expect(await call('100', '--switch', '--in', notes)).toMatchObject({
    status: 2,
    stderr: `${notes}: this is not a WAV file\n`,
  });
});

test('an edge that refuses the password, is not there, or says nothing is told: 1', async () => {
  const { sw, callThere } = await setUp();
  expect(await callThere(['100'], { SIP_INFO_PASSWORD: 'wrong' })).toMatchObject({
    status: 1,
    output: expect.stringMatching(/^Registration failed: SIP\/2\.0 403 .*\n$/),
  });
  const silent = net.createServer().listen(0, '127.0.0.1');
  await once(silent, 'listening');
  running.push(() => silent.close());
  const { port } = silent.address();
  expect(await callThere(['100'], { SIP_INFO_OUTBOUND_PROXY: `127.0.0.1:${port}` })).toMatchObject({
    status: 1,
    output: 'the edge does not answer in 10 s\n',
  });
  await sw.stop();
  expect(await callThere(['100'])).toMatchObject({ status: 1, output: expect.stringContaining('ECONNREFUSED') });
});

test('an edge that is lost ends the wait for a call: 1', async () => {
  const { sw, callThere } = await setUp();
  const waiting = callThere([]);
  await sw.waitForPhone();
  sw.dropWebSockets();
  const { status, output } = await waiting;
  expect({ status, output }).toEqual({
    status: 1,
    output: expect.stringMatching(/\nthe edge closed the WebSocket\n$/),
  });
});

test('an edge that is lost ends a call', async () => {
  const { sw, callThere } = await setUp();
  const calling = callThere(['100']);
  const [placed] = await once(sw, 'call');
  await placed.waitFor('dtls');
  sw.dropWebSockets();
  const { status, output } = await calling;
  expect({ status, output }).toEqual({
    status: 0,
    output: expect.stringMatching(/\nthe edge closed the WebSocket\n$/),
  });
});

test('an edge that freezes in a call answers no BYE: the call ends in time all the same', async () => {
  const { sw, callThere } = await setUp();
  const pipes = [];
  const between = net.createServer((near) => {
    const far = net.connect(sw.port, '127.0.0.1');
    near.pipe(far).pipe(near);
    pipes.push(near, far);
  });
  running.push(() => between.close());
  await once(between.listen(0, '127.0.0.1'), 'listening');
  const { port } = between.address();
  const calling = callThere(['100', '--seconds', '1'], { SIP_INFO_OUTBOUND_PROXY: `127.0.0.1:${port}` });
  const [placed] = await once(sw, 'call');
  await placed.waitFor('dtls');
  for (const pipe of pipes) pipe.unpipe();
  const { status, output } = await calling;
  expect({ status, output }).toEqual({
    status: 0,
    output: expect.stringMatching(/hung up after 1 s\n.*call is over\n$/s),
  });
});

test('a file that cannot be written is told: 1', async () => {
  const { callThere } = await setUp();
  const { status, output } = await callThere(['100', '--seconds', '1', '--out', '/nowhere/recorded.wav']);
  expect({ status, output }).toEqual({
    status: 1,
    output: expect.stringMatching(/not recorded to \/nowhere.*No such/),
  });
  expect(output).not.toContain('recorded 0.0 s');
});
