// The demo proper: the switch calls the bot, they talk, press keys, hold and resume, and the caller hangs up.
import { once } from 'node:events';
import { createRequire } from 'node:module';
import { setTimeout as pause } from 'node:timers/promises';
import { bold, green, red, Screen } from '../switch/screen.mjs';
import { FarSide, within } from './far-side.mjs';

const require = createRequire(import.meta.url);
const HEARD = 0.01; // RMS; -40 dB
const FULL_CALL_MS = 10_000;
const CALLER_PRESSES = '1234',
  BOT_PRESSES = '9#';

/** Loudest RMS since reset, in one direction. */
class Ear {
  #peak = 0;
  hear(level) {
    this.#peak = Math.max(this.#peak, level);
    if (level > HEARD) this.onHeard?.();
  }
  reset() {
    this.#peak = 0;
  }
  get heard() {
    return this.#peak > HEARD;
  }
  next(complaint) {
    this.reset();
    return within(
      new Promise((resolve) => {
        this.onHeard = resolve;
      }),
      complaint,
    );
  }
}

export async function run() {
  const { localWebSocket, signal } = require('../switch');
  const { Bridge } = require('./bridge.js');
  process.env.WEBPHONE_RTC_LOOPBACK ??= '1'; // the switch lives on 127.0.0.1
  globalThis.WebSocket = localWebSocket();
  const screen = new Screen();
  const far = new FarSide();
  const accidents = [];
  process.on('unhandledRejection', (error) => accidents.push(error));
  try {
    const { sipInfo, port } = await far.ask('start');
    screen.plain(
      bold(
        `A local switch listens on 127.0.0.1:${port}. The web phone SDK ${require('../../node_modules/ringcentral-web-phone/package.json').version}, untouched, runs on webphone-rtc.\n`,
      ),
    );
    const bridge = new Bridge({ sipInfo });
    await conversation({ bridge, far, screen, signal });
    await bridge.stop();
    if (accidents.length > 0) throw accidents[0];
    screen.plain(`\n${green('All of it was observed.')} went to voicemail: ${green('no')}`);
    return true;
  } catch (error) {
    const ended = far.events.find((event) => event.type === 'ended');
    screen.bad(error.message);
    screen.plain(
      `\n${red('The call did not go as it should.')} went to voicemail: ${ended?.verdict === 'voicemail' ? red(`yes (${ended.reason})`) : 'no'}`,
    );
    process.exitCode = 1;
    setTimeout(() => process.exit(1), 500).unref(); // a broken call may hold the process; the demo must still end
    return false;
  } finally {
    await far.stop();
  }
}

