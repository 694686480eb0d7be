// `npm run faults`: calls between two hosts in network namespaces, with a router between them that loses, repeats, delays, cuts,
// shortens and translates: ours with ours, ours with Chromium both ways, and Chromium with Chromium, to see what a browser's call
// survives. Needs root, iproute2, Python and a TUN device; says so and ends with 0 where it has not got them.
// Arguments: names of faults and of pairs, to run those alone.
import { spawn } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { Call } from './call.mjs';
import { A, B, build, cut, demolish, inside, kill, move, nat, Path, ROUTER, shorten } from './net.mjs';

const { findChromium } = createRequire(import.meta.url)('../browsers/browser.js');

const PAIRS = {
  'ours calls ours': ['ours', 'ours'],
  'ours calls Chromium': ['ours', 'chromium'],
  'Chromium calls ours': ['chromium', 'ours'],
  'Chromium calls Chromium': ['chromium', 'chromium'],
};

const LOSS_MS = 20_000;
/** A NAT that has forgotten is found out by a check that is not answered; failed would come after 30 s. */
const REBOUND_MS = 40_000;
/** Enough to be disconnected, as whoever restarts ICE waits for. */
const MOVED_MS = 5000;
/** Not every fault ends before a call would have failed. */
const VANISHED_MS = 60_000;

const scratch = mkdtempSync(path.join(tmpdir(), 'webphone-rtc-faults-'));
const ENV = { TMPDIR: scratch };
const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
const all = (who, each) => who.every((end) => end === each);
const seconds = (ms) => `${(ms / 1000).toFixed(1)} s`;
const percent = (share) => `${(100 * share).toFixed(0)} %`;

/** The states of an end after it was connected, with the time since a moment. */
async function since(end, began) {
  const history = await end.ask('history');
  const up = history.findIndex(([, state]) => state === 'connected');
  return history.slice(up + 1).map(([at, state]) => ({ state, after: seconds(at - began) }));
}

const is =
  (...wanted) =>
  (found) =>
    JSON.stringify(found) === JSON.stringify(wanted);
const UNTOUCHED = is();
const INTERRUPTED = is('disconnected', 'connected');
const NEVER_FAILED = (found) => !found.includes('failed');

/** What both ends have gone through. Ours must be one of those `allowed`; Chromium's is only told. */
async function states(call, began, ...allowed) {
  const told = [];
  for (const end of call.ends) {
    const found = await since(end, began);
    const names = found.map(({ state }) => state);
    if (end.who === 'ours' && !allowed.some((allows) => allows(names)))
      throw new Error(`states of ours: ${JSON.stringify(found)}`);
    told.push(found.map(({ state, after }) => `${state} ${after}`).join(', ') || 'no change');
  }
  return told.join(' / ');
}

const onPath = (body) => async (who) => {
  const network = await Path.open();
  try {
    return await body(who, network);
  } finally {
    await network.close();
  }
};

/** The fault is there when the call begins, and goes on for a while with the call up; then both must hear each other. */
const impaired = (order, said, { clean, allowed }) =>
  onPath(async (who, network) => {
    await network.order(order);
    const call = await Call.open(who, ENV);
    const began = Date.now();
    await call.each('startRecording');
    await sleep(LOSS_MS);
    const heard = await call.each('stopRecording');
    const counts = await network.order(clean ? {} : order);
    await call.talks();
    const through = await states(call, began, allowed);
    await call.end();
    const gaps = heard.map(({ gapShare }) => percent(gapShare)).join(' / ');
    return `${said(counts)}; gaps ${gaps}; ${through}`;
  });

/** Nothing passes for so long; then the call must be there again by itself. */
const blackout =
  (blackoutMs, ...allowed) =>
  async (who) => {
    const call = await Call.open(who, ENV);
    await call.talks();
    const began = Date.now();
    cut('add');
    await sleep(blackoutMs);
    cut('del');
    const over = Date.now();
    await call.talks();
    const heardMs = Date.now() - over;
    const through = await states(call, began, ...allowed);
    await call.end();
    return `heard ${seconds(heardMs)} after; ${through}`;
  };

