// The SDP corpus as remote offers, each on a connection of its own: taken, or refused with the error that the specification names,
// leaving the connection as it was. An unhandled rejection anywhere fails the test that runs (Jest sees to it).

const { configuration, rtc } = require('../support/implementation');
const { describeWithBystander } = require('./bystander');

const corpus = require('../../tests/fixtures/sdp-fuzz.json');

/** What became of the offer, as plain data: { outcome: 'ok' } or { outcome: 'syntax' | 'error', … }. */
async function offered(sdp) {
  const pc = new rtc.RTCPeerConnection(configuration);
  try {
    await pc.setRemoteDescription({ type: 'offer', sdp });
    // What was taken must be answerable.
    const answer = await pc.createAnswer();
    return { outcome: 'ok', sections: ports(sdp).length, answered: ports(answer.sdp) };
  } catch (error) {
    const { signalingState, remoteDescription } = pc;
    return {
      outcome: error.errorDetail === 'sdp-syntax-error' ? 'syntax' : 'error',
      isDOMException: error instanceof DOMException,
      name: error.name,
      message: error.message,
      line: error.sdpLineNumber ?? null,
      after: { signalingState, remoteDescription, transceivers: pc.getTransceivers().length },
    };
  } finally {
    pc.close();
  }
}

const ports = (sdp) =>
  sdp
    .split('\n')
    .filter((line) => line.startsWith('m='))
    .map((line) => line.split(/ +/)[1]);

const UNTOUCHED = { signalingState: 'stable', remoteDescription: null, transceivers: 0 };

/** Everything about one case that is not as it must be. 'any-error' may also be answered by refusing every section (port 0). */
function complaints({ name, expect: expected }, result) {
  const wrong = [];
  const check = (holds, what) => {
    if (!holds) wrong.push(`${name}: ${what}: ${JSON.stringify(result)}`);
  };
  if (expected === 'ok') {
    check(result.outcome === 'ok', 'was refused');
    if (result.outcome === 'ok')
      check(result.answered.length === result.sections, 'the answer has another number of sections');
    return wrong;
  }
  if (expected === 'any-error' && result.outcome === 'ok') {
    check(
      result.answered.every((port) => port === '0'),
      'was taken, and not every section refused',
    );
    return wrong;
  }
  check(result.outcome !== 'ok', 'was taken');
  if (result.outcome === 'ok') return wrong;
  if (expected === 'syntax') {
    check(result.outcome === 'syntax' && result.name === 'OperationError', 'is not an RTCError of sdp-syntax-error');
    check(Number.isInteger(result.line), 'does not name the line');
  }
  check(result.isDOMException && result.name !== 'Error', 'is not a DOMException');
  check(result.message.length > 0, 'does not say why');
  check(JSON.stringify(result.after) === JSON.stringify(UNTOUCHED), 'changed the connection');
  return wrong;
}

describeWithBystander('malformed SDP', (bystander) => {
  test('the corpus has at least 200 cases', () => {
    expect(corpus.length).toBeGreaterThanOrEqual(200);
    expect(new Set(corpus.map(({ name }) => name)).size).toBe(corpus.length);
  });

  test('every case is taken or refused as the specification says, and a call in the same process goes on', async () => {
    const wrong = [];
    await bystander().undisturbed(async () => {
      for (const one of corpus) wrong.push(...complaints(one, await offered(one.sdp)));
    });
    expect(wrong).toEqual([]);
  });

  test('after a refused offer the same connection takes a good one and carries the call', async () => {
    const { Pair } = require('../support/pair');
    const refused = corpus.find((one) => one.expect === 'syntax');
    const pair = new Pair();
    try {
      await expect(pair.right.pc.setRemoteDescription({ type: 'offer', sdp: refused.sdp })).rejects.toMatchObject({
        name: 'OperationError',
      });
      await pair.connect();
      await expect(pair.left.pc.setRemoteDescription({ type: 'offer', sdp: refused.sdp })).rejects.toMatchObject({
        name: 'OperationError',
      });
      await pair.talks();
    } finally {
      pair.end();
    }
  });
});
