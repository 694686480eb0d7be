// What calls leave behind: nothing.

const { ENDED, run } = require('./child');

const CALLS = 200;
/** Between the middle and the end of the calls: 30 kB a call. Allocators breathe by less; one forgotten connection or codec is more. */
const MAX_GROWTH_MB = (CALLS / 2) * 0.03;

const onLinux = process.platform === 'linux' ? test : test.skip;

onLinux(`${CALLS} calls leave descriptors, threads and objects where they were after a warm-up`, async () => {
  const { said, ...end } = await run('many-calls.js', String(CALLS));
  expect(end).toEqual(ENDED);
  const [{ before, middle, after }] = said;
  expect(after.descriptors).toBeLessThanOrEqual(before.descriptors);
  expect(after.threads).toBeLessThanOrEqual(before.threads);
  expect(after).toMatchObject({ connections: 0, tracks: 0 });
  expect(after.rssMb - middle.rssMb).toBeLessThan(MAX_GROWTH_MB);
});

test('the garbage collector takes every object once it is closed, or was never used', async () => {
  const { said, ...end } = await run('collected.js');
  expect(end).toEqual(ENDED);
  expect(said).toEqual([
    {
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
    },
  ]);
});
