// A bridge that assigns the classes to globals by itself, one by one, in the place of its mocks: a real call with the SDK that way.

const { startPair, IMPLEMENTATION } = require('./support/harness.js');
const { answeredCall, expectAudio, hangUp, nextDigits } = require('./support/scenarios.js');

const ours = IMPLEMENTATION === 'roamhq' ? test.skip : test;

ours(
  'a call with audio both ways, hold, digits and another microphone',
  async () => {
    const pair = await startPair({ door: 'assigned' });
    const { call, session } = await answeredCall(pair);
    await expectAudio(call, session);
    await Promise.all([session.do('hold'), call.waitFor('held')]);
    await Promise.all([session.do('unhold'), call.waitFor('resumed')]);
    await expectAudio(call, session);
    await session.do('sendDtmf', '42');
    expect((await nextDigits(call, 2)).map(({ digit }) => digit)).toEqual(['4', '2']);
    await session.do('changeInputDevice', 'default');
    await expectAudio(call, session);
    await hangUp(call, session);
    expect(call.voicemail).toBe(false);
    expect(await session.trackStates()).toEqual(['ended']);
    await pair.close();
  },
  90_000,
);
