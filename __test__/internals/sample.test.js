// What a plot is told of one second, from two reports of getStats().

const { sampleOf } = require('../../dist/internals/sample');

const STATES = { connection: 'connected', ice: 'connected', gathering: 'complete', signaling: 'stable' };

function report(seconds, { received, lost = 0, fractionLost, ssrc = 1 } = {}) {
  const at = (members) => ({ timestamp: 1_000_000 + 1000 * seconds, ...members });
  return [
    at({ id: 'T0', type: 'transport', selectedCandidatePairId: 'CP', srtpCipher: 'SRTP_AEAD_AES_128_GCM' }),
    at({ id: 'CP', type: 'candidate-pair', localCandidateId: 'L', remoteCandidateId: 'R', currentRoundTripTime: 0.03 }),
    at({ id: 'L', type: 'local-candidate', address: '192.0.2.1', port: 1, candidateType: 'host', protocol: 'udp' }),
    at({
      id: 'R',
      type: 'remote-candidate',
      address: '2001:db8::1',
      port: 2,
      candidateType: 'relay',
      relayProtocol: 'tcp',
    }),
    at({ id: 'C', type: 'codec', mimeType: 'audio/opus', clockRate: 48000, channels: 2 }),
    at({
      id: `IT${ssrc}`,
      type: 'inbound-rtp',
      kind: 'audio',
      codecId: 'C',
      packetsReceived: received ?? 50 * seconds,
      packetsLost: lost,
      bytesReceived: 4000 * seconds,
      jitter: 0.012,
      jitterBufferDelay: 48_000 * 0.04 * seconds,
      jitterBufferEmittedCount: 48_000 * seconds,
      concealedSamples: 480 * seconds,
      totalSamplesReceived: 48_000 * seconds,
      totalAudioEnergy: 0.25 * seconds,
      totalSamplesDuration: seconds,
    }),
    at({
      id: 'OT',
      type: 'outbound-rtp',
      kind: 'audio',
      remoteId: 'RI',
      packetsSent: 50 * seconds,
      bytesSent: 1000 * seconds,
    }),
    at({ id: 'RI', type: 'remote-inbound-rtp', fractionLost, jitter: 0.005, roundTripTime: 0.08 }),
  ];
}

test('rates and shares are those of the second between two reports', () => {
  const { receive, send, rttMs } = sampleOf(report(11, { lost: 10 }), report(10), STATES);
  expect(receive).toEqual({
    codec: 'opus/48000/2',
    kbps: 32,
    packets: 50,
    loss: 16.67,
    jitterMs: 12,
    level: 0.5,
    delayMs: 40,
    concealed: 1,
  });
  expect(send).toEqual({ kbps: 8, packets: 50, jitterMs: 5 });
  expect(rttMs).toBe(80);
});

test('what the first report cannot tell is absent', () => {
  const { receive } = sampleOf(report(10), undefined, STATES);
  expect(receive).toEqual({ codec: 'opus/48000/2', jitterMs: 12 });
});

test('loss that the far end reports is a percentage', () => {
  expect(sampleOf(report(11, { fractionLost: 0.25 }), report(10), STATES).send.loss).toBe(25);
});

test('packets that were counted as lost and came after all are no negative loss', () => {
  expect(sampleOf(report(11, { lost: 3 }), report(10, { lost: 5 }), STATES).receive.loss).toBe(0);
});

test('addresses are told with their kind', () => {
  expect(sampleOf(report(10), undefined, STATES).pair).toEqual({
    local: '192.0.2.1:1 host udp',
    remote: '[2001:db8::1]:2 relay over tcp',
  });
});

test('of several streams the one that carries packets is told', () => {
  const still = report(10, { ssrc: 2, received: 5000 }).find(({ id }) => id === 'IT2');
  const now = [{ ...still, timestamp: 1_011_000 }, ...report(11)];
  expect(sampleOf(now, [still, ...report(10)], STATES).receive.packets).toBe(50);
});

test('without a single stream it still has the states', () => {
  expect(sampleOf([], undefined, STATES)).toEqual({ unixMs: expect.any(Number), states: STATES });
});
