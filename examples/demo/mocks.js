// The JavaScript mocks of a headless bridge, as they were before there was a media stack: every object is there, nothing
// is behind it. Kept to show what they do to a call: the SDP has no m= line, so the far side hangs up at once.

const log = (...words) => module.exports.onCall?.(words.join(' '));
let nextId = 1;

class MockMediaStreamTrack extends EventTarget {
  constructor(kind = 'audio') {
    super();
    Object.assign(this, {
      kind,
      id: `mock-track-${nextId++}`,
      label: 'Mock microphone',
      enabled: true,
      muted: false,
      readyState: 'live',
    });
  }

  stop() {
    log('track.stop()', this.id);
    this.readyState = 'ended';
  }

  clone() {
    return new MockMediaStreamTrack(this.kind);
  }
  getSettings() {
    return { deviceId: 'mock-mic' };
  }
  getConstraints() {
    return {};
  }
  getCapabilities() {
    return {};
  }
}

class MockMediaStream extends EventTarget {
  constructor(tracks = [new MockMediaStreamTrack()]) {
    super();
    Object.assign(this, { id: `mock-stream-${nextId++}`, active: true, tracks });
  }

  getTracks() {
    return this.tracks;
  }
  getAudioTracks() {
    return this.tracks.filter((track) => track.kind === 'audio');
  }
  getVideoTracks() {
    return [];
  }
  getTrackById(id) {
    return this.tracks.find((track) => track.id === id) ?? null;
  }
  clone() {
    return new MockMediaStream(this.tracks.map((track) => track.clone()));
  }
}

class MockRTCPeerConnection extends EventTarget {
  signalingState = 'stable';
  iceGatheringState = 'complete';
  iceConnectionState = 'connected';
  connectionState = 'connected';
  localDescription = null;
  remoteDescription = null;
  #senders = [];

  addTrack(track) {
    const sender = {
      track,
      dtmf: null,
      getParameters: () => ({ encodings: [{}] }),
      async setParameters() {},
      async replaceTrack(next) {
        this.track = next;
      },
    };
    this.#senders.push(sender);
    return sender;
  }

  getSenders() {
    return this.#senders;
  }
  getReceivers() {
    return [];
  }

  /** The heart of the matter: a session description that describes no session. */
  #description(type) {
    return { type, sdp: `v=0\r\no=- ${Date.now()} 2 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\na=msid-semantic: WMS\r\n` };
  }

  async createOffer() {
    return this.#description('offer');
  }
  async createAnswer() {
    return this.#description('answer');
  }
  async setLocalDescription(description) {
    this.localDescription = description;
  }
  async setRemoteDescription(description) {
    this.remoteDescription = description;
    const stream = new MockMediaStream();
    this.ontrack?.({ track: stream.getTracks()[0], streams: [stream] });
  }

  async addIceCandidate() {}
  close() {
    log('pc.close()');
    this.connectionState = 'closed';
  }
}

/** Defines the globals the SDK looks for. */
function install() {
  const mediaDevices = {
    getUserMedia: async () => new MockMediaStream(),
    enumerateDevices: async () => [{ kind: 'audioinput', deviceId: 'mock-mic', label: 'Mock microphone', groupId: '' }],
  };
  const globals = {
    RTCPeerConnection: MockRTCPeerConnection,
    MediaStream: MockMediaStream,
    navigator: { mediaDevices },
    document: { createElement: () => ({ async setSinkId() {} }) },
  };
  for (const [name, value] of Object.entries(globals))
    Object.defineProperty(globalThis, name, { value, configurable: true, writable: true });
}

/** onCall, if set, is told what the SDK calls. */
module.exports = { install, onCall: null };
