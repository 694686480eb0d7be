// Everything a phone does in a call, written once and run for each SDK version and each door into the package.
// Invariant: nothing is awaited by time; a step waits for the event that shows it happened, at the far end where it can.

const { startPair, IMPLEMENTATION } = require('./harness.js');

const TONE_FROM_CALLER_HZ = 1000,
  TONE_FROM_PHONE_HZ = 700;
const LEAST_SNR_DB = 30,
  MOST_BAD_WINDOWS = 0.1,
  TRIES = 8;

/** Measures until the tone is clean: a stream that has just started, or a starved machine, may spoil one second. */
async function cleanTone(measure) {
  let last;
  for (let i = 0; i < TRIES; i++) {
    last = await measure();
    if (last.snrDb >= LEAST_SNR_DB && last.badShare <= MOST_BAD_WINDOWS) return last;
  }
  throw new Error(`no clean tone: ${JSON.stringify(last)}`);
}

/** Audio both ways, measured at both far ends. */
async function expectAudio(call, session) {
  await call.waitFor('dtls');
  await session.talk(TONE_FROM_PHONE_HZ);
  await Promise.all([
    cleanTone(() => call.media.measureTone(TONE_FROM_PHONE_HZ)),
    cleanTone(() => session.measure(TONE_FROM_CALLER_HZ)),
  ]);
}

async function answeredCall(pair, options) {
  const { call, session } = await pair.ring(options);
  await call.waitFor('confirmed');
  await Promise.all([session.do('answer'), call.waitFor('dtls')]);
  return { call, session };
}

async function hangUp(call, session) {
  await Promise.all([call.hangup(), session.waitFor('disposed')]);
  expect(call.verdict).toBe('completed');
}

const since = (call) => call.events.length;

