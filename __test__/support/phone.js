// One end of a call, written against the W3C API only, so that the same code is our end in Node and the far end in a browser's page.
// Invariant: descriptions and candidates leave as plain JSON; how they travel is the caller's business.

class Phone {
  /**
   * @param {{ RTCPeerConnection: Function, configuration?: object, trickle?: boolean, onCandidate?: (candidate: object | null) => void }} options
   *   without trickle, descriptions leave only once gathering is complete, as SIP needs it
   */
  constructor({ RTCPeerConnection, configuration, trickle = false, onCandidate = () => {} }) {
    this.trickle = trickle;
    this.pc = new RTCPeerConnection(configuration);
    this.tracks = [];
    this.waiting = new Set();
    const changed = () => {
      for (const check of this.waiting) check();
    };
    for (const type of [
      'signalingstatechange',
      'connectionstatechange',
      'iceconnectionstatechange',
      'icegatheringstatechange',
      'track',
    ]) {
      this.pc.addEventListener(type, changed);
    }
    this.changed = changed;
    this.pc.addEventListener('track', (event) => this.tracks.push(event.track));
    this.states = [];
    this.pc.addEventListener('connectionstatechange', () => this.states.push([Date.now(), this.pc.connectionState]));
    this.pc.addEventListener('icecandidate', ({ candidate }) => {
      if (this.trickle) onCandidate(candidate?.toJSON() ?? null);
    });
  }

  /** Resolves when `condition()` holds, looked at after each event of the connection. */
  until(condition, what, limitMs = 30_000) {
    return new Promise((resolve, reject) => {
      const done = (settle, value) => {
        this.waiting.delete(check);
        clearTimeout(limit);
        settle(value);
      };
      const check = () => {
        try {
          if (condition()) done(resolve);
        } catch (error) {
          done(reject, error);
        }
      };
      const limit = setTimeout(
        () => done(reject, new Error(`waited in vain until ${what}: ${JSON.stringify(this.state())}`)),
        limitMs,
      );
      this.waiting.add(check);
      check();
    });
  }

  addTrack(track, ...streams) {
    return this.pc.addTrack(track, ...streams);
  }

  async offer(options = {}) {
    await this.pc.setLocalDescription(await this.pc.createOffer(options));
    return this.described();
  }

  async answer(offer) {
    await this.pc.setRemoteDescription(offer);
    await this.pc.setLocalDescription(await this.pc.createAnswer());
    return this.described();
  }

  async accept(answer) {
    await this.pc.setRemoteDescription(answer);
  }

  async described() {
    if (!this.trickle) await this.until(() => this.pc.iceGatheringState === 'complete', 'gathering is complete');
    const { type, sdp } = this.pc.localDescription;
    return { type, sdp };
  }

  addCandidate(candidate) {
    return this.pc.addIceCandidate(candidate ?? undefined);
  }

  connected() {
    return this.until(() => {
      if (['failed', 'closed'].includes(this.pc.connectionState))
        throw new Error(`the connection is ${this.pc.connectionState}`);
      return this.pc.connectionState === 'connected';
    }, 'the connection is up');
  }

  failed() {
    return this.reaches('failed');
  }

  reaches(connectionState, limitMs) {
    return this.until(() => this.pc.connectionState === connectionState, `it is ${connectionState}`, limitMs);
  }

  /** Each state of the connection with the moment, in milliseconds of the epoch, at which it came. */
  history() {
    return this.states;
  }

  /** Resolves when the far side's close_notify has closed the DTLS transport. */
  leftByPeer() {
    const transport = this.dtls();
    transport.addEventListener('statechange', this.changed);
    return this.until(() => transport.state === 'closed', 'the far side has closed');
  }

  dtls() {
    const bearer = [...this.pc.getSenders(), ...this.pc.getReceivers()].find((x) => x.transport);
    return bearer?.transport ?? null;
  }

  setDirection(direction) {
    this.pc.getTransceivers()[0].direction = direction;
  }

  insertDtmf(tones, duration, gap) {
    const { dtmf } = this.pc.getSenders()[0];
    dtmf.insertDTMF(tones, duration, gap);
  }

  async stats(type) {
    return [...(await this.pc.getStats()).values()].filter((s) => s.type === type).map((s) => ({ ...s }));
  }

  iceUfrag() {
    return this.pc.localDescription.sdp.match(/^a=ice-ufrag:(\S+)/m)[1];
  }

  state() {
    const { signalingState, connectionState, iceConnectionState, iceGatheringState } = this.pc;
    return {
      signalingState,
      connectionState,
      iceConnectionState,
      iceGatheringState,
      dtls: this.dtls()?.state ?? null,
      tracks: this.tracks.map(({ kind, muted, readyState }) => ({ kind, muted, readyState })),
      directions: this.pc.getTransceivers().map((t) => t.currentDirection),
    };
  }

  close() {
    this.pc.close();
  }
}

module.exports = { Phone };
