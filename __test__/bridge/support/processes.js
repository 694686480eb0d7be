// The bridge and the voice AI as processes of their own, with what they print as their story.

const { spawn } = require('node:child_process');
const { EventEmitter } = require('node:events');
const path = require('node:path');

const EXAMPLE = path.resolve(__dirname, '../../../examples/bridge');
const LIMIT_MS = 20_000;

class Process extends EventEmitter {
  output = '';

  constructor(command, args, env, cwd = undefined) {
    super();
    const stdio = ['ignore', 'pipe', 'pipe'];
    this.child = spawn(command, args, { cwd, env: { ...process.env, ...env }, stdio });
    for (const stream of [this.child.stdout, this.child.stderr])
      stream.on('data', (data) => {
        this.output += data;
        if (process.env.E2E_VERBOSE) process.stderr.write(data);
        this.emit('output');
      });
    this.exited = new Promise((resolve) => {
      this.child.once('close', (code, signal) => {
        this.exit = { code, signal };
        resolve(this.exit);
        this.emit('output');
      });
    });
  }

  /** Resolves with the match of a pattern in what was printed from `since` on. */
  async says(pattern, { since = 0, limitMs = LIMIT_MS } = {}) {
    const find = () => pattern.exec(this.output.slice(since));
    if (find()) return find();
    return new Promise((resolve, reject) => {
      const done = (settle, value) => {
        clearTimeout(timer);
        this.off('output', look);
        settle(value);
      };
      const fail = (why) => done(reject, new Error(`${why} without ${pattern}; it said:\n${this.output.slice(-3000)}`));
      const look = () => {
        const found = find();
        if (found) done(resolve, found);
        else if (this.exit) fail(`it ended (${JSON.stringify(this.exit)})`);
      };
      const timer = setTimeout(() => fail(`${limitMs} ms passed`), limitMs);
      this.on('output', look);
      look();
    });
  }

  /** Where the story stands, for `since`. */
  get now() {
    return this.output.length;
  }

  async stop(signal = 'SIGTERM') {
    if (!this.exit) this.child.kill(signal);
    const timer = setTimeout(() => this.child.kill('SIGKILL'), LIMIT_MS);
    const exit = await this.exited;
    clearTimeout(timer);
    return exit;
  }
}

/** A bridge's settings for a registration at the switch. */
const registrationAt = ({ sipInfo }) => ({
  SIP_INFO_AUTHORIZATION_ID: sipInfo.authorizationId,
  SIP_INFO_USERNAME: sipInfo.username,
  SIP_INFO_PASSWORD: sipInfo.password,
  SIP_INFO_DOMAIN: sipInfo.domain,
  SIP_INFO_OUTBOUND_PROXY: sipInfo.outboundProxy,
  SIP_INFO_STUN_SERVERS: sipInfo.stunServers.join(','),
});

/** The example's index.js, registered at a local switch. */
class BridgeProcess extends Process {
  static file = path.join(EXAMPLE, 'index.js');

  constructor(sw, env = {}) {
    super(process.execPath, [new.target.file], {
      ...registrationAt(sw),
      SIP_TRANSPORT: 'ws',
      WEBPHONE_RTC_LOOPBACK: '1',
      PORT: '0',
      LOG_LEVEL: 'debug',
      ANSWER_DELAY_MS: '50',
      ...env,
    });
  }

  /** Resolves when it is registered and listens. */
  async ready() {
    this.url = (await this.says(/listening address=(\S+)/))[1];
    await this.says(/info {2}registered/);
    return this;
  }

  async status() {
    const response = await fetch(`${this.url}/status`);
    return { code: response.status, ...(await response.json()) };
  }

  async webhook(body, headers = {}) {
    const response = await fetch(`${this.url}/webhook`, {
      method: 'POST',
      headers: { 'Content-Type': 'application/json', ...headers },
      body: typeof body === 'string' ? body : JSON.stringify(body),
    });
    return { status: response.status, headers: response.headers, text: await response.text() };
  }
}

module.exports = { Process, BridgeProcess, EXAMPLE, registrationAt };