/** [what it shows, async (pair) => …, {least: oldest SDK it can work on, why}] */
const scenarios = [
  [
    'an inbound call is answered, carries a clean tone both ways, and the caller hangs up',
    async (pair) => {
      const { call, session } = await answeredCall(pair);
      await session.waitFor('answered');
      await expectAudio(call, session);
      expect(await session.get('state')).toBe('answered');
      await hangUp(call, session);
      expect(call.voicemail).toBe(false);
      expect(await session.get('state')).toBe('disposed');
      if (pair.door === 'globals') expect(await session.trackStates()).toEqual(['ended']);
    },
  ],
  [
    'an auto-answer call is answered by the SDK alone, and the phone hangs up',
    async (pair) => {
      const { call, session } = await pair.ring({ autoAnswer: true, answerAfter: 20 });
      await session.waitFor('answered');
      await expectAudio(call, session);
      await Promise.all([session.do('hangup'), call.waitFor('ended')]);
      await session.waitFor('disposed');
      expect(call.verdict).toBe('completed');
    },
  ],
  [
    'an outbound call is answered and carries a clean tone both ways',
    async (pair) => {
      const [call, session] = await Promise.all([pair.sw.nextCall(), pair.phone.call('16505550199')]);
      await call.waitFor('dtls');
      expect(await session.get('state')).toBe('answered');
      await expectAudio(call, session);
      await Promise.all([session.do('hangup'), session.waitFor('disposed')]);
      expect(call.verdict).toBe('completed');
    },
  ],
  [
    'an outbound call to a busy number fails with 486',
    async (pair) => {
      const [call, session] = await Promise.all([pair.sw.nextCall(), pair.phone.call('busy')]);
      expect(await session.waitFor('failed')).toBe('SIP/2.0 486 Busy Here');
      await session.waitFor('disposed');
      expect(call.verdict).toBe('busy');
    },
  ],
  [
    'an outbound call that rings is cancelled by the phone',
    async (pair) => {
      pair.phone.ask('call', { number: 'nobody' }).catch(() => {});
      const call = await pair.sw.nextCall();
      const session = await pair.phone.waitFor('outboundCall', {
        since: pair.phone.events.findLastIndex((e) => e.name === 'outboundCall'),
      });
      await session.waitFor('ringing');
      await session.do('cancel');
      await session.waitFor('disposed');
      expect(call.verdict).toBe('cancelled');
    },
  ],
  [
    'the phone holds and takes back the call',
    async (pair) => {
      const { call, session } = await answeredCall(pair);
      await expectAudio(call, session);
      for (let i = 0; i < 2; i++) {
        const from = since(call);
        await Promise.all([session.do('hold'), call.waitFor('held', { since: from })]);
        expect(call.media.sending).toBe(false);
        await Promise.all([session.do('unhold'), call.waitFor('resumed', { since: from })]);
      }
      await expectAudio(call, session);
      await hangUp(call, session);
    },
  ],
  [
    'the caller holds and takes back the call, with music and without',
    async (pair) => {
      const { call, session } = await answeredCall(pair);
      await expectAudio(call, session);
      for (const [direction, answered] of [
        ['sendonly', 'recvonly'],
        ['inactive', 'inactive'],
      ]) {
        expect((await call.hold(direction)).direction).toBe(answered);
        expect((await call.resume()).direction).toBe('sendrecv');
        await expectAudio(call, session);
      }
      await hangUp(call, session);
    },
  ],
  [
    'mute sends silence and not nothing, unmute brings the voice back',
    async (pair) => {
      const { call, session } = await answeredCall(pair);
      await expectAudio(call, session);
      await session.do('mute');
      const { listen } = call.media;
      const quiet = async () => {
        for (;;) {
          const { pcm } = await listen.call(call.media, 400);
          if (pcm.subarray(pcm.length >> 1).every((sample) => Math.abs(sample) < 100)) return;
        }
      };
      await quiet();
      await session.do('unmute');
      await cleanTone(() => call.media.measureTone(TONE_FROM_PHONE_HZ));
      await hangUp(call, session);
    },
  ],
  [
    'sendDtmf arrives as RFC 4733 with its digits and durations',
    async (pair) => {
      const { call, session } = await answeredCall(pair);
      await expectAudio(call, session); // canInsertDTMF waits for the phone's own "connected"
      await session.do('sendDtmf', '19*#', 120, 60);
      const digits = await nextDigits(call, 4);
      expect(digits.map((d) => d.digit)).toEqual(['1', '9', '*', '#']);
      for (const { durationMs, packets } of digits) {
        expect(Math.abs(durationMs - 120)).toBeLessThanOrEqual(20);
        expect(packets).toBeGreaterThanOrEqual(3);
      }
      await hangUp(call, session);
    },
    { skipOn: ['roamhq'], why: 'node-webrtc has no RTCDTMFSender' },
  ],
  [
    'digits of the caller are heard',
    async (pair) => {
      const { call, session } = await answeredCall(pair);
      await session.talk(0);
      await call.waitFor('rtp');
      const before = session.events.length;
      call.sendDtmf('58D#');
      const heard = [];
      for (
        let at = before;
        heard.length < 4;
        at = session.events.findIndex((e, i) => i >= at && e.name === 'digit') + 1
      )
        heard.push((await session.waitFor('digit', { since: at })).digit);
      expect(heard).toEqual(['5', '8', 'D', '#']);
      await hangUp(call, session);
    },
    { skipOn: ['roamhq'], why: 'node-webrtc does not report received events' },
  ],
  [
    'changeInputDevice goes on in the same stream',
    async (pair) => {
      const { call, session } = await answeredCall(pair);
      await expectAudio(call, session);
      const devices = await pair.phone.ask('devices');
      await session.do('changeInputDevice', devices.at(-1));
      await session.talk(TONE_FROM_PHONE_HZ);
      await expectAudio(call, session);
      expect(call.media.stats.ssrcs.size).toBe(1);
      await hangUp(call, session);
    },
  ],
  [
    'reInvite restarts ICE and the audio goes on',
    async (pair) => {
      const { call, session } = await answeredCall(pair);
      await expectAudio(call, session);
      const from = since(call);
      await Promise.all([session.do('reInvite'), call.waitFor('ice', { since: from })]);
      await call.waitFor('ice-restart');
      await expectAudio(call, session);
      expect(call.media.stats.ssrcs.size).toBe(1);
      await hangUp(call, session);
    },
  ],
  [
    'the edge restarts ICE and the audio goes on',
    async (pair) => {
      const { call, session } = await answeredCall(pair);
      await expectAudio(call, session);
      const from = since(call);
      await Promise.all([call.iceRestart(), call.waitFor('ice', { since: from })]);
      await expectAudio(call, session);
      await hangUp(call, session);
    },
  ],
  [
    'another server takes the call over, with its own address, credentials and certificate',
    async (pair) => {
      const { call, session } = await answeredCall(pair);
      await expectAudio(call, session);
      for (let i = 0; i < 3; i++) {
        const from = since(call);
        await Promise.all([call.takeover(), call.waitFor('dtls', { since: from })]);
        await expectAudio(call, session);
      }
      await hangUp(call, session);
    },
    { skipOn: ['roamhq'], why: 'its libwebrtc keeps the DTLS association of a running transport' },
  ],
  [
    'a transfer is referred and ends the call at the phone',
    async (pair) => {
      const { call, session } = await answeredCall(pair);
      await call.waitFor('dtls');
      await Promise.all([session.do('transfer', '16505550111'), session.waitFor('disposed')]);
      expect(call.verdict).toBe('transferred');
      expect((await call.events.find((e) => e.type === 'refer')).target).toContain('16505550111');
    },
  ],
  [
    'a warm transfer joins the two calls',
    async (pair) => {
      const { call, session } = await answeredCall(pair);
      await call.waitFor('dtls');
      const second = pair.sw.nextCall();
      await Promise.all([
        pair.phone.ask('warmTransfer', { id: session.id, number: '16505550122', finish: 'complete' }),
        session.waitFor('disposed'),
      ]);
      expect((await second).verdict).toBe('transferred');
      expect(call.verdict).toBe('transferred');
    },
  ],
  [
    'decline rejects the call',
    async (pair) => {
      const { call, session } = await pair.ring();
      await call.waitFor('confirmed');
      await Promise.all([session.do('decline'), session.waitFor('disposed')]);
      expect(call.verdict).toBe('declined');
    },
  ],
  [
    'toVoicemail sends the caller to voicemail',
    async (pair) => {
      const { call, session } = await pair.ring();
      await call.waitFor('confirmed');
      await Promise.all([session.do('toVoicemail'), session.waitFor('disposed')]);
      expect(call.voicemail).toBe(true);
    },
  ],
  [
    'forward sends the caller elsewhere',
    async (pair) => {
      const { call, session } = await pair.ring();
      await call.waitFor('confirmed');
      await Promise.all([session.do('forward', '16505550133'), session.waitFor('disposed')]);
      expect(call.verdict).toBe('forwarded');
    },
  ],
  [
    'a text reply closes the call',
    async (pair) => {
      const { call, session } = await pair.ring();
      await call.waitFor('confirmed');
      await session.do('startReply');
      await session.do('reply', 'in a meeting');
      await session.waitFor('disposed');
      expect(call.verdict).toBe('replied');
    },
  ],
  [
    "the caller's cancel ends the ringing",
    async (pair) => {
      const { call, session } = await pair.ring();
      await call.waitFor('confirmed');
      await Promise.all([call.cancel(), session.waitFor('disposed')]);
      expect(call.verdict).toBe('cancelled');
      expect(call.cancelStatus).toBe(200);
    },
  ],
  [
    'a call that nobody answers goes to voicemail',
    async (pair) => {
      const { call, session } = await pair.ring({ ringTimeoutMs: 300 });
      await session.waitFor('disposed');
      expect(call.voicemail).toBe(true);
    },
  ],
  [
    'an INVITE without SDP is answered with an offer and carries audio',
    async (pair) => {
      const { call, session } = await answeredCall(pair, { offerless: true });
      await expectAudio(call, session);
      await hangUp(call, session);
    },
    { least: '2.4', why: 'up to 2.3.3 the SDK itself applies the empty body as an offer' },
  ],
  [
    'recording, flip and park are commanded',
    async (pair) => {
      const { call, session } = await answeredCall(pair);
      expect((await session.do('startRecording')).code).toBe(0);
      expect((await session.do('stopRecording')).code).toBe(0);
      expect(await session.do('flip', '16505550144')).toMatchObject({ code: 0, target: '16505550144' });
      expect(await session.do('park')).toMatchObject({ code: 0, 'park extension': '*801' });
      await session.waitFor('disposed');
      expect(call.verdict).toBe('parked');
    },
  ],
  [
    'the stream jumps, stalls and carries stray events, and the tone comes back clean',
    async (pair) => {
      const { call, session } = await answeredCall(pair);
      await expectAudio(call, session);
      for (const fault of [
        () => call.media.jumpSsrc(),
        () => call.media.jumpTimestamp(),
        () => call.media.skipSequence(),
        () => call.media.sendDtmf('5', { underAudio: true }),
      ]) {
        fault();
        await cleanTone(() => session.measure(TONE_FROM_CALLER_HZ));
      }
      await hangUp(call, session);
    },
  ],
  [
    'a BYE that comes late leaves the call in order',
    async (pair) => {
      const { call, session } = await answeredCall(pair, { faults: { lateByeMs: 300 } });
      await Promise.all([session.do('hold'), call.waitFor('held')]);
      await hangUp(call, session);
    },
  ],
  [
    "a certificate that does not match the offer's fingerprint fails DTLS, and another call is not disturbed",
    async (pair) => {
      const good = await answeredCall(pair);
      await expectAudio(good.call, good.session);
      const { call, session } = await pair.ring({ faults: { wrongFingerprint: true }, mediaTimeoutMs: 1500 });
      await call.waitFor('confirmed');
      session.do('answer').catch(() => {});
      await session.waitFor('disposed');
      expect(call.voicemail).toBe(true);
      expect(call.events.some((e) => e.type === 'rtp')).toBe(false);
      await expectAudio(good.call, good.session);
      await hangUp(good.call, good.session);
    },
  ],
  [
    'an edge without media is left for voicemail, without harm',
    async (pair) => {
      const { call, session } = await pair.ring({ faults: { deaf: true }, mediaTimeoutMs: 600 });
      await call.waitFor('confirmed');
      session.do('answer').catch(() => {});
      await session.waitFor('disposed');
      expect(call.reason).toMatch(/no DTLS/);
    },
  ],
  [
    'dispose with a live call hangs it up and lets the process end',
    async (pair) => {
      const { call, session } = await answeredCall(pair);
      await expectAudio(call, session);
      await pair.close();
      expect(call.verdict).toBe('completed');
    },
  ],
];

