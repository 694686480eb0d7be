const {
  allowTracksToStop,
  call,
  connection,
  getUserMedia,
  markActiveTracksAsLive,
  mediaDevices,
  MediaStream,
  microphone,
  next,
  nonstandard: { virtualDevices },
  OverconstrainedError,
  PcmSource,
  record,
  RTCRtpReceiver,
  RTCRtpSender,
  settled,
  warning,
} = require('./calls.js');

/** What feeds the sender: [ring, enabled]. */
function fed({ native }) {
  const [, ring, enabled] = native.called('setSource').at(-1);
  return [ring, enabled];
}

describe('stop', () => {
  test('touches no other track, no source and no connection', async () => {
    const { near, mine } = await call();
    const clone = mine.track.clone();
    const probe = await microphone();
    const log = record(near.pc, ['connectionstatechange', 'negotiationneeded', 'signalingstatechange']);
    probe.track.stop();
    mine.track.stop();
    await settled();
    expect(mine.track.readyState).toBe('ended');
    expect(clone.readyState).toBe('live');
    expect(near.sender.track).toBe(mine.track);
    expect(near.pc.connectionState).toBe('connected');
    expect(log).toEqual([]);
    expect(mine.track.source.write(new Int16Array(160))).toBe(true);
    expect(clone.source).toBe(mine.track.source);
  });

  test('fires no ended event, and the sender goes on with silence', async () => {
    const { near, mine } = await call();
    const log = record(mine.track, ['ended']);
    expect(fed(near)[1]).toBe(true);
    mine.track.stop();
    await settled();
    expect(log).toEqual([]);
    expect(fed(near)).toEqual([expect.anything(), false]);
  });
});

describe('markActiveTracksAsLive', () => {
  afterEach(() => allowTracksToStop());

  test('holds back stop() on a track that is being sent, until the call is closed', async () => {
    const { near, mine } = await call();
    const unsent = mine.track.clone();
    near.pc.markActiveTracksAsLive();
    const warned = warning();
    mine.track.stop();
    unsent.stop();
    expect((await warned).code).toBe('WEBPHONE_RTC_STOP_HELD');
    expect(mine.track.readyState).toBe('live');
    expect(unsent.readyState).toBe('ended');
    near.pc.close();
    expect(mine.track.readyState).toBe('ended');
  });

  test('allowTracksToStop() carries out what was held back', async () => {
    const { mine, theirs } = await call();
    markActiveTracksAsLive();
    mine.track.stop();
    expect(mine.track.readyState).toBe('live');
    allowTracksToStop();
    expect(mine.track.readyState).toBe('ended');
    expect(theirs.track.readyState).toBe('live');
  });

  test('a connection can lift its own guard; forceStop() is never held back', async () => {
    const { near, mine, theirs } = await call();
    markActiveTracksAsLive();
    near.pc.allowTracksToStop();
    mine.track.stop();
    expect(mine.track.readyState).toBe('ended');
    theirs.track.forceStop();
    expect(theirs.track.readyState).toBe('ended');
  });

  test('is off by default', async () => {
    const { mine } = await call();
    mine.track.stop();
    expect(mine.track.readyState).toBe('ended');
  });
});

describe('enabled', () => {
  test('false feeds silence, true the signal again', async () => {
    const { near, mine } = await call();
    const [ring] = fed(near);
    mine.track.enabled = false;
    expect(fed(near)).toEqual([ring, false]);
    mine.track.enabled = true;
    expect(fed(near)).toEqual([ring, true]);
  });
});