/** The NAT before one end gives it another port, and knows the old one no more. */
const rebinding = (host) =>
  onPath(async (who, network) => {
    await network.order({ nat: nat(host, 0) });
    const call = await Call.open(who, ENV);
    await call.talks();
    const began = Date.now();
    await network.order({ nat: nat(host, 1) });
    await call.talks();
    const heardMs = Date.now() - began;
    await sleep(REBOUND_MS - heardMs);
    await call.talks();
    const through = await states(call, began, UNTOUCHED, INTERRUPTED);
    const { refused } = await network.order({});
    if (refused === 0) throw new Error('nothing came to the old port: the NAT has not forgotten it');
    await call.end();
    return `heard ${seconds(heardMs)} after; ${through}`;
  });

const faults = {
  none: async (who) => {
    const call = await Call.open(who, ENV);
    await call.talks();
    await call.end();
    return 'heard';
  },
  'loss of 40 %': impaired({ loss: 0.4, delay_ms: 10 }, ({ came, lost }) => `${percent(lost / came)} of ${came} lost`, {
    clean: true,
    allowed: NEVER_FAILED,
  }),
  'half of all twice, a quarter out of order': impaired(
    { twice: 0.5, late: 0.25, late_ms: 45, delay_ms: 10 },
    ({ came, twice, overtaken }) => `${percent(twice / came)} of ${came} twice, ${overtaken} overtaken`,
    { clean: false, allowed: UNTOUCHED },
  ),
  'a delay of 200 ms, and up to 100 ms more': impaired(
    { delay_ms: 200, jitter_ms: 100 },
    ({ came, overtaken }) => `${overtaken} of ${came} overtaken`,
    { clean: false, allowed: UNTOUCHED },
  ),
  'a blackout of 1 s': blackout(1000, UNTOUCHED),
  'a blackout of 5 s': blackout(5000, UNTOUCHED, INTERRUPTED),
  'a blackout of 20 s': blackout(20_000, INTERRUPTED),
  "another port at the caller's NAT": rebinding(A),
  "another port at the callee's NAT": rebinding(B),
  'an MTU of 576': async (who) => {
    shorten(576);
    const call = await Call.open(who, ENV);
    await call.talks();
    await call.end();
    return 'heard';
  },
  'an MTU of 576 in mid-call': async (who) => {
    const call = await Call.open(who, ENV);
    await call.talks();
    const began = Date.now();
    shorten(576);
    await call.talks();
    const through = await states(call, began, UNTOUCHED);
    await call.end();
    return `heard; ${through}`;
  },
  'another address of the caller, and an ICE restart': async (who) => {
    const call = await Call.open(who, ENV);
    await call.talks();
    const began = Date.now();
    move(A);
    // Chromium does not notice: its socket is bound to no address.
    await sleep(MOVED_MS);
    await call.negotiate({ iceRestart: true });
    await call.talks();
    const heardMs = Date.now() - began;
    const through = await states(call, began, UNTOUCHED, INTERRUPTED, is('disconnected', 'connecting', 'connected'));
    await call.end();
    return `heard ${seconds(heardMs)} after; ${through}`;
  },
  'a callee that vanishes': async (who) => {
    const call = await Call.open(who, ENV);
    await call.talks();
    const began = Date.now();
    kill(B);
    call.ends.pop();
    await call.a.ask('reaches', 'failed', VANISHED_MS);
    const through = await states(call, began, is('disconnected', 'failed'));
    await call.end();
    return through;
  },
  'STUN that is true (coturn), and silent': withCoturn([], async (who) => {
    const urls = ['stun:10.71.1.1:3478', 'stun:10.71.1.1:9'];
    const call = await Call.open(who, { ...ENV, ICE_SERVERS: JSON.stringify([{ urls }]) });
    await call.talks();
    const errors = (await call.a.ask('errors')).map(([code, url]) => `${code} ${url}`);
    if (JSON.stringify(errors) !== JSON.stringify([`701 ${urls[1]}`]))
      throw new Error(`errors: ${JSON.stringify(errors)}`);
    await call.end();
    return 'an error for the silent one, none for coturn';
  }),
  'TURN (coturn) over UDP, where the router forwards nothing': relayed('udp'),
  'TURN (coturn) over TCP, where the router forwards nothing and the server takes no UDP': relayed('tcp', '--no-udp'),
};

