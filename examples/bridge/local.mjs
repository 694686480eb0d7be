// A bridge on the local switch, with a caller who talks to your voice AI. No account needed.
//   node local.mjs [BRIDGE.js]     the bridge beside this file, or your own: it gets its settings in the environment
// Invariant: exit code 0 only if the caller heard the bot. What he heard is written to heard.wav.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { dim, green, red, Screen } from '../switch/screen.mjs';

const HERE = path.dirname(fileURLToPath(import.meta.url));
const WITHOUT_TLS = path.join(HERE, '../switch/without-tls.js');
const HEARD = 0.01; // RMS; -40 dB
const REGISTER_LIMIT_MS = 20_000;
const RING_MS = 15_000;
/** How long the marked call is up: the bridge reaches its AI meanwhile, as a connection that is broken off looks like a fault. */
const MARKED_MS = 1000;
const WAIT_FOR_BOT_MS = 60_000;
const HINT_AFTER_MS = 3000;
const LEAVE_LIMIT_MS = 12_000;
const NEVER_ANSWERED =
  'The bridge never called answer(), or its lines above say why that failed; by itself the SDK answers only calls with Alert-Info: Auto Answer';
/** What the switch is made of, and what the bridge beside this file needs beyond webphone-rtc; with the versions that fit. */
const OF_THE_SWITCH = { ws: 'ws', werift: 'werift@0.24', '@evan/opus/wasm/index.js': '@evan/opus' };
const OF_THE_BRIDGE = { 'ringcentral-web-phone': 'ringcentral-web-phone', express: 'express' };

const require = createRequire(import.meta.url);
const screen = new Screen();

class Hindrance extends Error {}

function requirePackages(packages) {
  const absent = Object.keys(packages).filter((name) => {
    try {
      require.resolve(name);
      return false;
    } catch {
      return true;
    }
  });
  if (absent.length === 0) return;
  const names = absent.map((name) => packages[name]).join(' ');
  throw new Hindrance(`Some packages are missing here. Install them:\n  npm install --save-dev ${names}`);
}

/** A WAV of mono PCM16 blocks of one rate. */
function wav(blocks, sampleRate) {
  const data = Buffer.concat(blocks.map((pcm) => Buffer.from(pcm.buffer, pcm.byteOffset, pcm.byteLength)));
  const header = Buffer.from('RIFF----WAVEfmt \x10\0\0\0\x01\0\x01\0--------\x02\0\x10\0data----', 'latin1');
  header.writeUInt32LE(36 + data.length, 4);
  header.writeUInt32LE(sampleRate, 24);
  header.writeUInt32LE(sampleRate * 2, 28);
  header.writeUInt32LE(data.length, 40);
  return Buffer.concat([header, data]);
}