describe('replaceTrack', () => {
  test('swaps what feeds the stream without negotiation', async () => {
    const { near, mine } = await call();
    const log = record(near.pc, ['negotiationneeded']);
    const [before] = fed(near);
    const other = await microphone();
    mine.track.stop();
    await near.sender.replaceTrack(other.track);
    expect(near.sender.track).toBe(other.track);
    expect(fed(near)).toEqual([expect.not.objectContaining({ id: before.id }), true]);
    mine.track.enabled = false;
    expect(fed(near)[1]).toBe(true);
    await near.sender.replaceTrack(null);
    expect(fed(near)).toEqual([null, false]);
    await settled();
    expect(log).toEqual([]);
  });

  test('works before negotiation, refuses another kind and a stopped transceiver', async () => {
    const { pc } = connection();
    const transceiver = pc.addTransceiver('audio');
    const { track } = await microphone();
    await transceiver.sender.replaceTrack(track);
    expect(transceiver.sender.track).toBe(track);
    const video = await mediaDevices.getUserMedia({ video: true });
    await expect(transceiver.sender.replaceTrack(video.getTracks()[0])).rejects.toThrow(TypeError);
    transceiver.stop();
    await expect(transceiver.sender.replaceTrack(null)).rejects.toMatchObject({ name: 'InvalidStateError' });
  });
});

