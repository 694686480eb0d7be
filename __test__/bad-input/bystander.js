// A call that has nothing to do with the bad input and must not notice it: same process, same engine, tones both ways.

const { LEFT_HZ, Pair, RIGHT_HZ } = require('../support/pair');

/** A loaded machine alone costs some windows of 20 ms; a call that waits for another, or is torn down, costs more. */
const MAX_GAP_MS = 200;
const MAX_GAP_SHARE = 0.1;
/** So much audio is written ahead that a busy JavaScript thread never starves the sender. */
const QUEUE_MS = 1000;

class Bystander {
  static async start() {
    const bystander = new Bystander();
    bystander.pair = new Pair({ queueMs: QUEUE_MS });
    await bystander.pair.connect();
    await bystander.pair.talks();
    return bystander;
  }

  /** Runs `body` and checks that both ends heard the other's tone, clean and without a gap, from before it until after it. */
  async undisturbed(body) {
    const { left, right } = this.pair;
    const states = [];
    const note = () => states.push(left.pc.connectionState, right.pc.connectionState);
    for (const { pc } of [left, right]) pc.addEventListener('connectionstatechange', note);
    left.startRecording();
    right.startRecording();
    try {
      await body();
      await this.pair.talks();
    } finally {
      for (const { pc } of [left, right]) pc.removeEventListener('connectionstatechange', note);
      this.heard = [left.stopRecording(RIGHT_HZ), right.stopRecording(LEFT_HZ)];
    }
    expect(states).toEqual([]);
    for (const { pc } of [left, right])
      expect(pc).toMatchObject({ connectionState: 'connected', signalingState: 'stable' });
    for (const heard of this.heard) {
      expect(heard.snrDb).toBeGreaterThanOrEqual(30);
      expect(heard.longestGapMs).toBeLessThanOrEqual(MAX_GAP_MS);
      expect(heard.gapShare).toBeLessThanOrEqual(MAX_GAP_SHARE);
    }
    expect([left.ear.dropped(), right.ear.dropped()]).toEqual([0, 0]);
  }

  end() {
    this.pair.end();
  }
}

/** `describe` with a bystander's call that is up before the tests and ends after them. */
function describeWithBystander(name, define) {
  jest.setTimeout(90_000);
  describe(name, () => {
    let bystander;
    beforeAll(async () => {
      bystander = await Bystander.start();
    });
    afterAll(() => bystander?.end());
    define(() => bystander);
  });
}

module.exports = { describeWithBystander };
