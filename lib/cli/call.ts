/**
 * `npx webphone-rtc call`: one call from a terminal, placed or answered: WAV in, WAV out, levels and digits.
 * Invariant: it ends with the call, and says why; credentials come from the environment and go to the SDK only.
 */
import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';
import type * as api from 'webphone-rtc';
import type * as webphone from '../webphone';
import { inWords } from './doctor';
import { askServers, isHostPort, judge } from './stun';

export interface CallOptions {
  /** Whom to call; none: the next call is answered. */
  number: string | null;
  /** Through the local switch instead of RingCentral. */
  onSwitch: boolean;
  in: string | null;
  out: string | null;
  /** Pressed once the call is up. */
  dtmf: string | null;
  /** After which to hang up. */
  seconds: number | null;
}

/** What the user has to mend before there can be a call. */
export class Hindrance extends Error {}
/** Why there was none. */
class NoCall extends Error {}

interface Session extends NodeJS.EventEmitter {
  rtcPeerConnection: api.RTCPeerConnection;
  remoteNumber?: string;
  hangup(): Promise<void>;
  answer(): Promise<void>;
  dispose(): void;
}
interface Phone extends NodeJS.EventEmitter {
  sipClient: { wsc?: WebSocket };
  start(): Promise<void>;
  call(number: string): Promise<unknown>;
  dispose(): Promise<void>;
}
interface LocalSwitch {
  sipInfo: SipInfo;
  call(): Promise<unknown>;
  stop(): Promise<void>;
}
type SipInfo = Record<string, string | string[]>;

const ROOT = path.join(__dirname, '../..');
const REQUIRED = ['AUTHORIZATION_ID', 'USERNAME', 'PASSWORD', 'DOMAIN', 'OUTBOUND_PROXY'];
const REGISTER_LIMIT_MS = 10_000;
/** How long the edge may take to answer a BYE, and all that is said at the end. */
const HANGUP_LIMIT_MS = 3000;
const LEAVE_LIMIT_MS = 3000;
const RING_LIMIT_MS = 60_000;
const CONNECT_LIMIT_MS = 10_000;
/** What is on its way when the file has been played. */
const TAIL_MS = 300;
const BAR = 16;

/** As the user's project finds it, or else as this package does. */
function requireFor(name: string, why: string): unknown {
  for (const from of [path.join(process.cwd(), 'package.json'), __filename]) {
    try {
      return createRequire(from)(name);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'MODULE_NOT_FOUND') throw error;
    }
  }
  throw new Hindrance(`${why} Install it:\n  npm install ${name}`);
}

async function startSwitch(): Promise<LocalSwitch> {
  const folder = path.join(ROOT, 'examples/switch');
  process.env.WEBPHONE_RTC_LOOPBACK ??= '1'; // the switch lives on 127.0.0.1
  try {
    const { startSwitch, localWebSocket } = require(folder);
    globalThis.WebSocket = localWebSocket();
    return await startSwitch();
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'MODULE_NOT_FOUND') throw error;
    throw new Hindrance('The local switch needs some packages:\n  npm install --save-dev ws werift@0.24 @evan/opus');
  }
}

/** SIP_INFO_… of the environment, as the example bridge reads them. */
export function sipInfoFrom(env: NodeJS.ProcessEnv): SipInfo {
  const missing = REQUIRED.map((name) => `SIP_INFO_${name}`).filter((name) => !env[name]);
  if (missing.length > 0) {
    throw new Hindrance(`Not set: ${missing.join(', ')}. Or call through the local switch: --switch`);
  }
  const text = (name: string) => env[`SIP_INFO_${name}`] ?? '';
  return {
    authorizationId: text('AUTHORIZATION_ID'),
    username: text('USERNAME'),
    password: text('PASSWORD'),
    domain: text('DOMAIN'),
    outboundProxy: text('OUTBOUND_PROXY'),
    outboundProxyBackup: text('OUTBOUND_PROXY_BACKUP') || text('OUTBOUND_PROXY'),
    stunServers: stunServersIn(text('STUN_SERVERS')),
  };
}

/** `host:port` of each, behind which the SDK puts `stun:` itself. */
function stunServersIn(text: string): string[] {
  const servers = text
    .split(',')
    .map((server) => server.trim())
    .filter(Boolean);
  for (const server of servers) {
    if (!isHostPort(server))
      throw new Hindrance(`SIP_INFO_STUN_SERVERS: '${server}' is no HOST:PORT, as stun.example.org:3478 is`);
  }
  return servers;
}

/** Says what the doctor would of servers that do not do: a call may have no way through a NAT without. */
async function checkStun(servers: string[], say: (line: string) => void): Promise<void> {
  const { answers, localPort } = await askServers(servers);
  const [finding] = judge(answers, localPort);
  if (finding && finding.status !== 'ok') say(inWords(finding));
}