async function conversation({ bridge, far, screen, signal }) {
  const callerToBot = new Ear(),
    botToCaller = new Ear();
  far.on('level', (level) => {
    botToCaller.hear(level);
    screen.level('bot', level);
  });
  let session,
    frames = 0;
  bridge.on('frame', (_, samples) => {
    const level = signal.level(samples);
    callerToBot.hear(level);
    if (++frames % 5 === 0) screen.level('caller', level);
  });
  const voicemail = new Promise((_, reject) =>
    far.on('event:ended', ({ verdict, reason }) => {
      if (verdict !== 'completed') reject(new Error(`the call ended early: ${verdict}, ${reason}`));
    }),
  );
  voicemail.catch(() => {});
  const step = (promise, complaint) => within(Promise.race([promise, voicemail]), complaint);

  await bridge.start();
  await step(far.seen('registered'), 'the phone did not register');
  screen.good(`registered as ${bridge.phone.sipInfo.username}`);

  const ringing = once(bridge, 'ringing'),
    answered = once(bridge, 'answered'),
    silent = once(bridge, 'silent'),
    ended = once(bridge, 'ended');
  const connected = new Promise((resolve) =>
    bridge.on('connection', (_, state) => {
      if (state === 'connected') resolve();
    }),
  );
  await far.ask('call');
  [session] = await step(ringing, 'the phone did not ring');
  screen.good(`call in from ${session.remoteNumber}`);
  await step(answered, 'the SDK did not answer by itself');
  screen.good('answered by the SDK (autoAnswer)');
  const ice = await step(far.seen('ice'), 'ICE did not come up');
  screen.good(`ICE up, the switch reaches the phone at ${ice.peer}`);
  const dtls = await step(far.seen('dtls'), 'DTLS did not come up');
  await step(connected, "the phone's connection did not become connected");
  const since = Date.now();
  screen.good(`DTLS up, SRTP with ${dtls.profile}`);
  screen.good(`codec ${dtls.codec}`);
  await step(callerToBot.next('the bot heard nothing'), 'the bot heard nothing');
  screen.good('the bot hears the caller');
  await step(botToCaller.next('the caller heard nothing'), 'the caller heard nothing');
  screen.good('the caller hears the bot');

  await pause(1000);
  let pressed = '';
  const heardAll = new Promise((resolve) =>
    bridge.on('digit', (_, { tone }) => {
      pressed += tone;
      if (pressed.length >= CALLER_PRESSES.length) resolve();
    }),
  );
  await far.ask('dtmf', { digits: CALLER_PRESSES });
  await step(heardAll, `the bot heard only "${pressed}" of the digits`);
  if (pressed !== CALLER_PRESSES) throw new Error(`the caller pressed ${CALLER_PRESSES}, the bot heard ${pressed}`);
  screen.good(`DTMF heard by the bot: ${pressed}`);
  let back = '';
  const backAll = new Promise((resolve) =>
    far.on('event:digit', ({ digit }) => {
      back += digit;
      if (back.length >= BOT_PRESSES.length) resolve();
    }),
  );
  session.sendDtmf(BOT_PRESSES);
  await step(backAll, 'the digits of the bot did not arrive');
  if (back !== BOT_PRESSES) throw new Error(`the bot pressed ${BOT_PRESSES}, the caller heard ${back}`);
  screen.good(`DTMF heard by the caller, RFC 4733: ${back}`);

  const held = await far.ask('hold');
  if (held !== 'recvonly') throw new Error(`hold was answered with ${held}`);
  screen.good('the caller put the call on hold');
  await pause(800);
  const resumed = await far.ask('resume');
  if (resumed !== 'sendrecv') throw new Error(`resume was answered with ${resumed}`);
  await step(botToCaller.next('no audio after the hold'), 'the caller heard nothing after the hold');
  screen.good('and took it back');
  await session.hold();
  await step(far.seen('held'), 'the hold of the phone did not arrive');
  screen.good('the bot put the call on hold');
  await pause(800);
  await session.unhold();
  await step(far.seen('resumed'), 'the unhold of the phone did not arrive');
  await step(callerToBot.next('no audio after the hold'), 'the bot heard nothing after the hold');
  screen.good('and took it back');

  while (Date.now() - since < FULL_CALL_MS)
    await step(pause(Math.min(500, FULL_CALL_MS - (Date.now() - since) + 1)), '');
  await step(
    Promise.all([callerToBot.next('silence'), botToCaller.next('silence')]),
    'after 10 s somebody heard nothing',
  );
  const { state, verdict } = await far.ask('state');
  if (
    state !== 'up' ||
    verdict ||
    session.state !== 'answered' ||
    session.rtcPeerConnection.connectionState !== 'connected'
  )
    throw new Error(`after 10 s the call is ${state}`);
  screen.good('10 s later still up, audio both ways');

  const tracks = [
    ...session.mediaStream.getTracks(),
    ...session.rtcPeerConnection.getReceivers().map(({ track }) => track),
  ];
  await far.ask('hangup');
  await step(ended, 'the phone did not notice the hang-up');
  screen.good('hung up by the caller');
  await step(silent, 'the audio of the call did not end');
  if (!tracks.every(({ readyState }) => readyState === 'ended'))
    throw new Error(`tracks are ${tracks.map((t) => t.readyState)}`);
  screen.good(`tracks ended (${tracks.length})`);
  const after = await far.ask('state');
  if (after.verdict !== 'completed') throw new Error(`the switch says: ${after.verdict}, ${after.reason}`);
}
