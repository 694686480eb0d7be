// Which codec is sent in a call: encodings[0].codec of setParameters(), and redundancy (RFC 2198).

const { Pair } = require('../support/pair');

async function withPair(body) {
  const pair = new Pair();
  try {
    await body(pair);
  } finally {
    pair.end();
  }
}

const find = (report, type) => [...report.values()].find((it) => it.type === type);

/** What is sent from now on, after a few packets of it: codec and bytes in a packet. */
async function sent(sender) {
  const look = async () => {
    const report = await sender.getStats();
    const { packetsSent, bytesSent, codecId } = find(report, 'outbound-rtp') ?? { packetsSent: 0, bytesSent: 0 };
    return { packets: packetsSent, bytes: bytesSent, codec: report.get(codecId)?.mimeType };
  };
  const from = await look();
  for (;;) {
    const to = await look();
    const packets = to.packets - from.packets;
    if (packets >= 20) return { codec: to.codec, bytes: (to.bytes - from.bytes) / packets };
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

async function choose(sender, mimeType) {
  const parameters = sender.getParameters();
  const [encoding] = parameters.encodings;
  delete encoding.codec;
  if (mimeType) encoding.codec = parameters.codecs.find((codec) => codec.mimeType === mimeType);
  await sender.setParameters(parameters);
}

test('encodings[0].codec is sent with, and heard, until it is taken back', () =>
  withPair(async (pair) => {
    await pair.connect();
    await pair.talks();
    const [sender] = pair.left.pc.getSenders();
    expect(await sent(sender)).toMatchObject({ codec: 'audio/opus' });
    await choose(sender, 'audio/PCMU');
    expect(await sent(sender)).toEqual({ codec: 'audio/PCMU', bytes: 160 });
    await pair.talks();
    const report = await pair.right.pc.getReceivers()[0].getStats();
    expect(report.get(find(report, 'inbound-rtp').codecId).mimeType).toBe('audio/PCMU');
    await choose(sender, undefined);
    expect(await sent(sender)).toMatchObject({ codec: 'audio/opus' });
    await pair.talks();
  }));

test('with redundancy each packet carries the one before again, and is heard as before', () =>
  withPair(async (pair) => {
    await pair.connect();
    await pair.talks();
    const [sender] = pair.left.pc.getSenders();
    const plain = await sent(sender);
    await choose(sender, 'audio/red');
    const redundant = await sent(sender);
    expect(redundant.codec).toBe('audio/opus');
    expect(redundant.bytes / plain.bytes).toBeGreaterThan(1.7);
    await pair.talks();
  }));

test('the codec of addTransceiver() is sent with as soon as it is negotiated', () =>
  withPair(async (pair) => {
    const codec = { mimeType: 'audio/PCMA', clockRate: 8000, channels: 1 };
    const track = pair.left.pc.getSenders()[0].track.clone();
    const { sender } = pair.left.pc.addTransceiver(track, { sendEncodings: [{ codec }] });
    await pair.connect();
    expect(sender.getParameters().encodings[0].codec).toEqual(codec);
    expect(await sent(sender)).toMatchObject({ codec: 'audio/PCMA' });
  }));