/** Resolves with whether there was a call, and a recording where one was wanted; `say` prints a line. */
export async function call(options: CallOptions, say: (line: string) => void): Promise<boolean> {
  const prompt = options.in === null ? null : readPrompt(options.in);
  const sw = options.onSwitch ? await startSwitch() : null;
  let phone: Phone | null = null;
  try {
    const sipInfo = sw?.sipInfo ?? sipInfoFrom(process.env);
    phone = webPhone(sipInfo);
    const opened = sessionOf(phone);
    const stunServers = sw ? [] : (sipInfo.stunServers as string[]);
    if (stunServers.length > 0) void checkStun(stunServers, say);
    const { lost } = await register(phone);
    say(`registered as ${sipInfo.username}`);
    if (options.number === null) {
      say(sw ? 'the switch calls' : 'waiting for a call');
      void sw?.call();
    } else {
      say(`calling ${options.number}`);
      phone.call(options.number).catch((error) => say(`the SDK says: ${error.message}`));
    }
    const session = await Promise.race([opened, lost]);
    const up = answered(session);
    if (options.number === null) session.answer().catch((error) => say(`it cannot be answered: ${error.message}`));
    if (!(await Promise.race([up, lost]))) throw new NoCall('the call was not answered');
    say(`the call is up${session.remoteNumber ? `, with ${session.remoteNumber}` : ''}`);
    await connected(session);
    return await converse({ session, lost }, prompt, options, say);
  } catch (error) {
    if (!(error instanceof NoCall)) throw error;
    say(error.message);
    return false;
  } finally {
    if (phone) await leave(phone);
    await sw?.stop();
  }
}

function webPhone(sipInfo: SipInfo): Phone {
  if (!globalThis.WebSocket) {
    globalThis.WebSocket = (requireFor('ws', 'Node 20 has no WebSocket.') as { WebSocket: typeof WebSocket }).WebSocket;
  }
  require('../register');
  const sdk = requireFor('ringcentral-web-phone', 'Calls are made by the web phone SDK.') as { default?: unknown };
  const WebPhone = (sdk.default ?? sdk) as new (options: object) => Phone;
  return new WebPhone({ sipInfo, autoAnswer: false });
}

/** `lost` rejects when the edge is lost afterwards. Of all this the SDK says nothing: it waits. */
async function register(phone: Phone): Promise<{ lost: Promise<never> }> {
  const started = phone.start();
  const lost = edgeLost(phone);
  try {
    if (await within(REGISTER_LIMIT_MS, Promise.race([started, lost]))) return { lost };
  } catch (error) {
    throw error instanceof NoCall ? error : new NoCall((error as Error).message);
  }
  throw new NoCall(`the edge does not answer in ${REGISTER_LIMIT_MS / 1000} s`);
}

function edgeLost({ sipClient }: Phone): Promise<never> {
  const lost = new Promise<never>((_, reject) => {
    const gone = (event: Event) => reject(new NoCall((event as ErrorEvent).message || 'the edge closed the WebSocket'));
    for (const type of ['error', 'close']) sipClient.wsc?.addEventListener(type, gone);
  });
  lost.catch(() => {});
  return lost;
}

/** Says goodbye where somebody is there to answer. */
async function leave(phone: Phone): Promise<void> {
  if (phone.sipClient.wsc?.readyState !== WebSocket.OPEN) return;
  await within(
    LEAVE_LIMIT_MS,
    phone.dispose().catch(() => {}),
  );
}

/** Whether it came to its end in time. */
async function within(ms: number, promise: Promise<unknown>): Promise<boolean> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<boolean>((resolve) => {
    timer = setTimeout(resolve, ms, false);
  });
  try {
    return await Promise.race([promise.then(() => true), late]);
  } finally {
    clearTimeout(timer);
  }
}

function readPrompt(file: string): { samples: Int16Array; sampleRate: number } {
  if (!existsSync(file)) throw new Hindrance(`There is no file ${file}`);
  try {
    return require(path.join(ROOT, 'examples/bridge/wav.js')).readWav(file);
  } catch (error) {
    throw new Hindrance(`${file}: ${(error as Error).message}`);
  }
}

function sessionOf(phone: Phone): Promise<Session> {
  return new Promise((resolve) => {
    for (const event of ['inboundCall', 'outboundCall']) phone.once(event, resolve);
  });
}

function answered(session: Session): Promise<boolean> {
  return new Promise((resolve) => {
    const limit = setTimeout(() => resolve(false), RING_LIMIT_MS);
    const done = (up: boolean) => {
      clearTimeout(limit);
      resolve(up);
    };
    session.once('answered', () => done(true));
    for (const event of ['failed', 'disposed']) session.once(event, () => done(false));
  });
}

