// Every block of shell in the documents is run as it stands, or is named here with the reason why not; of all commands, those
// in sentences too, what they name is there: scripts, files, options, packages.

const fs = require('node:fs');
const path = require('node:path');
const { startSwitch } = require('../../examples/switch');
const { parseWav } = require('../../examples/bridge/wav');
const { writeTone } = require('../bridge/support/ear');
const { freePort, pythonTest } = require('../bridge/support/python');
const { startRedis, withRedis } = require('../fleet/redis');
const { NewUser } = require('../package/new-user');
const shell = require('../package/shell');
const { commandsOf, documents, mentioned, shellBlocks } = require('./documents');
const { complaints } = require('./named');
const { root } = shell;

jest.setTimeout(10 * 60_000);

/** What a machine that has other things to do may take. */
const INSTALL_MS = 4 * 60_000;
const CALL_MS = 3 * 60_000;
/** Of 32767. */
const AUDIBLE = 3000;

/** What a reader has or makes himself. */
const YOURS = ['bridge.js', './otel.js'];

const notHere = (reason) => ({ reason });
const followedBy = (file, by) => ({ file, by });
const runs = (name, check, kind = test) => ({ name, check, kind });

let user;
let clone;

/** A clone of the repository as `npm install` leaves it, built. */
function cloned() {
  if (clone) return clone;
  clone = shell.cloneOfCheckout();
  const modules = path.join(clone, 'node_modules');
  fs.rmSync(modules);
  fs.cpSync(path.join(root, 'node_modules'), modules, { recursive: true, verbatimSymlinks: true });
  for (const name of fs.readdirSync(root).filter((name) => name.endsWith('.node')))
    fs.copyFileSync(path.join(root, name), path.join(clone, name));
  return clone;
}

/** What a bridge is given in its .env: an extension of the switch. */
function fillIn(file, sw) {
  const { sipInfo } = sw;
  const values = {
    SIP_INFO_AUTHORIZATION_ID: sipInfo.authorizationId,
    SIP_INFO_USERNAME: sipInfo.username,
    SIP_INFO_PASSWORD: sipInfo.password,
    SIP_INFO_DOMAIN: sipInfo.domain,
    SIP_INFO_OUTBOUND_PROXY: sipInfo.outboundProxy,
    SIP_INFO_OUTBOUND_PROXY_BACKUP: sipInfo.outboundProxyBackup,
    PORT: '0',
  };
  let text = fs.readFileSync(file, 'utf8');
  for (const [name, value] of Object.entries(values)) {
    expect(text).toMatch(new RegExp(`^${name}=`, 'm'));
    text = text.replace(new RegExp(`^${name}=.*$`, 'm'), `${name}=${value}`);
  }
  fs.writeFileSync(file, `${text}SIP_TRANSPORT=ws\nWEBPHONE_RTC_LOOPBACK=1\n`);
}

const doctor = async (line) => {
  const { status, stdout } = await user.tries(line);
  for (const id of ['node', 'binary', 'interfaces', 'ports', 'stun', 'nat', 'turn', 'self-call', 'latency', 'quality'])
    expect(stdout).toMatch(new RegExp(`^[✔!✘·] ${id}: `, 'm'));
  // Public STUN servers are not for every machine that runs this.
  expect(stdout).toMatch(status === 0 ? /is fit for calls\.\n$/ : /^✘ stun: [\s\S]*is not fit for calls yet\.\n$/m);
};

const call = async (line) => {
  writeTone(path.join(user.project, 'said.wav'), { hz: 440, seconds: 2 });
  expect((await user.types(line)).stdout).toMatch(/the call is up[\s\S]*the call is over/);
  expect(fs.statSync(path.join(user.project, 'recorded.wav')).size).toBeGreaterThan(16_000 * 2 * 2 * 1.5);
};

