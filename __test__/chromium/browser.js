// The far end: a headless Chromium on this machine, one page per call, driven as if it were a Phone and an Ear.
// Invariant: the page runs the very files that Node runs (phone.js, ear.js, tone.js); only page.js is its own.

const fs = require('node:fs');
const http = require('node:http');
const path = require('node:path');

const PLACES = [
  '/usr/bin/chromium',
  '/usr/bin/chromium-browser',
  '/usr/bin/google-chrome',
  '/usr/bin/google-chrome-stable',
  '/snap/bin/chromium',
  '/Applications/Google Chrome.app/Contents/MacOS/Google Chrome',
  '/Applications/Chromium.app/Contents/MacOS/Chromium',
];

/** @returns {string | null} the executable; WEBPHONE_CHROMIUM names one that is elsewhere */
function findChromium() {
  const places = process.env.WEBPHONE_CHROMIUM ? [process.env.WEBPHONE_CHROMIUM] : PLACES;
  return places.find((place) => fs.existsSync(place)) ?? null;
}

const FLAGS = [
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
  '--disable-quic',
  '--no-proxy-server',
  '--host-resolver-rules=MAP * ~NOTFOUND , EXCLUDE localhost',
  '--autoplay-policy=no-user-gesture-required',
  // Candidates with real addresses (no .local names), loopback among them.
  '--disable-features=WebRtcHideLocalIpsWithMdns',
  '--allow-loopback-in-peer-connection',
];

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
  static async start() {
    const { chromium } = require('playwright-core');
    const server = await serve();
    // Root, as in a container, cannot have Chromium's sandbox.
    const chromiumSandbox = process.getuid?.() !== 0;
    const browser = await chromium.launch({
      executablePath: findChromium(),
      headless: true,
      chromiumSandbox,
      args: FLAGS,
    });
    return new Browser(browser, server);
  }

  constructor(browser, server) {
    this.browser = browser;
    this.server = server;
  }

  /**
   * A page with one call, speaking `hz` (null: no microphone yet).
   * @param {{ hz: number | null, trickle?: boolean, onCandidate?: (candidate: object | null) => void }} options
   */
  async openPhone({ hz, trickle = false, onCandidate = () => {} }) {
    const page = await this.browser.newPage();
    const errors = [];
    page.on('pageerror', (error) => errors.push(error));
    await page.exposeFunction('sendCandidate', onCandidate);
    await page.goto(`http://localhost:${this.server.address().port}/`);
    await page.evaluate((options) => globalThis.open(options), { hz, trickle });
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
 * `describe` for what needs a Chromium. Without one the tests are skipped with the reason in their name; under CI that is a failure.
 * @param {(browser: () => Browser) => void} define
 */
function describeWithChromium(name, define) {
  jest.setTimeout(90_000);
  if (!findChromium()) {
    if (process.env.CI)
      test(`${name}: needs Chromium`, () => {
        throw new Error(
          'no Chromium on this machine: install it (Debian: apt-get install chromium) or set WEBPHONE_CHROMIUM',
        );
      });
    else describe.skip(`${name} (no Chromium on this machine)`, () => define(() => null));
    return;
  }
  describe(name, () => {
    let browser;
    beforeAll(async () => {
      browser = await Browser.start();
    });
    afterAll(() => browser?.stop());
    define(() => browser);
  });
}

module.exports = { Browser, asScript, describeWithChromium, findChromium };
