// The bot on the real network. Credentials come from the environment and go nowhere but to the SDK.
import { createRequire } from 'node:module';
import { bold, Screen } from '../switch/screen.mjs';

const require = createRequire(import.meta.url);
const REQUIRED = ['AUTHORIZATION_ID', 'USERNAME', 'PASSWORD', 'DOMAIN', 'OUTBOUND_PROXY'];
const env = (name) => process.env[`SIP_INFO_${name}`];

export async function run({ answerAll, number, help }) {
  const missing = REQUIRED.filter((name) => !env(name)).map((name) => `SIP_INFO_${name}`);
  if (missing.length > 0) {
    console.error(`Not set: ${missing.join(', ')}.\n\n${help}`);
    return false;
  }
  const { signal } = require('../switch');
  const { Bridge } = require('./bridge.js');
  globalThis.WebSocket ??= require('ws').WebSocket; // Node 20 has none
  const sipInfo = {
    authorizationId: env('AUTHORIZATION_ID'),
    username: env('USERNAME'),
    password: env('PASSWORD'),
    domain: env('DOMAIN'),
    outboundProxy: env('OUTBOUND_PROXY'),
    outboundProxyBackup: env('OUTBOUND_PROXY_BACKUP') ?? env('OUTBOUND_PROXY'),
    stunServers:
      env('STUN_SERVERS')
        ?.split(',')
        .map((server) => server.trim())
        .filter(Boolean) ?? [],
  };
  const screen = new Screen();
  const bridge = new Bridge({ sipInfo });
  let frames = 0;
  bridge.on('ringing', (call) => {
    screen.good(`${call.direction} call, ${call.remoteNumber ?? number}`);
    if (answerAll && call.direction === 'inbound') call.answer().catch((error) => screen.bad(error.message));
  });
  bridge.on('answered', () => screen.good('answered'));
  bridge.on('connection', (_, state) => screen.note(`connection ${state}`));
  bridge.on('digit', (_, { tone }) => screen.good(`DTMF heard: ${tone}`));
  bridge.on('frame', (_, samples) => {
    if (++frames % 5 === 0) screen.level('caller', signal.level(samples));
  });
  bridge.on('ended', () => screen.good('the call is over'));
  await bridge.start();
  screen.plain(bold(`Registered as ${sipInfo.username}. Call it; Ctrl-C ends.`));
  if (number) bridge.phone.call(number).catch((error) => screen.bad(error.message));
  await new Promise((resolve) => process.once('SIGINT', resolve));
  screen.plain('\nLeaving …');
  await bridge.stop();
  return true;
}