function startBridge(file, { sipInfo }) {
  const bridge = spawn(process.execPath, ['--require', WITHOUT_TLS, file], {
    env: {
      PORT: '0',
      PYTHON_WS_URL: 'ws://127.0.0.1:8765',
      PYTHON_HTTP_URL: 'http://127.0.0.1:8766/calls',
      ...process.env,
      SIP_INFO_AUTHORIZATION_ID: sipInfo.authorizationId,
      SIP_INFO_USERNAME: sipInfo.username,
      SIP_INFO_PASSWORD: sipInfo.password,
      SIP_INFO_DOMAIN: sipInfo.domain,
      SIP_INFO_OUTBOUND_PROXY: sipInfo.outboundProxy,
      SIP_INFO_OUTBOUND_PROXY_BACKUP: sipInfo.outboundProxyBackup,
      SIP_INFO_STUN_SERVERS: sipInfo.stunServers.join(','),
      WEBPHONE_RTC_LOOPBACK: '1',
    },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  for (const stream of [bridge.stdout, bridge.stderr])
    stream.on('data', (data) => {
      for (const line of String(data).trimEnd().split('\n'))
        screen.note(dim(`bridge: ${line.replace(/^\S+Z (info|warn) +/, '')}`));
    });
  return bridge;
}

/** Rejects if the bridge ends before, or somebody ends all this. */
async function whileRunning(bridge, promise) {
  const ended = once(bridge, 'exit').then(() => 'the bridge ended; its lines above say why');
  const stopped = Promise.race(['SIGINT', 'SIGTERM'].map((signal) => once(process, signal))).then(() => 'stopped');
  const hindered = Promise.race([ended, stopped]).then((reason) => {
    throw new Hindrance(reason);
  });
  return Promise.race([promise, hindered]);
}

async function registered(sw) {
  const limit = pause(REGISTER_LIMIT_MS, undefined, { ref: false }).then(() => {
    throw new Hindrance(
      'the bridge did not register: does it read SIP_INFO_AUTHORIZATION_ID, _USERNAME, _PASSWORD, _DOMAIN and _OUTBOUND_PROXY from the environment?',
    );
  });
  await Promise.race([sw.waitForPhone(), limit]);
}

/** What the caller hears, all of it, and how much of it is sound. */
class Ear {
  level = 0;
  loud = 0;
  blocks = [];
  rate = 48000;

  constructor(call, { level }) {
    this.call = call;
    const { media } = call;
    media.on('audio', (pcm, sampleRate) => {
      this.level = level(pcm);
      this.rate = sampleRate;
      this.blocks.push(pcm);
      if (this.level > HEARD) this.loud++;
      screen.level('bot', this.level);
      screen.level('caller', media.sentLevel);
    });
  }

  /** Listens for a moment. */
  async listen(ms = 50) {
    await pause(ms);
    const { verdict, reason } = this.call;
    if (verdict) throw new Hindrance(`the call has ended: ${reason}`);
  }

  /** Until the first sound; false if there is none. */
  async hearsBot() {
    const begin = Date.now();
    for (let hinted = false; this.loud === 0; await this.listen()) {
      if (Date.now() - begin > WAIT_FOR_BOT_MS) return false;
      if (hinted || Date.now() - begin < HINT_AFTER_MS) continue;
      screen.note('waiting for the bot: is voice_ai.py running in another terminal?');
      hinted = true;
    }
    return true;
  }

  /** Until a second of quiet, 15 s at most. */
  async hearsQuiet() {
    const end = Date.now() + 15_000;
    for (let since = Date.now(); Date.now() - since < 1000 && Date.now() < end; await this.listen())
      if (this.level > HEARD) since = Date.now();
  }
}

/** A call that is up. A marked one the SDK answers by itself, any other one takes answer(). */
async function answered(sw, { marked, source }) {
  const call = await sw.call({ source, callerName: 'Ada Caller', autoAnswer: marked, ringTimeoutMs: RING_MS });
  try {
    await call.waitFor('dtls');
  } catch (error) {
    if (!call.voicemail) throw new Hindrance(error.message);
    const { reason } = call;
    throw new Hindrance(
      `the call went to voicemail: ${reason === 'nobody answered' ? `${reason}. ${NEVER_ANSWERED}` : reason}`,
    );
  }
  return call;
}

async function talk(sw, signal) {
  const marked = await answered(sw, { marked: true, source: signal.silence() });
  screen.good('a call marked for auto-answer is up');
  await new Ear(marked, signal).listen(MARKED_MS);
  await marked.hangup();

  const call = await answered(sw, { marked: false, source: signal.silence() });
  screen.good('a call that was dialled is up');
  const ear = new Ear(call, signal);
  const heard = await ear.hearsBot();
  await ear.hearsQuiet();
  if (heard) screen.good('the caller heard the bot');
  else screen.bad(`the bot said nothing in ${WAIT_FOR_BOT_MS / 1000} s`);

  screen.note('the caller speaks for two seconds');
  const greeted = ear.loud;
  call.media.source = signal.babble(1);
  await ear.listen(2000);
  call.media.source = signal.silence();
  await ear.listen(1500);
  await ear.hearsQuiet();
  if (ear.loud > greeted) screen.good('the bot answered');
  else screen.bad('no answer');

  screen.note('the caller presses 1 2 3 #');
  call.sendDtmf('123#');
  await ear.listen(2500);
  await ear.hearsQuiet();
  const digits = call.media.digits.map(({ digit }) => digit).join('');
  if (digits) screen.good(`the bot pressed ${digits}`);

  await call.hangup();
  writeFileSync('heard.wav', wav(ear.blocks, ear.rate));
  screen.plain(
    `\nwent to voicemail: ${call.voicemail ? red('yes') : green('no')}. What the caller heard is in heard.wav.`,
  );
  return heard && !call.voicemail;
}

/** A bridge that does not leave by itself when it is asked to is ended. */
async function leave(bridge) {
  if (bridge.exitCode !== null || bridge.signalCode !== null) return;
  const exit = once(bridge, 'exit');
  bridge.kill('SIGTERM');
  const timer = setTimeout(() => bridge.kill('SIGKILL'), LEAVE_LIMIT_MS);
  await exit;
  clearTimeout(timer);
}

async function main(file) {
  requirePackages({ ...OF_THE_SWITCH, ...(file ? {} : OF_THE_BRIDGE) });
  if (file && !existsSync(file)) throw new Hindrance(`there is no ${file}`);
  const { startSwitch, signal } = require('../switch');
  const sw = await startSwitch();
  const bridge = startBridge(file ?? path.join(HERE, 'index.js'), sw);
  try {
    return await whileRunning(
      bridge,
      registered(sw).then(() => talk(sw, signal)),
    );
  } finally {
    await leave(bridge);
    await sw.stop();
  }
}

try {
  process.exitCode = (await main(process.argv[2])) ? 0 : 1;
} catch (error) {
  if (!(error instanceof Hindrance)) throw error;
  screen.bad(error.message);
  process.exitCode = 1;
}