const logs = async (line, { confidential }) => {
  fs.copyFileSync(path.join(__dirname, 'user/bridge.js'), path.join(user.project, 'bridge.js'));
  const { stderr } = await user.types(line);
  expect(stderr).toMatch(/^\S+Z webphone-rtc:connection #1 info connected /m);
  expect(/webphone-rtc:(sdp|candidate) /.test(stderr)).toBe(confidential);
};

/** One check for each line, in their order. */
async function eachLine(text, ...checks) {
  const lines = text.trimEnd().split('\n');
  expect(lines).toHaveLength(checks.length);
  for (const [index, check] of checks.entries()) await check(lines[index]);
}

/** The two terminals of the bridge's README: the voice AI in one, the switch and the bridge in the other. */
const voiceAi = { ports: null };
const hearTheBot = {
  async ai(text) {
    voiceAi.ports = [await freePort(), await freePort()];
    const [port, http] = voiceAi.ports.map(String);
    const terminal = user.starts(text, { cwd: cloned(), env: { VOICE_AI_PORT: port, VOICE_AI_HTTP_PORT: http } });
    await terminal.says(/listening/, { limitMs: INSTALL_MS });
  },
  async bridge(text) {
    const [port, http] = voiceAi.ports;
    const env = { PYTHON_WS_URL: `ws://127.0.0.1:${port}`, PYTHON_HTTP_URL: `http://127.0.0.1:${http}/calls` };
    const terminal = user.starts(text, { cwd: cloned(), env });
    await terminal.says(/the caller heard the bot/, { limitMs: CALL_MS + INSTALL_MS });
    expect(await terminal.exited).toEqual({ code: 0, signal: null });
    const { samples } = parseWav(fs.readFileSync(path.join(cloned(), 'heard.wav')));
    expect(samples.some((sample) => sample > AUDIBLE)).toBe(true);
    await user.closeTerminals();
  },
};

/** The bridge in a project of one's own, up to a call that is answered. */
async function ownProject(text) {
  const [project, sw] = [shell.emptyProject('own'), await startSwitch()];
  try {
    const lines = text.trimEnd().split('\n');
    await user.types(lines.slice(0, -1).join('\n'), { cwd: project });
    const bridge = path.join(project, 'bridge');
    fillIn(path.join(bridge, '.env'), sw);
    const terminal = user.starts(lines.at(-1), { cwd: bridge });
    await terminal.says(/info {2}registered/, { limitMs: CALL_MS });
    const caller = await sw.call();
    await caller.waitFor('dtls');
    await caller.hangup();
    expect(await terminal.stop()).toEqual({ code: 0, signal: null });
  } finally {
    await sw.stop();
  }
}

/** Two bridges beside each other, up to a call that rings at both and is answered once. */
async function fleet(text) {
  const [system, ...lines] = text.trimEnd().split('\n');
  expect(system).toBe('apt install redis-server'); // which takes root
  const [project, sw, redis] = [shell.emptyProject('fleet'), await startSwitch(), await startRedis()];
  try {
    await user.types(lines.slice(0, -2).join('\n'), { cwd: project });
    fillIn(path.join(project, 'bridge/.env'), sw);
    // Their ports are those of the document, unless somebody has them.
    const nodes = lines.slice(-2).map((line) => {
      const free = line.replace(/ PORT=\d+ /, ' PORT=0 ');
      expect(free).not.toBe(line);
      return user.starts(free, { cwd: project, env: { REDIS_URL: redis.url, MAX_CALLS: '1' } });
    });
    for (const node of nodes) await node.says(/redis is there/, { limitMs: CALL_MS });
    for (const node of nodes) await node.says(/info {2}registered/, { limitMs: CALL_MS });
    const calls = [];
    for (let n = 0; n < 2; n++) {
      const { legs, answered } = await sw.ringAll();
      expect(legs).toHaveLength(2);
      calls.push(await answered);
      await calls[n].waitFor('dtls');
    }
    for (const call of calls) await call.hangup();
    for (const node of nodes) expect(await node.stop()).toEqual({ code: 0, signal: null });
  } finally {
    await redis.stop();
    await sw.stop();
  }
}

const TABLE = {
  'README.md': [
    ...Array(4).fill(followedBy('package/quickstart.test.js', "blocks('Quick start')")),
    runs('a call is demonstrated', (text) =>
      eachLine(
        text,
        async (line) => {
          const { stdout } = await user.types(line, { cwd: root });
          expect(stdout).toMatch(/went to voicemail: no/);
        },
        (line) => expect(line).toMatch(/^npm test /), // which this is a part of
      ),
    ),
  ],
  'docs/command-line.md': [runs('the doctor looks, a call is made', (text) => eachLine(text, doctor, call))],
  'docs/logging.md': [
    runs('a bridge logs, with and without what is confidential', (text) =>
      eachLine(
        text,
        (line) => logs(line, { confidential: true }),
        (line) => logs(line, { confidential: false }),
      ),
    ),
  ],
  'docs/troubleshooting.md': [
    runs('the doctor looks, a bridge logs', (text) =>
      eachLine(text, doctor, (line) => logs(line, { confidential: false })),
    ),
  ],
  'docs/scaling.md': [followedBy('workers/workers.test.js', 'examples/workers/index.mjs')],
  'docs/quality.md': [notHere('takes a minute, or a quarter of an hour, of an idle machine, and PESQ')],
  'docs/releasing.md': [notHere('takes zig and minutes to build the release; the workflow does it')],
  'docs/robustness.md': [notHere('takes a nightly compiler and more time than all other tests')],
  'docs/speech.md': [notHere('takes packages of Debian and a quarter of an hour, for fourteen hours of sound')],
  'examples/bridge/README.md': [
    runs('the voice AI listens', hearTheBot.ai, pythonTest),
    runs('the caller hears the bot', hearTheBot.bridge, pythonTest),
    runs('a copy of the bridge registers and takes a call', ownProject),
  ],
  'examples/fleet/README.md': [runs('two bridges share the calls', fleet, withRedis(test))],
  'fuzz/README.md': [
    notHere('takes a nightly compiler, cargo-fuzz and minutes'),
    notHere('takes a nightly compiler, cargo-fuzz and minutes'),
  ],
  'fuzz/RUN.md': [notHere('takes a nightly compiler, cargo-fuzz and minutes')],
};

beforeAll(async () => {
  user = await NewUser.arrive(['ringcentral-web-phone', 'express', 'ws', 'werift', '@evan/opus', 'webphone-rtc']);
});
afterAll(async () => {
  await user?.leave();
  shell.removeScratch();
});

test('every block of every document is in the table, and nothing else', () => {
  const counted = documents().map((document) => [document, shellBlocks(document).length]);
  expect(Object.fromEntries(counted.filter(([, count]) => count > 0))).toEqual(
    Object.fromEntries(Object.entries(TABLE).map(([document, list]) => [document, list.length])),
  );
});

test('the demonstration with mocks, of which the README tells too, goes to voicemail', async () => {
  const [{ words }] = mentioned('README.md').filter(({ words }) => words.includes('--mocks'));
  const { output } = await user.tries(words.join(' '), { cwd: root });
  expect(output).toMatch(/went to voicemail: yes/);
});

test.each([
  ['npm run nothing', "there is no script 'nothing'"],
  ['npm run demo -- --nothing', '--nothing is no option of it'],
  ['npm install werift@0.1', 'werift@0.1 is not '],
  ['npm install no-such-package', 'no-such-package is not among'],
  ['node --no-such-option bench/bridge.mjs', 'node has no --no-such-option'],
  ['node bench/nothing.mjs', 'there is no bench/nothing.mjs'],
  ['node node_modules/webphone-rtc/bench/bridge.mjs', 'there is no node_modules/webphone-rtc/bench/bridge.mjs'],
  ['cp -r node_modules/webphone-rtc/nothing .', 'there is no node_modules/webphone-rtc/nothing'],
  ['npx webphone-rtc operate', "there is no command 'operate'"],
  ['npx webphone-rtc call --json', '--json is no option of it'],
  ['cargo test --test nothing', '--test nothing is not there'],
  ['fuzz/run.sh 60 sdp nothing', 'no target nothing'],
  ['pip install -r nothing.txt', 'there is no nothing.txt'],
  ['for it in a b; do npm test && frobnicate $it; done # all of them', 'frobnicate is not known here'],
])('that a command names what is not there is noticed: %s', (text, complaint) => {
  expect(wrong(commandsOf(text), 'README.md')).toEqual([expect.stringContaining(complaint)]);
});

function wrong(commands, document) {
  // The examples are copied by their names.
  const at = ['', path.posix.dirname(document), 'examples', 'examples/bridge'];
  return commands.flatMap((command) => complaints(command, { at, yours: YOURS }));
}

describe.each(documents())('%s', (document) => {
  test('what its sentences tell to run is there', () => expect(wrong(mentioned(document), document)).toEqual([]));

  shellBlocks(document).forEach(({ text }, index) => {
    const begin = `'${text.split('\n')[0].replace(/\s*#.*/, '')}' and so on`;
    const { check, name, kind, file, by, reason } = TABLE[document]?.[index] ?? {};
    const elsewhere = file ? `, and ${file} follows it` : reason ? `; it is not run here, as that ${reason}` : '';

    test(`${begin} names what is there${elsewhere}`, () => {
      expect(wrong(commandsOf(text), document)).toEqual([]);
      if (file) expect(fs.readFileSync(path.join(root, '__test__', file), 'utf8')).toContain(by);
    });
    if (check) kind(`${begin}: ${name}`, () => check(text));
  });
});
