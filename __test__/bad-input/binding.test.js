// What no facade lets through: values of any kind to every member of the binding. Each call returns or throws; the process, and a call in it, go on.

const { types } = require('node:util');
const { mulberry32 } = require('../../bench/quality/random');
const binding = require('../../binding.js');
const { describeWithBystander } = require('./bystander');

const CALLS = 10_000;
/** How Rust words what it did not expect. */
const PANIC = /panicked|unwrap\(\)|overflow|attempt to|out of bounds|out of range|already (mutably )?borrowed|capacity/;
const CONFIG = { iceServers: [], iceTransportPolicy: 'all', bundlePolicy: 'balanced', certificates: [] };

/** Whole numbers below what is asked for: the same in each run. */
function random(seed) {
  const next = mulberry32(seed);
  return (below) => (next() * below) | 0;
}

const VALUES = [
  ...[undefined, null, true, 0, -1, 1, 20, 16000, 2 ** 31, 2 ** 32 - 1, 2 ** 53, Number.NaN, Infinity, -0.5, 1n],
  ...['', 'x', '\0', '\ud800', 'a'.repeat(1e5), 'offer', 'answer', 'rollback', 'audio', 'video', 'sendrecv', 'v=0\r\n'],
  ...[[], {}, [1], ['x'], () => {}, Symbol('x'), new Int16Array(0), new Int16Array(7), new Uint8Array(3)],
  ...[CONFIG, { direction: 'sendrecv', streamIds: [] }, { candidate: 'x', sdpMLineIndex: 2 ** 32 }],
  ...[
    { active: true, maxBitrate: Number.NaN },
    { active: false, maxBitrate: 1e300 },
  ],
];

describeWithBystander('the binding', (bystander) => {
  test('takes or refuses whatever it is called with', async () => {
    const below = random(1);
    const engine = new binding.Engine(() => {});
    const fresh = () => {
      const ring = new binding.Ring(engine, 16000, 1, 100);
      return [new binding.Connection(engine, CONFIG), ring, new binding.Sink(engine, ring, 16000, 20, 5)];
    };
    let objects = fresh();
    const anything = () => [...VALUES, engine, ...objects][below(VALUES.length + 1 + objects.length)];
    const { version, liveObjects, ...rest } = binding;
    const classes = Object.values(rest).filter((value) => typeof value === 'function');
    const panics = [];
    const attempt = (call) => {
      try {
        call();
      } catch (error) {
        // Errors of native code are of another realm here.
        if (!types.isNativeError(error) || PANIC.test(error.message)) panics.push(String(error));
      }
    };
    await bystander().undisturbed(async () => {
      for (let n = 0; n < CALLS; n++) {
        const values = Array.from({ length: below(6) }, anything);
        const object = [engine, ...objects][below(1 + objects.length)];
        const members = Object.entries(Object.getOwnPropertyDescriptors(Object.getPrototypeOf(object)));
        const [name, { value, get }] = members[below(members.length)];
        if (name !== 'constructor') attempt(() => (get ?? value).call(object, ...values));
        if (n % 50 === 0) attempt(() => new classes[below(classes.length)](...values));
        if (n % 500 === 0) {
          objects[0].close();
          objects = fresh();
          await new Promise((resolve) => setImmediate(resolve));
        }
      }
    });
    engine.close();
    expect(panics).toEqual([]);
  });

  test('refuses rates and lengths that would cost any amount of memory', () => {
    const engine = new binding.Engine(() => {});
    const ring = new binding.Ring(engine, 16000, 1, 100);
    for (const rate of [0, 1, 7999, 48001, 2 ** 32 - 1]) {
      expect(() => new binding.Ring(engine, rate, 1, 100)).toThrow('sample_rate');
      expect(() => ring.writer()(new Int16Array(160), rate, 1)).toThrow('sample_rate');
      expect(() => new binding.Sink(engine, ring, rate, 20, 5)).toThrow('sample_rate');
    }
    for (const frameMs of [0, 1001, 2 ** 32 - 1])
      expect(() => new binding.Sink(engine, ring, 16000, frameMs, 5)).toThrow('frame_ms');
  });
});
