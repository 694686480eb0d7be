// `node examples/bridge/local.mjs`: the bridge on the local switch, with a caller who talks to your voice AI. No account needed.
// Invariant: exit code 0 only if the caller heard the bot. What he heard is written to heard.wav.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { prepare } from '../demo/prepare.mjs';
import { dim, green, red, Screen } from '../demo/screen.mjs';

prepare();
const require = createRequire(import.meta.url);
const { startSwitch, signal } = require('../switch');

const HERE = path.dirname(fileURLToPath(import.meta.url));
const HEARD = 0.01; // RMS; -40 dB
const WAIT_FOR_AI_MS = 60_000;
const screen = new Screen();

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

function startBridge({ sipInfo }) {
  const bridge = spawn(process.execPath, [path.join(HERE, 'index.js')], {
    env: {
      PORT: '0',
      PYTHON_HTTP_URL: 'http://127.0.0.1:8766/calls',
      ...process.env,
      SIP_INFO_AUTHORIZATION_ID: sipInfo.authorizationId,
      SIP_INFO_USERNAME: sipInfo.username,
      SIP_INFO_PASSWORD: sipInfo.password,
      SIP_INFO_DOMAIN: sipInfo.domain,
      SIP_INFO_OUTBOUND_PROXY: sipInfo.outboundProxy,
      SIP_INFO_OUTBOUND_PROXY_BACKUP: '',
      SIP_INFO_STUN_SERVERS: sipInfo.stunServers.join(','),
      SIP_TRANSPORT: 'ws',
      WEBPHONE_RTC_LOOPBACK: '1',
    },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  bridge.output = '';
  for (const stream of [bridge.stdout, bridge.stderr])
    stream.on('data', (data) => {
      bridge.output += data;
      for (const line of String(data).trimEnd().split('\n'))
        screen.note(dim(`bridge: ${line.replace(/^\S+ (info|warn) +/, '')}`));
    });
  return bridge;
}

/** Resolves once the bridge has said it; rejects if it ends or the time is over. */
async function says(bridge, pattern, limitMs, complaint) {
  const end = Date.now() + limitMs;
  while (!pattern.test(bridge.output)) {
    if (bridge.exitCode !== null) throw new Error('the bridge ended; its lines above say why');
    if (Date.now() > end) throw new Error(complaint);
    await pause(50);
  }
}

/** Until the caller has heard nothing for a second, 15 s at most. */
async function quiet(ear) {
  const end = Date.now() + 15_000;
  for (let since = Date.now(); Date.now() - since < 1000 && Date.now() < end; await pause(50))
    if (ear.level > HEARD) since = Date.now();
}

async function talk(sw, bridge) {
  const call = await sw.call({ source: signal.silence(), callerName: 'Ada Caller' });
  await call.waitFor('dtls');
  screen.good('the call is up');
  const ear = { level: 0, loud: 0, blocks: [], rate: 48000 };
  call.media.on('audio', (pcm, sampleRate) => {
    ear.level = signal.level(pcm);
    ear.rate = sampleRate;
    ear.blocks.push(pcm);
    if (ear.level > HEARD) ear.loud++;
    screen.level('bot', ear.level);
    screen.level('caller', call.media.sentLevel);
  });
  if (!/the AI is connected/.test(bridge.output))
    screen.note('waiting for the voice AI: python voice_ai.py in another terminal');
  await says(
    bridge,
    /the AI is (connected|back)/,
    WAIT_FOR_AI_MS,
    `no voice AI came within ${WAIT_FOR_AI_MS / 1000} s`,
  );
  await pause(1500);
  await quiet(ear);
  const greeted = ear.loud;
  screen[greeted ? 'good' : 'bad'](greeted ? 'the caller heard the bot' : 'the bot said nothing');

  screen.note('the caller speaks for two seconds');
  call.media.source = signal.babble(1);
  await pause(2000);
  call.media.source = signal.silence();
  await pause(1500);
  await quiet(ear);
  screen[ear.loud > greeted ? 'good' : 'bad'](ear.loud > greeted ? 'the bot answered' : 'no answer');

  screen.note('the caller presses 1 2 3 #');
  call.sendDtmf('123#');
  await pause(2500);
  await quiet(ear);
  const digits = call.media.digits.map(({ digit }) => digit).join('');
  if (digits) screen.good(`the bot pressed ${digits}`);

  await call.hangup();
  writeFileSync('heard.wav', wav(ear.blocks, ear.rate));
  screen.plain(
    `\nwent to voicemail: ${call.voicemail ? red('yes') : green('no')}. What the caller heard is in heard.wav.`,
  );
  return greeted > 0 && !call.voicemail;
}

const sw = await startSwitch();
const bridge = startBridge(sw);
try {
  await says(bridge, /registered as/, 20_000, 'the bridge did not register');
  process.exitCode = (await talk(sw, bridge)) ? 0 : 1;
} catch (error) {
  screen.bad(error.message);
  process.exitCode = 1;
}
if (bridge.exitCode === null) {
  bridge.kill('SIGTERM');
  await once(bridge, 'exit');
}
await sw.stop();
