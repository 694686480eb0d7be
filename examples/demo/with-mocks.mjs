// The same call to the same SDK on a bridge's old mocks. Exit code 0 if it fails in the way that is to be shown.
import { once } from 'node:events';
import { createRequire } from 'node:module';
import { bold, green, red, Screen } from '../switch/screen.mjs';
import { FarSide, within } from './far-side.mjs';

const require = createRequire(import.meta.url);

export async function run() {
  const { localWebSocket } = require('../switch');
  const { Bridge } = require('./bridge.js');
  const mocks = require('./mocks.js');
  globalThis.WebSocket = localWebSocket();
  const screen = new Screen();
  const far = new FarSide();
  const { sipInfo, port } = await far.ask('start');
  screen.plain(
    bold(`A local switch listens on 127.0.0.1:${port}. The web phone SDK runs on a bridge's JavaScript mocks.\n`),
  );
  const bridge = new Bridge({ sipInfo, mocks: true });
  const answered = once(bridge, 'answered');
  const ended = once(bridge, 'ended');
  await bridge.start();
  screen.good(`registered as ${sipInfo.username}`);
  mocks.onCall = (words) =>
    screen.note(
      `the SDK calls ${words}${words.startsWith('track.stop') && bridge.phone.callSessions[0]?.state === 'ringing' ? ' (its microphone permission probe, by design)' : ''}`,
    );
  far.once('event:invite', () => screen.good('call in'));
  const gone = far.seen('ended');
  await far.ask('call');
  await within(answered, 'the SDK did not answer');
  const at = Date.now();
  screen.good('"answered", says the SDK');
  const { verdict, reason } = await gone;
  await within(ended, 'the SDK did not dispose of the call');
  const answer = far.events.find((event) => event.type === 'answered');
  const over = far.events.find((event) => event.type === 'ended');
  screen.bad(`BYE from the switch ${over.at - answer.at} ms after the 200 OK: ${reason}`);
  screen.note(
    `the SDK disposed of the call ${Date.now() - at} ms after "answered": pc.close() and track.stop() are the consequence, not the cause`,
  );
  screen.plain(`\nThe answer that went out:\n${answer.description.trim().replaceAll('\r', '').replace(/^/gm, '    ')}`);
  screen.plain(`\nwent to voicemail: ${verdict === 'voicemail' ? red('yes') : green('no')}`);
  await bridge.stop();
  await far.stop();
  return verdict === 'voicemail';
}
