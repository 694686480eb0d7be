// When a process ends: whatever is unused never keeps it, a call that is up does, and once everything is closed it ends by itself with 0.

const { ENDED, run } = require('./child');

describe('what nobody uses never keeps the process alive', () => {
  test.each([
    'connection',
    'connection with a track',
    'connection with listeners',
    'connection asked for statistics',
    'connection asked for an offer',
    'connection with an empty description',
    'connection whose offer was taken back',
    'connection that refuses all sections',
    'PcmSource',
    'PcmSource with a full queue',
    'PcmSink',
    'PcmSink being read',
    'microphone',
  ])('%s', async (what) => {
    expect(await run('unused.js', what)).toEqual({ ...ENDED, said: ['made'] });
  });
});

describe('after a call the process ends by itself with 0', () => {
  test('closed at both ends', async () => {
    expect(await run('ended-call.js', 'left', 'right')).toEqual({ ...ENDED, said: ['talked'] });
  });

  test('closed at one end, then at the other when it sees that', async () => {
    expect(await run('ended-call.js', 'left')).toEqual({ ...ENDED, said: ['talked', 'left by peer'] });
  });

  test('closed at one end, when the other has failed', async () => {
    const said = ['talked', 'disconnected', 'failed'];
    expect(await run('ended-call.js', 'left', 'abandoned')).toEqual({ ...ENDED, said });
  });

  test("made by the README's bridge", async () => {
    expect(await run('readme.js')).toEqual({ ...ENDED, said: ['heard', 'completed', 'heard', 'completed'] });
  });

  test('closed in the middle of signaling', async () => {
    expect(await run('unhandled.js')).toEqual({ ...ENDED, said: ['done'] });
  });
});

test('a call that is up keeps the process alive until it is closed', async () => {
  expect(await run('running-call.js')).toEqual({ ...ENDED, said: ['connected', 'still up'] });
});