async function nextDigits(call, count) {
  while (call.media.digits.length < count) {
    const from = since(call);
    if (call.media.digits.length < count) await call.waitFor('digit', { since: from });
  }
  return call.media.digits;
}

/** Describes all scenarios that `sdk` can do, through one door, with one phone process for as many as succeed in a row. */
function describePhone(sdk, door) {
  describe(`SDK ${sdk}, ${door}`, () => {
    let pair = null;
    const fresh = async () => {
      pair ??= Object.assign(await startPair({ sdk, door }), { door, sdk });
      return pair;
    };
    for (const [name, run, { least = '2.1', skipOn = [], why } = {}] of scenarios) {
      const excluded = sdk < least || skipOn.includes(IMPLEMENTATION);
      const declare = excluded ? test.skip : test;
      declare(
        excluded ? `${name} (${why})` : name,
        async () => {
          const mine = await fresh();
          try {
            await run(mine);
            expect(mine.phone.problems).toEqual([]);
            if (mine.closed) pair = null;
          } catch (error) {
            pair = null;
            if (!mine.closed) await mine.abandon();
            error.message += `\n${story(mine)}`;
            throw error;
          }
        },
        120_000,
      );
    }
    afterAll(async () => {
      await pair?.close();
    }, 60_000);
  });
}

/** For the reader of a failure: what the switch saw of the last call, and what the phone's process said. */
function story({ sw, phone }) {
  const last = sw.events
    .slice(-25)
    .map((e) => `  ${e.type}${e.verdict ? ` ${e.verdict}: ${e.reason}` : ''}${e.message ? ` ${e.message}` : ''}`)
    .join('\n');
  return `${last}\n${phone.problems.join('\n')}\n${phone.output.slice(-1500)}`;
}

module.exports = {
  describePhone,
  cleanTone,
  expectAudio,
  answeredCall,
  hangUp,
  nextDigits,
  story,
  TONE_FROM_CALLER_HZ,
  TONE_FROM_PHONE_HZ,
};
