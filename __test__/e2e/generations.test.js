// Every SDP generation of the edge, as an offer and as an answer: ICE and DTLS come up, a tone arrives clean each way.

const { startPair, GENERATIONS, IMPLEMENTATION } = require('./support/harness.js');
const { expectAudio, hangUp, story } = require('./support/scenarios.js');

describe.each([['globals'], ...(IMPLEMENTATION === 'roamhq' ? [] : [['factory']])])('SDP of the edge, %s', (door) => {
  let pair;
  beforeEach(async () => {
    pair ??= await startPair({ door });
  }, 60_000);
  afterAll(async () => {
    await pair?.close();
  }, 60_000);

  const guarded = (run) => async () => {
    try {
      await run();
    } catch (error) {
      error.message += `\n${story(pair)}`;
      await pair.abandon();
      pair = null;
      throw error;
    }
  };

  // libwebrtc refuses a=crypto beside DTLS; RingCentral sent both for a while.
  const offers = Object.keys(GENERATIONS).filter((name) => IMPLEMENTATION !== 'roamhq' || name !== '2017');
  test.each(offers)(
    'offer %s',
    (offer) =>
      guarded(async () => {
        const { call, session } = await pair.ring({ offer, autoAnswer: true });
        await expectAudio(call, session);
        expect(call.remote.codecs.length).toBeGreaterThan(0);
        await hangUp(call, session);
      })(),
    120_000,
  );

  test.each(['2016', '2019', '2022'])(
    'answer %s',
    (offer) =>
      guarded(async () => {
        pair.sw.options.outbound = () => ({ offer });
        const [call, session] = await Promise.all([pair.sw.nextCall(), pair.phone.call('16505550199')]);
        await expectAudio(call, session);
        await hangUp(call, session);
      })(),
    120_000,
  );

  test.each(['opus', 'pcmu', 'pcma'])(
    'answer with %s alone',
    (prefer) =>
      guarded(async () => {
        pair.sw.options.outbound = () => ({ prefer });
        const [call, session] = await Promise.all([pair.sw.nextCall(), pair.phone.call('16505550199')]);
        await expectAudio(call, session);
        expect(call.media.codec.name).toBe(prefer);
        await hangUp(call, session);
      })(),
    120_000,
  );
});
