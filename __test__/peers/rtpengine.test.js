// Calls with a telephone behind rtpengine, which most SIP providers put between WebRTC and RTP.

const { testWhere } = require('../support/needs');
const { Talker } = require('../support/talker');
const { RtpPhone } = require('./rtp-phone');
const { missing, Rtpengine } = require('./rtpengine');

const rtpengineTest = testWhere(missing);

jest.setTimeout(60_000);

const NEAR_HZ = 1000;
const FAR_HZ = 700;
const OTHER_HZ = 1300;
const G711 = { minSnrDb: 25 };

/** Two, as a call may be moved to another machine, which has another certificate. */
const engines = [];
beforeAll(async () => {
  if (!missing) engines.push(await Rtpengine.start(), await Rtpengine.start());
});
afterAll(() => Promise.all(engines.map((engine) => engine.stop())));

let calls = 0;

/** Our end, the telephone, and the signaling between them, which asks an rtpengine at each description. */
class Call {
  static async open(options) {
    return new Call(await RtpPhone.open(FAR_HZ), options);
  }

  constructor(far, { DTLS = 'passive', iceLite } = {}, near = new Talker({ hz: NEAR_HZ })) {
    this.near = near;
    this.far = far;
    this.toNear = {
      'transport-protocol': 'UDP/TLS/RTP/SAVPF',
      'rtcp-mux': ['require'],
      ICE: 'force',
      ...(iceLite && { 'ICE-lite': iceLite }),
      DTLS,
      SDES: ['off'],
      replace: ['origin', 'session-connection'],
    };
    this.toFar = {
      'transport-protocol': 'RTP/AVP',
      'rtcp-mux': ['demux'],
      ICE: 'remove',
      replace: ['origin', 'session-connection'],
    };
    this.moveTo(engines[0]);
  }

  /** What is negotiated from now on goes through this engine, which does not know the call. */
  moveTo(engine) {
    this.engine = engine;
    this.id = `call-${++calls}`;
    this.begun = false;
  }

  async ask(command, offerer, sdp, to) {
    const answerer = offerer === 'near' ? 'far' : 'near';
    const tags = { 'from-tag': offerer, ...((command === 'answer' || this.begun) && { 'to-tag': answerer }) };
    const answer = await this.engine.ask({ command, 'call-id': this.id, ...tags, ...to, sdp });
    if (command === 'answer') this.begun = true;
    return answer.sdp;
  }

  /** `direction` is what the telephone says of itself. */
  async negotiate(offerer, { direction, options } = {}) {
    const { near, far } = this;
    if (offerer === 'far') {
      const offer = await this.ask('offer', 'far', far.describe(direction), this.toNear);
      const { sdp } = await near.answer({ type: 'offer', sdp: offer });
      far.talkTo(await this.ask('answer', 'far', sdp, this.toFar));
    } else {
      const { sdp } = await near.offer(options);
      await this.accept('answer', sdp, direction);
    }
  }

  /** The telephone answers the offer `sdp`, perhaps provisionally. */
  async accept(type, sdp, direction) {
    this.far.talkTo(await this.ask('offer', 'near', sdp, this.toFar));
    const answer = await this.ask('answer', 'near', this.far.describe(direction), this.toNear);
    await this.near.accept({ type, sdp: answer });
  }

  talks() {
    return Promise.all([this.near.hears(FAR_HZ, G711), this.far.hears(NEAR_HZ, G711)]);
  }

  end() {
    this.near.end();
    this.far.end();
  }
}

async function withCall(options, body) {
  const call = await Call.open(options);
  try {
    await body(call);
  } finally {
    call.end();
  }
}

const one = async (near, type) => {
  const found = await near.stats(type);
  expect(found).toHaveLength(1);
  return found[0];
};

const ICE_ROLE = { near: 'controlling', far: 'controlled' };

describe.each(['near', 'far'])('offered by the %s end', (offerer) => {
  rtpengineTest.each([
    // Who is active answers; our answer to actpass is active.
    [{ DTLS: 'passive' }, { dtlsRole: 'client', iceRole: ICE_ROLE[offerer] }],
    [{ DTLS: 'active' }, { dtlsRole: offerer === 'near' ? 'server' : 'client', iceRole: ICE_ROLE[offerer] }],
    // Of an offer alone: its answers are never lite.
    [{ iceLite: 'forward' }, { dtlsRole: 'client', iceRole: 'controlling' }],
  ])('both hear each other, and digits, with %j', async (options, roles) => {
    await withCall(options, async (call) => {
      const { near, far } = call;
      await call.negotiate(offerer);
      await near.connected();
      await call.talks();
      near.insertDtmf('12#', 100, 70);
      await far.press('159*');
      await near.hearsKeys('159*');
      await far.hearsKeys('12#');
      // Nothing of packets that are missing: beside digits rtpengine's threads overtake each other, by as much as the machine is busy.
      expect(await one(near, 'transport')).toMatchObject(roles);
    });
  });

  rtpengineTest('either end holds and resumes', async () => {
    await withCall({}, async (call) => {
      const { near } = call;
      await call.negotiate(offerer);
      await near.connected();
      await call.talks();
      for (const direction of ['sendonly', 'inactive']) {
        const answered = direction === 'sendonly' ? 'recvonly' : 'inactive';
        near.setDirection(direction);
        await call.negotiate('near', { direction: answered });
        expect(near.state()).toMatchObject({ directions: [direction], connectionState: 'connected' });
        expect(near.tracks[0].muted).toBe(true);
        near.setDirection('sendrecv');
        await call.negotiate('near');
        await call.talks();
        await call.negotiate('far', { direction });
        expect(near.state()).toMatchObject({ directions: [answered], connectionState: 'connected' });
        await call.negotiate('far');
        await call.talks();
      }
    });
  });

  rtpengineTest('the call goes on with another device, on another machine, and over another path', async () => {
    await withCall({}, async (call) => {
      const { near, far } = call;
      await call.negotiate(offerer);
      await near.connected();
      await call.talks();
      far.renew();
      await call.negotiate('far');
      await call.talks();
      for (const [moves, from] of ['far', 'near', 'far', 'near'].entries()) {
        call.moveTo(engines[(moves + 1) % 2]);
        await call.negotiate(from);
        await call.talks();
      }
      await call.negotiate('near', { options: { iceRestart: true } });
      await call.talks();
      expect(near.state().connectionState).toBe('connected');
    });
  });
});

// All its branches have the certificate of the one rtpengine.
rtpengineTest.each([{ DTLS: 'passive' }, { DTLS: 'active' }])(
  'a forked call goes from branch to branch, with %j',
  async (options) => {
    await withCall(options, async (call) => {
      const { near } = call;
      const { sdp } = await near.offer();
      await call.accept('pranswer', sdp);
      await near.connected();
      await call.talks();
      const other = new Call(await RtpPhone.open(OTHER_HZ), options, near);
      try {
        await other.accept('answer', sdp);
        await Promise.all([near.hears(OTHER_HZ, G711), other.far.hears(NEAR_HZ, G711)]);
        expect(near.state().connectionState).toBe('connected');
      } finally {
        other.far.end();
      }
    });
  },
);
