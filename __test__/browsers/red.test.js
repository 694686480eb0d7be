// Redundant audio (RFC 2198) with Chromium, which sends it where the far end names it first.

const { describeWithChromium } = require('./browser');
const { until, withCall } = require('./call');

/** Each packet carries the one before it again. One by itself has 70 to 80 bytes here, whatever codec statistics name. */
const LEAST_BYTES = 120;

/** The section of sound with the payload type of RED first. */
function redFirst(sdp) {
  const [, red] = /^a=rtpmap:(\d+) red\/48000/m.exec(sdp);
  return sdp.replace(/^(m=audio \S+ \S+)(.*)$/m, (_, head, types) => {
    const others = types.trim().split(' ');
    return [head, red, ...others.filter((type) => type !== red)].join(' ');
  });
}

/** Bytes of a packet of that way, on average over what has gone that way so far. */
async function packetBytes(phone, way) {
  const [bytes, packets] = way === 'outbound' ? ['bytesSent', 'packetsSent'] : ['bytesReceived', 'packetsReceived'];
  const counted = await until(async () => (await phone.stats(`${way}-rtp`)).find((it) => it[packets] > 50));
  return counted[bytes] / counted[packets];
}

describeWithChromium('redundant audio with Chromium', (browser) => {
  for (const offerer of ['near', 'far']) {
    test(`offered first by the ${offerer} end: it goes both ways, and is heard`, async () => {
      await withCall({ browser: browser() }, async (call) => {
        await call.negotiate(offerer, undefined, redFirst);
        await Promise.all([call.near.connected(), call.far.connected()]);
        await call.talks();
        for (const phone of [call.near, call.far])
          for (const way of ['outbound', 'inbound']) expect(await packetBytes(phone, way)).toBeGreaterThan(LEAST_BYTES);
      });
    });
  }
});