describe('parameters', () => {
  test('there is one encoding before negotiation, and a priority is taken', async () => {
    const { pc, native } = connection();
    const { track } = await microphone();
    const sender = pc.addTrack(track);
    const parameters = sender.getParameters();
    expect(parameters.encodings).toEqual([{ active: true, adaptivePtime: false, priority: 'low' }]);
    expect(sender.getParameters().transactionId).toBe(parameters.transactionId);
    parameters.encodings[0].priority = 'high';
    await sender.setParameters(parameters);
    expect(sender.getParameters().encodings).toEqual([{ active: true, adaptivePtime: false, priority: 'high' }]);
    expect(native.called('setEncoding')).toEqual([[native.state.transceivers[0].id, { active: true }]]);
  });

  test('setting them settles though the connection is closed meanwhile', async () => {
    const { pc } = connection();
    const { sender } = pc.addTransceiver('audio');
    const set = sender.setParameters(sender.getParameters());
    pc.close();
    await expect(set).resolves.toBeUndefined();
  });

  test('negotiated codecs are listed', async () => {
    const { near } = await call();
    expect(near.sender.getParameters().codecs[0]).toMatchObject({ mimeType: 'audio/opus', payloadType: 111 });
    expect(near.pc.getReceivers()[0].getParameters().codecs).toHaveLength(2);
  });

  test('parameters are good for one task, one transaction and no read-only change', async () => {
    const { near } = await call();
    const { sender } = near;
    const modified = { name: 'InvalidModificationError' };
    const stale = sender.getParameters();
    await settled();
    await expect(sender.setParameters(stale)).rejects.toMatchObject({ name: 'InvalidStateError' });
    const change = (members) => sender.setParameters({ ...sender.getParameters(), ...members });
    await expect(change({ transactionId: 'x' })).rejects.toMatchObject(modified);
    await expect(change({ encodings: [] })).rejects.toMatchObject(modified);
    await expect(change({ codecs: [] })).rejects.toMatchObject(modified);
    await expect(change({ encodings: [{ rid: 'a' }] })).rejects.toMatchObject(modified);
    await expect(change({ encodings: [{ priority: 'urgent' }] })).rejects.toThrow(TypeError);
    await expect(change({ encodings: [{ active: false }] })).resolves.toBeUndefined();
    expect(near.native.called('setEncoding').at(-1)[1]).toMatchObject({ active: false });
  });

  test('capabilities name what can be sent', () => {
    for (const { getCapabilities } of [RTCRtpSender, RTCRtpReceiver]) {
      expect(getCapabilities('audio').codecs[0]).toMatchObject({
        mimeType: 'audio/opus',
        clockRate: 48000,
        channels: 2,
      });
      expect(getCapabilities('video').codecs[0]).toEqual({ mimeType: 'video/VP8', clockRate: 90000 });
      expect(getCapabilities('smell')).toBeNull();
    }
  });

  test('a lone video encoding has a scale, several have powers of two, a single one no name', () => {
    const { pc } = connection();
    const scales = (sendEncodings) => pc.addTransceiver('video', { sendEncodings }).sender.getParameters().encodings;
    expect(scales([])).toEqual([{ active: true, priority: 'low', scaleResolutionDownBy: 1 }]);
    expect(scales([{ rid: 'a' }])).toEqual([{ active: true, priority: 'low', scaleResolutionDownBy: 1 }]);
    expect(scales([{ rid: 'a' }, { rid: 'b' }]).map((it) => it.scaleResolutionDownBy)).toEqual([2, 1]);
    expect(() => scales([{ rid: 'a-b' }])).toThrow(TypeError);
    expect(() => scales([{ codec: { mimeType: 'video/none', clockRate: 90000 } }])).toThrow(
      expect.objectContaining({ name: 'OperationError' }),
    );
  });

  test('layers that the far end does not take are gone', async () => {
    const { pc, native } = connection();
    const { sender } = pc.addTransceiver('video', { sendEncodings: [{ rid: 'lo' }, { rid: 'hi' }] });
    native.state.transceivers[0].rids = ['hi'];
    pc.restartIce();
    expect(sender.getParameters().encodings).toEqual([{ active: true, priority: 'low', scaleResolutionDownBy: 1 }]);
  });

  test('parameters are asked of the engine by who wants them, and again when they may have changed', () => {
    const { pc, native } = connection();
    const asked = jest.spyOn(native, 'parameters');
    const { sender, receiver } = pc.addTransceiver('audio');
    expect(asked).not.toHaveBeenCalled();
    native.state.transceivers[0].cname = 'first';
    expect(sender.getParameters().rtcp).toEqual({ cname: 'first', reducedSize: true });
    expect(receiver.getParameters().rtcp).toEqual({ reducedSize: true });
    expect(asked).toHaveBeenCalledTimes(1);
    native.state.transceivers[0].reducedSizeRtcp = false;
    pc.restartIce();
    expect(receiver.getParameters().rtcp).toEqual({ reducedSize: false });
    expect(asked).toHaveBeenCalledTimes(2);
  });

  test('header extensions but for the mid can be switched off before they are negotiated', () => {
    const { pc, native } = connection();
    const transceiver = pc.addTransceiver('audio');
    const wanted = transceiver.getHeaderExtensionsToNegotiate();
    expect(wanted.map(({ direction }) => direction)).toEqual(['sendrecv', 'sendrecv']);
    expect(transceiver.getNegotiatedHeaderExtensions().map(({ direction }) => direction)).toEqual([
      'stopped',
      'stopped',
    ]);
    wanted[1].direction = 'stopped';
    transceiver.setHeaderExtensionsToNegotiate(wanted);
    expect(native.state.transceivers[0].stoppedExtensions).toEqual([wanted[1].uri]);
    expect(transceiver.getHeaderExtensionsToNegotiate()).toEqual(wanted);
    const refused = (list) =>
      expect(() => transceiver.setHeaderExtensionsToNegotiate(list)).toThrow(
        expect.objectContaining({ name: 'InvalidModificationError' }),
      );
    refused(wanted.slice(1));
    refused([{ ...wanted[0], direction: 'stopped' }, wanted[1]]);
  });

  test('sources of the last ten seconds are told, the newest first, levels as shares of full scale', () => {
    const { pc, native } = connection();
    const { receiver } = pc.addTransceiver('audio');
    const now = Date.now();
    const heard = (source, ago, level, contributing = false) => {
      return { source, contributing, timestamp: now - ago, rtpTimestamp: 7, level };
    };
    native.sources = () => [heard(1, 20_000, 0), heard(2, 2000, 20), heard(3, 1000, 127), heard(4, 1000, null, true)];
    expect(receiver.getSynchronizationSources()).toEqual([
      { source: 3, timestamp: now - 1000, rtpTimestamp: 7, audioLevel: 0 },
      { source: 2, timestamp: now - 2000, rtpTimestamp: 7, audioLevel: 0.1 },
    ]);
    expect(receiver.getContributingSources()).toEqual([{ source: 4, timestamp: now - 1000, rtpTimestamp: 7 }]);
    pc.close();
    expect(receiver.getSynchronizationSources()).toEqual([]);
  });

  test('a video track is sent as long as it lives', async () => {
    const { pc, native } = connection();
    const stream = await mediaDevices.getUserMedia({ video: true });
    const [track] = stream.getVideoTracks();
    pc.addTrack(track, stream);
    track.stop();
    expect(native.called('setPicture').map(([, picture]) => picture)).toEqual([true, false]);
    expect(native.called('setSource')).toEqual([]);
  });

  test('codec preferences must be capabilities', () => {
    const { pc, native } = connection();
    const transceiver = pc.addTransceiver('audio');
    const { codecs } = RTCRtpSender.getCapabilities('audio');
    const [opus, pcmu] = ['audio/opus', 'audio/PCMU'].map((name) => codecs.find(({ mimeType }) => mimeType === name));
    transceiver.setCodecPreferences([pcmu, opus, pcmu]);
    expect(native.called('setCodecPreferences')[0][1].map(({ mimeType }) => mimeType)).toEqual([
      'audio/PCMU',
      'audio/opus',
    ]);
    const foreign = () => transceiver.setCodecPreferences([{ ...opus, clockRate: 44100 }]);
    expect(foreign).toThrow(expect.objectContaining({ name: 'InvalidModificationError' }));
  });
});

