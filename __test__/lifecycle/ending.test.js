// Processes and threads that end in the middle of their calls: the exit code is theirs, and no signal is ours.

const { run } = require('./child');

/** The engine is at another moment of its 20 ms in each. */
const TIMES = 4;

describe('a process that ends in mid-call', () => {
  test.each([
    ['process.exit', { code: 3 }],
    ['process.exit in an event of the connection', { code: 3 }],
    ['process.exit where sound comes', { code: 3 }],
    ['process.exit while it gathers', { code: 3 }],
    ['process.exit with a recording', { code: 3 }],
    ['SIGTERM', { signal: 'SIGTERM' }],
    ['SIGTERM that is handled', { code: 4 }],
    ['SIGINT', { signal: 'SIGINT' }],
    ['an uncaught exception', { code: 1, stderr: /Error: on purpose/ }],
    ['an uncaught exception in an event of the connection', { code: 1, stderr: /Error: on purpose/ }],
    ['an unhandled rejection', { code: 1, stderr: /Error: on purpose/ }],
  ])('by %s', async (way, { code = null, signal = null, stderr = /^$/ }) => {
    const ends = await Promise.all(Array.from({ length: TIMES }, () => run('ending.js', way)));
    for (const end of ends)
      expect(end).toEqual({ code, signal, said: ['in mid-call'], stderr: expect.stringMatching(stderr) });
  });
});

const onLinux = process.platform === 'linux' ? test : test.skip;

onLinux('fifty workers that end in mid-call leave nothing, and the call beside them goes on', async () => {
  const { said, ...end } = await run('workers.js', '50');
  expect(end).toEqual({ code: 0, signal: null, stderr: '' });
  const [{ codes, states, before, after }] = said;
  expect(codes.sort()).toEqual([1, 7]);
  expect(states).toEqual(['connected', 'connected']);
  expect(after.objects).toEqual(before.objects);
  expect(after.descriptors).toBeLessThanOrEqual(before.descriptors);
  expect(after.threads).toBeLessThanOrEqual(before.threads);
});
