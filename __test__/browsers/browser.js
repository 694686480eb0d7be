// The far end: a headless browser on this machine, one page per call, driven as if it were a Phone and an Ear.
// Invariant: the page runs the very files that Node runs (phone.js, ear.js, tone.js); only page.js is its own.

const fs = require('node:fs');
const http = require('node:http');
const path = require('node:path');

const CHROMIUM = require('./chromium');
const FIREFOX = require('./firefox');

/** @returns {string | null} the executable */
const find = ({ places }) => places.find((place) => fs.existsSync(place)) ?? null;

const MODULES = {
  'tone.js': '../support/tone.js',
  'ear.js': '../support/ear.js',
  'phone.js': '../support/phone.js',
  'channels.js': '../support/channels.js',
};
const SCRIPTS = { 'page.js': 'page.js', 'tap.js': 'tap.js', 'transforms.js': '../encoded/worker.js' };

/** A CommonJS file of ours as a classic script whose exports become globals. */
const asScript = (text) =>
  `(() => { const module = { exports: {} };\n${text}\nObject.assign(globalThis, module.exports); })();`;

function serve() {
  const page = `<!doctype html><meta charset="utf-8"><title>far end</title>${[...Object.keys(MODULES), 'page.js'].map((f) => `<script src="/${f}"></script>`).join('')}`;
  const server = http.createServer(({ url }, response) => {
    const name = url.slice(1);
    const read = (file) => fs.readFileSync(path.join(__dirname, file), 'utf8');
    const body = MODULES[name]
      ? asScript(read(MODULES[name]))
      : SCRIPTS[name]
        ? read(SCRIPTS[name])
        : name === ''
          ? page
          : null;
    response.writeHead(body === null ? 404 : 200, { 'content-type': name === '' ? 'text/html' : 'text/javascript' });
    response.end(body ?? '');
  });
  return new Promise((resolve) => server.listen(0, '127.0.0.1', () => resolve(server)));
}

/** The members of Phone and Ear that make sense from afar: plain data in, plain data out. */
const REMOTE = [
  'offer',
  'answer',
  'accept',
  'addCandidate',
  'connected',
  'failed',
  'reaches',
  'history',
  'leftByPeer',
  'setDirection',
  'insertDtmf',
  'stats',
  'iceUfrag',
  'state',
  'described',
  'close',
  'hears',
  'hearsKeys',
  'hearsNothing',
  'startRecording',
  'stopRecording',
  'speak',
  'mute',
  'encrypt',
  'show',
  'seen',
];

/** And those of Channels. */
const REMOTE_CHANNELS = [
  'create',
  'opened',
  'send',
  'sendBytes',
  'received',
  'stream',
  'count',
  'counted',
  'closeChannel',
  'closed',
  'sctp',
];

class Browser {
  /** @param {object} preferences of Firefox */
  static async start(kind = CHROMIUM, preferences = {}) {
    const server = await serve();
    try {
      return new Browser(await kind.launch(find(kind), preferences), server);
    } catch (error) {
      server.close();
      throw error;
    }
  }

  constructor(browser, server) {
    this.browser = browser;
    this.server = server;
  }

  /**
   * A page with one call, speaking `hz` (null: no microphone yet).
   * @param {{ hz: number | null, trickle?: boolean, configuration?: RTCConfiguration, onCandidate?: (candidate: object | null) => void }} options
   */
  async openPhone({ hz, trickle = false, configuration = {}, onCandidate = () => {} }) {
    const page = await this.browser.newPage();
    const errors = [];
    page.on('pageerror', (error) => errors.push(error));
    await page.exposeFunction('sendCandidate', onCandidate);
    await page.goto(`http://localhost:${this.server.address().port}/`);
    await page.evaluate((options) => globalThis.open(options), { hz, trickle, configuration });
    const phone = { errors, closePage: () => page.close() };
    for (const name of REMOTE) {
      phone[name] = (...args) => page.evaluate(([method, given]) => globalThis.far[method](...given), [name, args]);
    }
    phone.channels = {};
    for (const name of REMOTE_CHANNELS) {
      phone.channels[name] = (...args) =>
        page.evaluate(([method, given]) => globalThis.far.channels[method](...given), [name, args]);
    }
    return phone;
  }

  /** A page without a call. */
  async openPage() {
    const page = await this.browser.newPage();
    await page.goto(`http://localhost:${this.server.address().port}/`);
    return page;
  }

  async stop() {
    await this.browser.close();
    this.server.close();
  }
}

/**
 * `describe` for what needs a browser. Without it the tests are skipped with the reason in their name; under CI that is a failure.
 * @param {(browser: () => Browser) => void} define
 */
function describeWith(kind, name, define, preferences) {
  jest.setTimeout(90_000);
  if (!find(kind)) {
    if (process.env.CI)
      test(`${name}: needs ${kind.name}`, () => {
        throw new Error(
          `no ${kind.name} on this machine: install it (Debian: apt-get install ${kind.package}) or set ${kind.variable}`,
        );
      });
    else describe.skip(`${name} (no ${kind.name} on this machine)`, () => define(() => null));
    return;
  }
  describe(name, () => {
    let browser;
    beforeAll(async () => {
      browser = await Browser.start(kind, preferences);
    });
    afterAll(() => browser?.stop());
    define(() => browser);
  });
}

const describeWithChromium = (name, define) => describeWith(CHROMIUM, name, define);
const describeWithFirefox = (name, define, preferences) => describeWith(FIREFOX, name, define, preferences);

/** The same with each browser, whose name is appended: 'a call' is 'a call with Chromium', and with Firefox. */
function describeWithBrowsers(name, define) {
  for (const kind of [CHROMIUM, FIREFOX])
    describeWith(kind, `${name} with ${kind.name}`, (browser) => define(browser, kind.name));
}

module.exports = {
  Browser,
  asScript,
  describeWithBrowsers,
  describeWithChromium,
  describeWithFirefox,
  findChromium: () => find(CHROMIUM),
};