describe('a remote track', () => {
  test('is unmuted by packets and muted by their absence, clones too', async () => {
    const { near } = await call();
    const { track } = near.pc.getReceivers()[0];
    const clone = track.clone();
    const { id } = near.native.state.transceivers[0];
    expect(track.muted).toBe(true);
    near.native.report({ type: 'unmuted', transceiver: id });
    await next(clone, 'unmute');
    expect([track.muted, clone.muted]).toEqual([false, false]);
    near.native.report({ type: 'muted', transceiver: id });
    await next(track, 'mute');
    near.pc.close();
    expect([track.readyState, clone.readyState]).toEqual(['ended', 'ended']);
  });
});

describe('MediaStream', () => {
  test('has the id that it is given, as in node-webrtc, and sends under it', async () => {
    const stream = new MediaStream({ id: '{a-1}' });
    expect([stream.id, stream.getTracks()]).toEqual(['{a-1}', []]);
    const { track } = await microphone();
    const { pc } = connection();
    pc.addTrack(track, stream);
    expect((await pc.createOffer()).sdp).toContain('{a-1}');
  });

  // What is no token would be another line, or another track, of a description.
  test.each([[''], ['a b'], ['a\r\na=inactive'], ['é'], ['a'.repeat(65)], [Symbol('a')]])('refuses the id %p', (id) => {
    expect(() => new MediaStream({ id })).toThrow(TypeError);
  });

  test('holds tracks, and fires nothing for what the application does', async () => {
    const { stream, track } = await microphone();
    const log = record(stream, ['addtrack', 'removetrack']);
    const other = new MediaStream([track]);
    expect(other.id).not.toBe(stream.id);
    expect(new MediaStream(stream).getTracks()).toEqual([track]);
    expect(stream.getTrackById(track.id)).toBe(track);
    expect(stream.getTrackById('no such')).toBeNull();
    expect(stream.getVideoTracks()).toEqual([]);
    const clone = stream.clone();
    expect(clone.getTracks()[0]).not.toBe(track);
    expect(stream.active).toBe(true);
    track.stop();
    expect(stream.active).toBe(false);
    expect(clone.active).toBe(true);
    stream.removeTrack(track);
    stream.addTrack(track);
    expect(log).toEqual([]);
  });
});

