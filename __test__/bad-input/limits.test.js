// Inputs of a size that no call has: refused by the limits of docs/limits.md, with the error that the specification names, before they cost memory.

const { configuration, rtc } = require('../support/implementation');
const { describeWithBystander } = require('./bystander');
const { thrownBy } = require('./errors');

const MEBIBYTE = 2 ** 20;

/** A connection that has offered. */
async function offered() {
  const pc = new rtc.RTCPeerConnection(configuration);
  pc.addTransceiver('audio');
  await pc.setLocalDescription();
  return pc;
}

/** The local description with all its candidates. */
async function gathered(pc) {
  while (pc.iceGatheringState !== 'complete') {
    await new Promise((resolve) => pc.addEventListener('icegatheringstatechange', resolve, { once: true }));
  }
  return pc.localDescription;
}

const candidate = (n) => `candidate:1 1 udp 2130706431 192.0.2.${n % 250} ${1024 + n} typ host`;

describeWithBystander('inputs that are too large', (bystander) => {
  test('a description of 1 MB is an sdp-syntax-error of an RTCError, as offer and as answer', async () => {
    const pc = await offered();
    const { sdp } = pc.localDescription;
    const filler = 'a=x:4567\r\n';
    const large = sdp + filler.repeat((1e6 - sdp.length) / filler.length);
    const other = new rtc.RTCPeerConnection(configuration);
    await bystander().undisturbed(async () => {
      for (const [end, type] of [
        [other, 'offer'],
        [pc, 'answer'],
      ]) {
        const refused = end.setRemoteDescription({ type, sdp: large });
        await expect(refused).rejects.toMatchObject({ name: 'OperationError', errorDetail: 'sdp-syntax-error' });
        expect(end.remoteDescription).toBeNull();
      }
      await other.setRemoteDescription({ type: 'offer', sdp });
    });
    pc.close();
    other.close();
  });

  test('of 10,000 candidates those beyond the limit are an OperationError, and the call can still be made', async () => {
    const pc = await offered();
    const other = new rtc.RTCPeerConnection(configuration);
    await other.setRemoteDescription(pc.localDescription);
    const before = other.remoteDescription.sdp.split('a=candidate:').length - 1;
    const names = { nothing: 0, OperationError: 0 };
    await bystander().undisturbed(async () => {
      for (let n = 0; n < 10_000; n++) {
        names[await thrownBy(() => other.addIceCandidate({ candidate: candidate(n), sdpMid: '0' }))]++;
      }
    });
    expect(names).toEqual({ nothing: 1024 - before, OperationError: 10_000 - 1024 + before });
    await expect(other.addIceCandidate({ candidate: '', sdpMid: '0' })).resolves.toBeUndefined();
    await other.setLocalDescription();
    await pc.setRemoteDescription(other.localDescription);
    pc.close();
    other.close();
  });

  test('a candidate of 1 MB is an OperationError', async () => {
    const pc = await offered();
    const other = new rtc.RTCPeerConnection(configuration);
    await other.setRemoteDescription(pc.localDescription);
    const long = `${candidate(1)} x ${'y'.repeat(MEBIBYTE)}`;
    await expect(other.addIceCandidate({ candidate: long, sdpMid: '0' })).rejects.toMatchObject({
      name: 'OperationError',
    });
    pc.close();
    other.close();
  });

  test('a message of 1 GB is a TypeError of RTCDataChannel.send()', async () => {
    const near = new rtc.RTCPeerConnection(configuration);
    const far = new rtc.RTCPeerConnection(configuration);
    const channel = near.createDataChannel('x');
    const opened = new Promise((resolve) => channel.addEventListener('open', resolve));
    await near.setLocalDescription();
    await far.setRemoteDescription(await gathered(near));
    await far.setLocalDescription();
    await near.setRemoteDescription(await gathered(far));
    await opened;
    expect(() => channel.send(new Uint8Array(1024 * MEBIBYTE))).toThrow(TypeError);
    expect(channel.bufferedAmount).toBe(0);
    near.close();
    far.close();
  });

  test('1 GB of samples at once is a RangeError of PcmSource, and none of it is queued', async () => {
    const source = new rtc.PcmSource();
    const samples = new Int16Array(512 * MEBIBYTE);
    await bystander().undisturbed(async () => {
      expect(() => source.write(samples)).toThrow(RangeError);
      await expect(source.captureFrame(samples)).rejects.toThrow(RangeError);
      const stream = source.toNodeStream();
      const failed = new Promise((resolve) => stream.once('error', resolve));
      stream.write(Buffer.from(samples.buffer));
      expect(await failed).toBeInstanceOf(RangeError);
    });
    expect(source.queuedMs).toBe(0);
    expect(source.write(samples.subarray(0, 160))).toBe(true);
    source.clear();
  });

  test('writes that wait add up to the limit, and clear() makes room again', () => {
    const source = new rtc.PcmSource();
    const samples = new Int16Array(32 * MEBIBYTE);
    let writes = 0;
    const fill = () => {
      for (writes = 0; writes < 10; writes++) source.write(samples);
    };
    expect(fill).toThrow(RangeError);
    expect(writes).toBe(3);
    source.clear();
    expect(fill).toThrow(RangeError);
    expect(writes).toBe(3);
    source.clear();
  });
});
