// A headless Firefox, driven by WebDriver BiDi with as many of Playwright's methods as the tests need: Playwright itself drives
// builds of its own, and of Mozilla's only the newest.

const { spawn } = require('node:child_process');
const { once } = require('node:events');
const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const readline = require('node:readline');
const { WebSocket } = require('ws');

/** WEBPHONE_FIREFOX names one that is elsewhere. */
const PLACES = process.env.WEBPHONE_FIREFOX
  ? [process.env.WEBPHONE_FIREFOX]
  : [
      '/usr/bin/firefox',
      '/usr/bin/firefox-esr',
      '/snap/bin/firefox',
      '/Applications/Firefox.app/Contents/MacOS/firefox',
    ];

const PREFERENCES = {
  // Candidates with real addresses (no .local names), loopback among them.
  'media.peerconnection.ice.obfuscate_host_addresses': false,
  'media.peerconnection.ice.loopback': true,
  'media.autoplay.default': 0,
  'media.autoplay.blocking_policy': 0,
  // Asks nobody but this machine for anything.
  'network.dns.localDomains': 'localhost',
  'network.proxy.type': 0,
  'network.captive-portal-service.enabled': false,
  'network.connectivity-service.enabled': false,
  'app.normandy.enabled': false,
  'app.update.enabled': false,
  'browser.safebrowsing.update.enabled': false,
  'datareporting.policy.dataSubmissionEnabled': false,
  'extensions.update.enabled': false,
  'media.gmp-manager.updateEnabled': false,
  'services.settings.server': 'data:,#remote-settings-dummy/v1',
  'toolkit.telemetry.server': '',
};

/** One session of WebDriver BiDi: commands in order, and events to who listens for them in their context. */
class Session {
  constructor(socket) {
    this.socket = socket;
    this.id = 0;
    this.pending = new Map();
    this.listeners = new Map();
    socket.on('message', (text) => {
      const message = JSON.parse(text);
      if (message.type === 'event') {
        const context = message.params.context ?? message.params.source?.context;
        this.listeners.get(context)?.(message);
        return;
      }
      const { resolve, reject } = this.pending.get(message.id);
      this.pending.delete(message.id);
      if (message.type === 'success') resolve(message.result);
      else reject(new Error(`${message.error}: ${message.message}`));
    });
    socket.on('close', () => {
      for (const { reject } of this.pending.values()) reject(new Error('Firefox has ended'));
    });
  }

  send(method, params = {}) {
    const id = ++this.id;
    this.socket.send(JSON.stringify({ id, method, params }));
    return new Promise((resolve, reject) => this.pending.set(id, { resolve, reject }));
  }
}

class Page {
  constructor(session, context) {
    this.session = session;
    this.context = context;
    this.functions = new Map();
    this.onError = () => {};
    session.listeners.set(context, ({ method, params }) => {
      if (method === 'script.message') this.functions.get(params.channel)(...JSON.parse(params.data.value));
      else if (params.type === 'javascript') this.onError(new Error(params.text));
    });
  }

  on(_pageerror, listener) {
    this.onError = listener;
  }

  /** What it returns stays here. */
  async exposeFunction(name, body) {
    this.functions.set(name, body);
    await this.session.send('script.addPreloadScript', {
      functionDeclaration: `(send) => { globalThis.${name} = (...args) => send(JSON.stringify(args)); }`,
      arguments: [{ type: 'channel', value: { channel: name } }],
      contexts: [this.context],
    });
  }

  async goto(url) {
    await this.session.send('browsingContext.navigate', { context: this.context, url, wait: 'complete' });
  }

  async evaluate(body, given = null) {
    const { type, result, exceptionDetails } = await this.session.send('script.callFunction', {
      functionDeclaration: `async (given) => JSON.stringify(await (${body})(JSON.parse(given)))`,
      arguments: [{ type: 'string', value: JSON.stringify(given) }],
      awaitPromise: true,
      target: { context: this.context },
    });
    if (type === 'exception') throw new Error(exceptionDetails.text);
    return result.type === 'string' ? JSON.parse(result.value) : undefined;
  }

  async close() {
    if (!this.session.listeners.delete(this.context)) return;
    await this.session.send('browsingContext.close', { context: this.context });
  }
}

const PULSEAUDIO = '/usr/bin/pulseaudio';

/** No AudioContext of Firefox runs without a device that plays it, so a sound server with a sink that plays nothing lives in `folder`. */
class Sound {
  constructor(folder) {
    const socket = path.join(folder, 'sound');
    this.environment = { ...process.env, XDG_RUNTIME_DIR: folder, PULSE_SERVER: `unix:${socket}` };
    const modules = ['module-null-sink rate=48000', `module-native-protocol-unix auth-anonymous=1 socket=${socket}`];
    const args = [
      '-n',
      '--daemonize=no',
      '--exit-idle-time=-1',
      '--use-pid-file=no',
      ...modules.flatMap((m) => ['-L', m]),
    ];
    this.child = spawn(PULSEAUDIO, args, { stdio: 'ignore', env: { ...this.environment, HOME: folder } });
    this.ended = once(this.child, 'exit');
  }

  async stop() {
    this.child.kill();
    await this.ended;
  }
}

class Firefox {
  static async launch(executable, preferences) {
    const profile = fs.mkdtempSync(path.join(os.tmpdir(), 'webphone-rtc-firefox-'));
    // Elsewhere there is a desktop with sound of its own.
    const sound = fs.existsSync(PULSEAUDIO) ? new Sound(profile) : null;
    const lines = Object.entries({ ...PREFERENCES, ...preferences }).map(
      ([name, value]) => `user_pref(${JSON.stringify(name)}, ${JSON.stringify(value)});\n`,
    );
    fs.writeFileSync(path.join(profile, 'user.js'), lines.join(''));
    const args = ['--headless', '--no-remote', '--profile', profile, '--remote-debugging-port', '0', 'about:blank'];
    const child = spawn(executable, args, { stdio: ['ignore', 'ignore', 'pipe'], env: sound?.environment });
    const firefox = new Firefox(child, profile, sound);
    try {
      await firefox.connect();
    } catch (error) {
      await firefox.close();
      throw error;
    }
    return firefox;
  }

  constructor(child, profile, sound) {
    this.child = child;
    this.profile = profile;
    this.sound = sound;
    this.ended = once(child, 'exit');
  }

  async connect() {
    const url = await new Promise((resolve, reject) => {
      const said = [];
      const lines = readline.createInterface({ input: this.child.stderr });
      lines.on('line', (line) => {
        said.push(line);
        const found = /^WebDriver BiDi listening on (\S+)/.exec(line);
        if (found) resolve(found[1]);
      });
      lines.on('close', () => reject(new Error(`Firefox does not start: ${said.join('\n')}`)));
    });
    const socket = new WebSocket(`${url}/session`);
    await once(socket, 'open');
    this.session = new Session(socket);
    await this.session.send('session.new', { capabilities: {} });
    await this.session.send('session.subscribe', { events: ['log.entryAdded', 'script.message'] });
  }

  async newPage() {
    const { context } = await this.session.send('browsingContext.create', { type: 'tab' });
    return new Page(this.session, context);
  }

  async close() {
    this.session?.socket.terminate();
    this.child.kill();
    await this.ended;
    await this.sound?.stop();
    fs.rmSync(this.profile, { recursive: true, force: true, maxRetries: 5 });
  }
}

module.exports = {
  name: 'Firefox',
  package: 'firefox-esr',
  variable: 'WEBPHONE_FIREFOX',
  places: PLACES,
  launch: Firefox.launch,
};