describe('virtual devices', () => {
  test('one microphone first, one camera, no loudspeaker', async () => {
    const devices = await mediaDevices.enumerateDevices();
    expect(devices.map(({ kind, deviceId }) => [kind, deviceId])).toEqual([
      ['audioinput', 'default'],
      ['videoinput', 'video'],
    ]);
    expect(devices[0].getCapabilities()).toMatchObject({ deviceId: 'default' });
    expect(JSON.parse(JSON.stringify(devices[0])).label).toBe('Virtual microphone');
  });

  test('getUserMedia gives live tracks; audio has a source, video has no picture', async () => {
    const audio = { deviceId: { exact: 'default' }, sampleRate: 48000, echoCancellation: true };
    const stream = await getUserMedia({ audio, video: true });
    const [sound] = stream.getAudioTracks();
    const [picture] = stream.getVideoTracks();
    expect(sound.source).toBeInstanceOf(PcmSource);
    expect(sound.getSettings()).toMatchObject({ deviceId: 'default', sampleRate: 48000, echoCancellation: true });
    expect(sound.getConstraints()).toEqual(audio);
    expect(picture.readyState).toBe('live');
    expect(picture.source).toBeNull();
    expect(picture.getSettings()).toMatchObject({ width: 640 });
  });

  test('of the devices that meet what is required getUserMedia takes the one that fits most of what is wanted', async () => {
    const before = virtualDevices.list();
    virtualDevices.set([
      { deviceId: 'a', kind: 'audioinput', groupId: 'one' },
      { deviceId: 'b', kind: 'audioinput', groupId: 'two' },
      { deviceId: 'c', kind: 'audioinput', groupId: 'two' },
    ]);
    const taken = async (audio) => {
      const [track] = (await mediaDevices.getUserMedia({ audio })).getTracks();
      const { deviceId, groupId } = track.getSettings();
      expect(track.getCapabilities()).toMatchObject({ deviceId, groupId });
      return `${deviceId} of ${groupId}`;
    };
    expect(await taken(true)).toBe('a of one');
    for (const deviceId of ['b', { ideal: 'b' }, ['x', 'b']]) expect(await taken({ deviceId })).toBe('b of two');
    expect(await taken({ groupId: 'two' })).toBe('b of two');
    expect(await taken({ groupId: { exact: 'one' }, deviceId: 'b' })).toBe('a of one');
    expect(await taken({ groupId: 'two', deviceId: 'c' })).toBe('c of two');
    expect(await taken({ deviceId: 'a', advanced: [{ groupId: 'three' }, { groupId: 'two' }] })).toBe('b of two');
    virtualDevices.set(before);
  });

  test('the sample rate is one of those that PCM may have, and that the constraints allow', async () => {
    const rate = async (sampleRate) => {
      const stream = await mediaDevices.getUserMedia({ audio: { sampleRate } });
      return stream.getTracks()[0].getSettings().sampleRate;
    };
    expect(await rate(22050)).toBe(24000);
    expect(await rate({ min: 40000 })).toBe(44100);
    expect(await rate({ max: 12000 })).toBe(8000);
    expect(await rate({ ideal: 48000, max: 32000 })).toBe(32000);
    for (const sampleRate of [{ exact: 22050 }, { min: 17000, max: 23000 }]) {
      await expect(rate(sampleRate)).rejects.toMatchObject({ name: 'OverconstrainedError', constraint: 'sampleRate' });
    }
  });

  test('what is required of a picture is in its settings, or is refused', async () => {
    const settings = async (video) => (await mediaDevices.getUserMedia({ video })).getTracks()[0].getSettings();
    const size = async (video) => {
      const { width, height, aspectRatio, frameRate } = await settings(video);
      expect(aspectRatio).toBe(width / height);
      return [width, height, frameRate];
    };
    expect(await size(true)).toEqual([640, 480, 30]);
    expect(await size({ width: 5000, height: 0, frameRate: 90 })).toEqual([1920, 1, 30]);
    expect(await size({ width: { min: 800 }, height: { max: 300 }, frameRate: { max: 10 } })).toEqual([800, 300, 10]);
    expect(await size({ width: { ideal: 320, min: 800, max: 1000 } })).toEqual([800, 480, 30]);
    expect(await size({ width: 1280, aspectRatio: 16 / 9 })).toEqual([1280, 720, 30]);
    expect(await size({ height: 720, aspectRatio: { exact: 16 / 9 } })).toEqual([1280, 720, 30]);
    expect(await size({ width: 400, height: 400, aspectRatio: { min: 2 } })).toEqual([400, 200, 30]);
    expect(await size({ width: 400, height: 400, aspectRatio: 2 })).toEqual([400, 400, 30]);
    const refused = {
      width: [{ width: { min: 1921 } }, { width: { min: 800, max: 600 } }, { width: { exact: 640, min: 800 } }],
      height: [{ height: { exact: 1081 } }, { height: { max: 0 } }],
      frameRate: [{ frameRate: { min: 31 } }, { frameRate: { exact: 60 } }],
      aspectRatio: [
        { aspectRatio: { min: 2000 } },
        { aspectRatio: { exact: 1 }, width: { exact: 640 }, height: { exact: 480 } },
        { aspectRatio: { min: 2 }, height: { min: 1000 } },
      ],
    };
    const [track] = (await mediaDevices.getUserMedia({ video: true })).getTracks();
    for (const [constraint, sets] of Object.entries(refused)) {
      for (const video of sets) {
        const error = { name: 'OverconstrainedError', constraint };
        await expect(mediaDevices.getUserMedia({ video })).rejects.toMatchObject(error);
        await expect(track.applyConstraints(video)).rejects.toMatchObject(error);
      }
    }
    expect(track.getConstraints()).toEqual({});
    await track.applyConstraints({ width: { exact: 320 }, height: { exact: 200 } });
    expect(track.getSettings()).toMatchObject({ width: 320, height: 200 });
  });

  test('a microphone keeps the rate that it was opened with', async () => {
    const [track] = (await mediaDevices.getUserMedia({ audio: { sampleRate: 24000 } })).getTracks();
    for (const sampleRate of [{ exact: 48000 }, { min: 32000 }, { max: 16000 }]) {
      const error = { name: 'OverconstrainedError', constraint: 'sampleRate' };
      await expect(track.applyConstraints({ sampleRate })).rejects.toMatchObject(error);
    }
    await track.applyConstraints({ sampleRate: { ideal: 48000, min: 8000 } });
    await track.applyConstraints({ sampleRate: { exact: 24000 } });
    expect(track.getSettings().sampleRate).toBe(24000);
  });

  test('only constraints that no device can meet are refused', async () => {
    const refused = await mediaDevices
      .getUserMedia({ audio: { deviceId: { exact: 'no such' } } })
      .catch((error) => error);
    expect(refused).toBeInstanceOf(OverconstrainedError);
    expect(refused).toMatchObject({ name: 'OverconstrainedError', constraint: 'deviceId' });
    await expect(mediaDevices.getUserMedia({ audio: { deviceId: 'no such' } })).resolves.toBeInstanceOf(MediaStream);
    await expect(mediaDevices.getUserMedia({ video: { facingMode: 'user' } })).resolves.toBeInstanceOf(MediaStream);
    await expect(mediaDevices.getUserMedia({})).rejects.toThrow(TypeError);
    const { track } = await microphone();
    await expect(track.applyConstraints({ sampleRate: { min: 96000 } })).rejects.toMatchObject({
      constraint: 'sampleRate',
    });
    await track.applyConstraints({ channelCount: 2 });
    expect(track.getConstraints()).toEqual({ channelCount: 2 });
  });
});