/** Digits and sound go nowhere before. A call that ends meanwhile is the conversation's to tell of. */
async function connected({ rtcPeerConnection: connection }: Session): Promise<void> {
  await new Promise<void>((resolve) => {
    const look = () => {
      if (['connected', 'failed', 'closed'].includes(connection.connectionState)) resolve();
    };
    connection.addEventListener('connectionstatechange', look);
    look();
    setTimeout(resolve, CONNECT_LIMIT_MS).unref();
  });
}

/** Resolves with whether all went well. A call whose edge is lost is over, too: nobody would tell of its end. */
async function converse(
  { session, lost }: { session: Session; lost: Promise<never> },
  prompt: { samples: Int16Array; sampleRate: number } | null,
  { in: file, out, dtmf: digits, seconds }: CallOptions,
  say: (line: string) => void,
): Promise<boolean> {
  const { callAudio } = require('../webphone') as typeof webphone;
  const audio = callAudio(session) as unknown as ReturnType<typeof import('webphone-rtc/webphone').callAudio>;
  const ended = new Promise<string>((resolve) => session.once('disposed', () => resolve('the call is over')));
  audio.dtmf.on('digit', ({ tone }) => say(`heard the digit ${tone}`));
  const meter = new Meter(audio, say);
  const recorder = out === null ? null : audio.record(out);
  recorder?.on('error', ({ message }) => say(`not recorded to ${out}: ${message}`));
  const hangUp = (why: string) => {
    say(why);
    session.hangup().catch(() => {});
    setTimeout(() => session.dispose(), HANGUP_LIMIT_MS).unref();
  };
  const keys = listenToKeys((key) => {
    if (key === 'q') return hangUp('hung up');
    audio.dtmf.send(key);
    say(`pressed ${key}`);
  });
  const stop = () => hangUp('hung up');
  process.once('SIGINT', stop);
  const limit = seconds === null ? null : setTimeout(() => hangUp(`hung up after ${seconds} s`), seconds * 1000);
  if (digits !== null) {
    audio.dtmf.send(digits);
    say(`pressed ${digits}`);
  }
  if (prompt) {
    play(audio.source, prompt).then(
      () => {
        say(`played ${file}`);
        if (seconds === null) setTimeout(() => hangUp('hung up'), TAIL_MS);
      },
      (error) => say(`${file} was not played to its end: ${error.message}`),
    );
  }
  say(await Promise.race([ended, lost.catch(({ message }) => message)]));
  if (limit) clearTimeout(limit);
  process.off('SIGINT', stop);
  keys.stop();
  meter.stop();
  const recorded = await recorder?.stop();
  if (recorded?.error) return false;
  if (recorded)
    say(`recorded ${(recorded.durationMs / 1000).toFixed(1)} s to ${recorded.path}, the far end left, this end right`);
  return true;
}

async function play(
  source: api.PcmSource,
  { samples, sampleRate }: { samples: Int16Array; sampleRate: number },
): Promise<void> {
  const block = sampleRate / 10;
  for (let at = 0; at < samples.length; at += block) {
    await source.captureFrame(samples.subarray(at, at + block), { sampleRate });
  }
  await source.waitForPlayout();
}

/** Levels of both directions: one line that moves on a terminal, one a second elsewhere. */
class Meter {
  readonly #levels = { heard: -100, said: -100 };
  readonly #timer: NodeJS.Timeout;

  constructor({ sink, source }: { sink: api.PcmSink; source: api.PcmSource }, say: (line: string) => void) {
    sink.on('level', ({ rmsDbfs }) => {
      this.#levels.heard = rmsDbfs;
    });
    source.on('level', ({ rmsDbfs }) => {
      this.#levels.said = rmsDbfs;
    });
    const terminal = process.stdout.isTTY;
    this.#timer = setInterval(
      () => {
        const line = `heard ${bar(this.#levels.heard)}   said ${bar(this.#levels.said)}`;
        if (terminal) process.stdout.write(`\r\x1b[K${line}\r`);
        else say(line);
      },
      terminal ? 100 : 1000,
    );
  }

  stop(): void {
    clearInterval(this.#timer);
  }
}

export function bar(dbfs: number): string {
  const filled = Math.round(Math.min(1, Math.max(0, (60 + dbfs) / 60)) * BAR);
  return `${'▮'.repeat(filled)}${'▯'.repeat(BAR - filled)} ${dbfs > -99 ? `${Math.round(dbfs)} dB` : '–'}`;
}

/** Keys of a telephone, and q, while this is a terminal. */
function listenToKeys(pressed: (key: string) => void): { stop(): void } {
  const { stdin } = process;
  if (!stdin.isTTY) return { stop() {} };
  const hear = (data: Buffer) => {
    for (const key of data.toString()) {
      if (key === '\x03') pressed('q');
      else if (/^[0-9*#A-Dq]$/.test(key)) pressed(key);
    }
  };
  stdin.setRawMode(true).resume().on('data', hear);
  return {
    stop() {
      stdin.off('data', hear).setRawMode(false).pause();
    },
  };
}
