// RTCRtpReceiver.jitterBufferTarget of a call, seen in its statistics.

const { Pair } = require('../support/pair');

/** What the jitter buffer has aimed at between two looks, and what it would have by itself, in milliseconds. */
async function aims(receiver, { overMs }) {
  const look = async () => [...(await receiver.getStats()).values()].find(({ type }) => type === 'inbound-rtp');
  const from = await look();
  for (;;) {
    const to = await look();
    const emitted = to.jitterBufferEmittedCount - from.jitterBufferEmittedCount;
    if (emitted >= overMs * 48) {
      return {
        target: (1000 * (to.jitterBufferTargetDelay - from.jitterBufferTargetDelay)) / emitted,
        minimum: (1000 * (to.jitterBufferMinimumDelay - from.jitterBufferMinimumDelay)) / emitted,
      };
    }
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

test('packets wait for as long as jitterBufferTarget says, set before the call or in it', async () => {
  const pair = new Pair();
  try {
    const { pc } = pair.right;
    pc.addEventListener('track', ({ receiver }) => {
      receiver.jitterBufferTarget = 200;
    });
    await pair.connect();
    await pair.talks();
    const [receiver] = pc.getReceivers();
    const waiting = await aims(receiver, { overMs: 200 });
    expect(waiting.target).toBeCloseTo(200, 1);
    expect(waiting.minimum).toBeLessThan(200);
    receiver.jitterBufferTarget = 350;
    await aims(receiver, { overMs: 40 });
    expect((await aims(receiver, { overMs: 200 })).target).toBeCloseTo(350, 1);
    receiver.jitterBufferTarget = null;
    await aims(receiver, { overMs: 40 });
    const free = await aims(receiver, { overMs: 200 });
    expect(free.target).toBeCloseTo(free.minimum, 1);
  } finally {
    pair.end();
  }
});
