// What calls leave behind: nothing. The same with 10,000 calls: `npm run soak`.

const { ENDED, run } = require('./child');
const { trend } = require('./trend');

const onLinux = process.platform === 'linux' ? describe : describe.skip;

/** Everything native but the one way into JavaScript. */
const NOTHING = {
  engines: 1,
  connections: 0,
  rings: 0,
  sinks: 0,
  recorders: 0,
  certificates: 0,
  detours: 0,
  frameStreams: 0,
  frameQueues: 0,
  tasks: 0,
  transports: 0,
  signals: 0,
  codecs: 0,
};

onLinux('calls that both ends leave at any moment', () => {
  /** A connection is more. So few calls show no smaller leak: allocators breathe. */
  const LEAST_LEAK_BYTES = 16 * 1024;

  test.each([
    ['100 calls, one after the other', 100, 1, 5],
    ['600 calls, 200 at a time', 600, 200, 3],
  ])('%s, leave no descriptor, thread, object or memory', async (_, calls, atATime, looks) => {
    const { said, ...end } = await run('soak.js', ...[calls, atATime, looks, 7].map(String));
    expect(end).toEqual(ENDED);
    const [, first, ...seen] = said.slice(0, -1);
    expect(seen).toHaveLength(looks);
    const { reached } = said.at(-1);
    expect(Object.values(reached).reduce((sum, count) => sum + count)).toBeGreaterThanOrEqual(calls);
    expect(Object.keys(reached)).toHaveLength(10);
    for (const now of seen) {
      expect(now.descriptors).toBeLessThanOrEqual(first.descriptors);
      expect(now.threads).toBeLessThanOrEqual(first.threads);
      expect(now.objects).toEqual(NOTHING);
      expect(new Set(Object.values(now.facades))).toEqual(new Set([0]));
    }
    const { least } = trend(seen.map((now) => [now.calls, now.rssKb * 1024]));
    expect(least).toBeLessThan(LEAST_LEAK_BYTES);
  });
});

test('the context of a call that is over is let go, though the engine and its timer began in it', async () => {
  expect(await run('context.js')).toEqual({ ...ENDED, said: [{ kept: false }] });
});

onLinux('the sockets of a call', () => {
  test('that is refused are given back at once, not when it is collected', async () => {
    expect(await run('refused.js')).toEqual({ ...ENDED, said: [{ kept: 0 }] });
  });

  test('can be had later where the system had none', async () => {
    expect(await run('exhausted.js')).toEqual({ ...ENDED, said: [{ failed: 'OperationError', gathers: true }] });
  });
});

test('the garbage collector takes every object, and what is native of it, once it is closed or was never used', async () => {
  const { said, ...end } = await run('collected.js');
  expect(end).toEqual(ENDED);
  expect(said).toEqual([
    {
      facades: {
        'unused connections': 0,
        sources: 0,
        tracks: 0,
        'closed sinks': 0,
        parts: 0,
        'closed connections': 0,
        'called connections': 0,
        'called ears': 0,
        'called tracks': 0,
        'called transports': 0,
        recorders: 0,
        'encoded streams': 0,
        certificates: 0,
      },
      objects: NOTHING,
    },
  ]);
});

test('a call keeps nothing of transceivers that were stopped', async () => {
  const { said, ...end } = await run('stopped.js');
  expect(end).toEqual(ENDED);
  const [{ before, after }] = said;
  expect(before).toMatchObject({ connections: 2, transports: 2 });
  const more = Object.keys(after).filter((name) => after[name] > before[name]);
  expect(more).toEqual([]);
});

describe('the slope that tells a leak', () => {
  /** Breathes by a megabyte, and grows by `bytes` each call. */
  const breathing = (bytes) =>
    Array.from({ length: 15 }, (_, n) => [n * 500, 7e7 + bytes * n * 500 + 5e5 * Math.sin(2.4 * n)]);

  test('is found in noise that is greater than what one call leaves', () => {
    expect(trend(breathing(2000)).least).toBeGreaterThan(1024);
  });

  test('is not found where nothing grows', () => {
    expect(trend(breathing(0)).least).toBeLessThan(0);
  });
});