/** With coturn on the router. Between two of ours: others have no servers here. */
function withCoturn(options, body) {
  return async (who) => {
    if (!all(who, 'ours')) return '';
    const where = [
      '--listening-ip',
      '10.71.1.1',
      '--relay-ip',
      '10.71.1.1',
      '--lt-cred-mech',
      '--realm',
      'example.org',
    ];
    const users = ['--user', 'ada:secret', '--no-tls', '--no-dtls', '--no-cli', '--userdb', '/dev/null'];
    const files = ['--log-file', 'stdout', '--pidfile', '/dev/null'];
    const args = ['netns', 'exec', ROUTER, 'turnserver', '-n', ...where, ...users, ...files, ...options];
    const server = spawn('ip', args, { stdio: 'ignore' });
    const gone = new Promise((resolve) => server.once('exit', resolve).once('error', resolve));
    try {
      await sleep(1000);
      if (server.exitCode !== null || server.pid === undefined) return 'skipped: there is no coturn';
      return await body(who);
    } finally {
      server.kill();
      await gone;
    }
  };
}

/** Both ends reach the server, and nobody else. */
function relayed(over, ...options) {
  return withCoturn(options, async (who) => {
    inside(ROUTER, 'sysctl -q -w net.ipv4.ip_forward=0');
    const servers = [{ urls: `turn:10.71.1.1:3478?transport=${over}`, username: 'ada', credential: 'secret' }];
    const call = await Call.open(who, { ...ENV, ICE_SERVERS: JSON.stringify(servers) });
    const began = Date.now();
    await call.talks();
    await states(call, began, UNTOUCHED);
    const used = await call.each('path');
    if (!used.some(([type, protocol]) => type === 'relay' && protocol === over)) throw new Error(`paths: ${used}`);
    await call.end();
    return used.map(([type, protocol]) => [type, protocol].filter(Boolean).join(' over ')).join(' / ');
  });
}

function missing() {
  if (process.platform !== 'linux') return 'not Linux';
  if (process.getuid() !== 0) return 'not root';
  if (!existsSync('/dev/net/tun')) return 'no TUN device';
  try {
    build();
    inside(ROUTER, 'python3 -c "import fcntl"');
    return null;
  } catch (error) {
    return String(error.stderr || error.message).trim();
  } finally {
    demolish();
  }
}

async function attempt(fault, who) {
  try {
    build();
    return { survived: true, said: await fault(who) };
  } catch (error) {
    const [line] = error.message.split('\n');
    return { survived: false, said: line.replace('page.evaluate: Error: ', '').replace(/: \{.*/, '') };
  } finally {
    demolish();
  }
}

/**
 * What becomes of each pair. Ours survive everything with each other, and with a browser what that survives with its like.
 * Invariant: where no two browsers were tried, everything must be survived.
 */
async function row(fault, pairs) {
  const found = new Map();
  const browsers = pairs.find((pair) => all(PAIRS[pair], 'chromium'));
  for (const pair of [browsers, ...pairs.filter((pair) => pair !== browsers)].filter(Boolean))
    found.set(pair, await attempt(fault, PAIRS[pair]));
  const survivable = found.get(browsers)?.survived ?? true;
  return pairs.map((pair) => {
    const { survived, said } = found.get(pair);
    const ok = survived || (!survivable && !all(PAIRS[pair], 'ours'));
    return { ok, said: survived ? said : `**${ok ? 'lost' : 'NOT OK'}**: ${said}` };
  });
}

async function main() {
  const wanted = process.argv.slice(2);
  const chosen = (all) => {
    const named = Object.keys(all).filter((name) => wanted.includes(name));
    return named.length > 0 ? named : Object.keys(all);
  };
  const browser = findChromium() !== null;
  if (!browser) console.log('no Chromium: ours alone\n');
  const pairs = chosen(PAIRS).filter((name) => browser || all(PAIRS[name], 'ours'));
  console.log(`| fault | ${pairs.join(' | ')} |`);
  console.log(`|${' --- |'.repeat(pairs.length + 1)}`);
  let failed = 0;
  for (const name of chosen(faults)) {
    const cells = await row(faults[name], pairs);
    failed += cells.filter(({ ok }) => !ok).length;
    console.log(`| ${name} | ${cells.map(({ said }) => said).join(' | ')} |`);
  }
  console.log(`\n${failed === 0 ? 'All' : `All but ${failed}`} as it should be.`);
  process.exitCode = failed === 0 ? 0 : 1;
}

try {
  const reason = missing();
  if (reason) console.log(`skipped: ${reason}`);
  else await main();
} finally {
  rmSync(scratch, { recursive: true, force: true });
}
