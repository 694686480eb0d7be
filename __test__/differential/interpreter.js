// Runs a program and tells all that an application could see: the same file in a page and in Node.
// Invariant: nothing that is told depends on time, on the network, or on what random names were drawn.

/* global outlineSdp: it comes from the script before this one; in Node from the world */

const OTHER = { a: 'b', b: 'a' };
const HOST = 'candidate:1 1 udp 2113937151 127.0.0.1 9 typ host';

class Names {
  #known = new Map();
  #counts = {};
  /** The same name for the same thing: 's0', 's1' … */
  of(prefix, thing) {
    const key = typeof thing === 'object' ? thing : `${prefix} ${thing}`;
    if (!this.#known.has(key)) {
      this.#counts[prefix] ??= 0;
      this.#known.set(key, `${prefix}${this.#counts[prefix]++}`);
    }
    return this.#known.get(key);
  }
  stream(id) {
    return id === '-' ? id : this.of('stream', id);
  }
}

class Side {
  constructor(run, name, configuration) {
    this.run = run;
    this.log = [];
    this.offers = [];
    this.made = [];
    this.answers = [];
    this.channels = [];
    this.watched = new Set();
    this.seen = [];
    this.pc = new run.world.RTCPeerConnection({
      ...configuration,
      certificates: [run.world.certificate],
    });
    this.name = name;
    const on = (type, tell) => this.pc.addEventListener(type, (event) => this.log.push(tell(event)));
    on('negotiationneeded', () => 'negotiationneeded');
    on('signalingstatechange', () => `signalingstatechange ${this.pc.signalingState}`);
    on('track', (event) => {
      for (const stream of event.streams) this.watchStream(stream);
      const streams = event.streams.map((stream) => this.streamAndTracks(stream));
      const { track } = event;
      const at = this.look(event.transceiver);
      return `track ${at} ${track.kind} ${track.muted ? 'muted' : 'unmuted'} ${track.readyState} [${streams}]`;
    });
  }

  /** The name of a transceiver: transceivers are numbered as they are first seen in getTransceivers(). */
  look(transceiver) {
    for (const each of this.pc.getTransceivers()) {
      if (this.seen.includes(each)) continue;
      this.seen.push(each);
      const at = `t${this.seen.length - 1}`;
      const { track } = each.receiver;
      for (const type of ['ended', 'mute', 'unmute'])
        track.addEventListener(type, () => this.log.push(`${at} ${type}`));
    }
    const index = this.seen.indexOf(transceiver);
    return index < 0 ? 'unlisted' : `t${index}`;
  }

  watchStream(stream) {
    if (this.watched.has(stream)) return;
    this.watched.add(stream);
    const name = this.run.names.stream(stream.id);
    for (const type of ['addtrack', 'removetrack'])
      stream.addEventListener(type, ({ track }) => this.log.push(`${name} ${type} ${track.kind}`));
  }

  streamAndTracks(stream) {
    return `${this.run.names.stream(stream.id)}:${stream.getTracks().length}`;
  }

  /** One that is stopped and was never in a description is here gone with the next answer, and there never. */
  nth(n) {
    const { pc } = this;
    const counts = ({ mid, direction }) => mid !== null || direction !== 'stopped' || pc.signalingState === 'closed';
    const all = pc.getTransceivers().filter(counts);
    return all[n % all.length];
  }

  /** The section of a mid, whose name is the implementation's. */
  sectionOf(mid) {
    if (mid === null) return null;
    const { localDescription, remoteDescription } = this.pc;
    const mids = [localDescription, remoteDescription].map((it) =>
      [...(it?.sdp ?? '').matchAll(/^a=mid:(.*)\r$/gm)].map(([, name]) => name),
    );
    return Math.max(...mids.map((names) => names.indexOf(mid)));
  }

  describe(description) {
    if (!description) return null;
    return { type: description.type, ...this.run.outline(description.sdp) };
  }

  /** Whether a description has other ICE credentials than those in use, in the first section that lives in both. */
  restarts(sdp) {
    const ufrags = (text) =>
      text
        .split(/^(?=m=)/m)
        .slice(1)
        .map((section) => !/^m=\w+ 0 /.test(section) && /^a=ice-ufrag:(.*)\r$/m.exec(section)?.[1]);
    const current = ufrags(this.pc.currentLocalDescription?.sdp ?? '');
    const next = ufrags(sdp);
    const both = current.findIndex((ufrag, n) => ufrag && next[n]);
    return both >= 0 && current[both] !== next[both];
  }

  state() {
    const { pc, run } = this;
    this.look();
    const codecs = ({ codecs }) =>
      codecs.map(({ mimeType }) => mimeType.split('/')[1]).filter((name) => run.world.audioCodecs.includes(name));
    return {
      signalingState: pc.signalingState,
      transceivers: pc.getTransceivers().map((transceiver) => {
        const { sender, receiver } = transceiver;
        const parameters = sender.getParameters();
        return {
          name: this.look(transceiver),
          section: this.sectionOf(transceiver.mid),
          direction: transceiver.direction,
          currentDirection: transceiver.currentDirection,
          stopped: transceiver.stopped,
          sends: sender.track && run.nameOfTrack(sender.track),
          received: `${receiver.track.kind} ${receiver.track.muted ? 'muted' : 'unmuted'} ${receiver.track.readyState}`,
          transport: sender.transport !== null,
          encodings: parameters.encodings.map(({ rid, active }) => `${rid ?? ''} ${active}`),
          sendCodecs: codecs(parameters).join(' '),
          dtmf: sender.dtmf && `${sender.dtmf.canInsertDTMF} ${sender.dtmf.toneBuffer}`,
        };
      }),
      sendersFit: [
        pc.getSenders().every((sender, n) => sender === pc.getTransceivers()[n]?.sender),
        pc.getReceivers().every((receiver, n) => receiver === pc.getTransceivers()[n]?.receiver),
        pc.getSenders().length,
        pc.getReceivers().length,
      ].join(),
      gone: this.seen
        .filter((transceiver) => !pc.getTransceivers().includes(transceiver))
        .map((transceiver) => {
          const { mid, direction, currentDirection, stopped, receiver } = transceiver;
          const at = `t${this.seen.indexOf(transceiver)}`;
          return [at, mid, direction, currentDirection, stopped, receiver.track.readyState].join();
        }),
      remoteStreams: [...this.watched].map((stream) => this.streamAndTracks(stream)),
      channels: this.channels.map(({ readyState, negotiated, id }) => `${readyState} ${negotiated ? id : ''}`),
      sctp: pc.sctp !== null,
      canTrickle: pc.canTrickleIceCandidates,
      pendingLocal: this.describe(pc.pendingLocalDescription),
      restarts: this.restarts(pc.pendingLocalDescription?.sdp ?? ''),
      currentLocal: this.describe(pc.currentLocalDescription),
      pendingRemote: this.describe(pc.pendingRemoteDescription),
      currentRemote: this.describe(pc.currentRemoteDescription),
    };
  }
}

class Run {
  constructor(world, program) {
    this.world = world;
    this.names = new Names();
    this.tracks = world.tracks();
    this.streams = [new world.MediaStream(), new world.MediaStream()];
    for (const stream of this.streams) this.names.stream(stream.id);
    this.a = new Side(this, 'a', program.configuration);
    this.b = new Side(this, 'b', program.configuration);
  }

  outline(sdp) {
    return (this.world.outlineSdp ?? outlineSdp)(sdp, this.names);
  }

  nameOfTrack(track) {
    const index = this.tracks.indexOf(track);
    return index < 0 ? 'other' : `${index} ${track.enabled} ${track.readyState}`;
  }

  /** Carries out a step; what it returns may be a promise. */
  do(step) {
    const me = this[step.peer];
    const far = this[OTHER[step.peer]];
    const { pc } = me;
    const streams = () => step.streams.map((n) => this.streams[n]);
    const transceiver = 'n' in step ? me.nth(step.n) : null;
    if (transceiver === undefined && step.op !== 'closeChannel') return 'nothing';
    switch (step.op) {
      case 'addTrack':
        pc.addTrack(this.tracks[step.track], ...streams());
        return 'done';
      case 'addTransceiver': {
        const init = { streams: streams() };
        if (step.direction) init.direction = step.direction;
        if (step.encodings) init.sendEncodings = step.encodings;
        pc.addTransceiver(typeof step.what === 'number' ? this.tracks[step.what] : step.what, init);
        return 'done';
      }
      case 'removeTrack':
        (step.foreign ? far.pc : pc).removeTrack(transceiver.sender);
        return 'done';
      case 'direction':
        transceiver.direction = step.to;
        return 'done';
      case 'stop':
        transceiver.stop();
        return 'done';
      case 'replaceTrack':
        return transceiver.sender.replaceTrack(step.track === null ? null : this.tracks[step.track]);
      case 'setStreams':
        transceiver.sender.setStreams(...streams());
        return 'done';
      case 'createDataChannel':
        me.channels.push(pc.createDataChannel('label', step.init));
        return 'done';
      case 'closeChannel':
        if (me.channels.length === 0) return 'nothing';
        me.channels[step.n % me.channels.length].close();
        return 'done';
      case 'createOffer':
        return pc.createOffer(step.options).then((offer) => this.keep(me, offer));
      case 'createAnswer':
        return pc.createAnswer().then((answer) => this.keep(me, answer));
      case 'setLocal':
        return this.setLocal(me, step.what);
      case 'setRemote':
        return this.setRemote(me, far, step.what);
      case 'exchange':
        return this.exchange(me, far);
      case 'offer':
        return this.offer(me, far);
      case 'answer':
        return this.answer(me, far);
      case 'glare':
        return Promise.all([pc.setLocalDescription(), far.pc.setLocalDescription()]).then(() => this.carry(me, far));
      case 'restartIce':
        pc.restartIce();
        return 'done';
      case 'setCodecPreferences':
        transceiver.setCodecPreferences(step.codecs.flatMap((name) => this.world.codecs(name)));
        return 'done';
      case 'setParameters':
        return this.setParameters(transceiver.sender, step.change);
      case 'insertDTMF':
        if (!transceiver.sender.dtmf) return 'nothing';
        transceiver.sender.dtmf.insertDTMF(step.tones);
        return 'done';
      case 'track': {
        const track = this.tracks[step.track];
        if (step.how === 'stop') track.stop();
        else if (step.how === 'clone') this.tracks[step.track] = track.clone();
        else track.enabled = step.how === 'enable';
        return 'done';
      }
      case 'stopRemote':
        transceiver.receiver.track.stop();
        return 'done';
      case 'setConfiguration':
        pc.setConfiguration(step.configuration);
        return 'done';
      case 'addIceCandidate':
        return pc.addIceCandidate(this.candidate(me, step.candidate));
      case 'close':
        pc.close();
        return 'done';
    }
    throw new Error(`unknown step ${step.op}`);
  }

  keep(side, { type, sdp }) {
    (type === 'offer' ? side.offers : side.answers).push({ type, sdp });
    side.made.push({ ...this.outline(sdp), restarts: side.restarts(sdp) });
  }

  setLocal({ pc, offers, answers }, what) {
    switch (what) {
      case 'implicit':
        return pc.setLocalDescription();
      case 'offer':
        return offers.length ? pc.setLocalDescription(offers.at(-1)) : 'nothing';
      case 'staleOffer':
        return offers.length > 1 ? pc.setLocalDescription(offers.at(-2)) : 'nothing';
      case 'answer':
        return answers.length ? pc.setLocalDescription(answers.at(-1)) : 'nothing';
      case 'rollback':
        return pc.setLocalDescription({ type: 'rollback' });
      case 'emptyOffer':
        return pc.setLocalDescription({ type: 'offer' });
      case 'emptyAnswer':
        return pc.setLocalDescription({ type: 'answer' });
      case 'emptyPranswer':
        return pc.setLocalDescription({ type: 'pranswer' });
    }
    throw new Error(what);
  }

  /** Without candidates: what comes of a connection comes when the network has it. */
  signalled({ type, sdp }, as = type) {
    return { type: as, sdp: sdp.replace(/^a=(candidate:.*|end-of-candidates)\r\n/gm, '') };
  }

  setRemote({ pc }, far, what) {
    const given = {
      local: far.pc.localDescription,
      current: far.pc.currentLocalDescription,
      offer: far.offers.at(-1),
      answer: far.answers.at(-1),
      pranswer: far.answers.at(-1),
      rollback: { type: 'rollback', sdp: '' },
      garbage: { type: 'offer', sdp: 'v=0\r\nnonsense\r\n' },
    }[what];
    if (!given) return 'nothing';
    return pc.setRemoteDescription(this.signalled(given, what === 'pranswer' ? 'pranswer' : given.type));
  }

  carry(me, far) {
    const { localDescription } = me.pc;
    return localDescription ? far.pc.setRemoteDescription(this.signalled(localDescription)) : 'nothing';
  }

  async offer(me, far) {
    await me.pc.setLocalDescription();
    return this.carry(me, far);
  }

  async answer(me, far) {
    await me.pc.setLocalDescription();
    return this.carry(me, far);
  }

  async exchange(me, far) {
    await this.offer(me, far);
    return this.answer(far, me);
  }

  async setParameters(sender, change) {
    const parameters = sender.getParameters();
    const [encoding] = parameters.encodings;
    if (change === 'active' && encoding) encoding.active = !encoding.active;
    if (change === 'maxBitrate' && encoding) encoding.maxBitrate = 30_000;
    if (change === 'lessEncodings') parameters.encodings = [];
    if (change === 'transaction') parameters.transactionId = 'another';
    if (change === 'codecs') parameters.codecs = parameters.codecs.slice(1);
    if (change === 'noCodecs') delete parameters.codecs;
    if (change === 'rid' && encoding) encoding.rid = 'other';
    if (change === 'extensions') parameters.headerExtensions = [{ uri: 'urn:nothing', id: 9, encrypted: false }];
    if (change === 'stale') for (let n = 0; n < 3; n++) await this.world.task();
    return sender.setParameters(parameters);
  }

  candidate({ pc }, which) {
    const mid = pc.remoteDescription?.sdp.match(/^a=mid:(.*)\r$/m)?.[1] ?? '0';
    return {
      good: { candidate: HOST, sdpMid: mid },
      goodByIndex: { candidate: HOST, sdpMLineIndex: 0 },
      end: { candidate: '' },
      endOfMid: { candidate: '', sdpMid: mid },
      null: null,
      noPlace: { candidate: HOST },
      badMid: { candidate: HOST, sdpMid: 'nowhere' },
      badIndex: { candidate: HOST, sdpMLineIndex: 17 },
      garbage: { candidate: 'candidate:garbage', sdpMid: mid },
      otherUfrag: { candidate: HOST, sdpMid: mid, usernameFragment: 'another' },
    }[which];
  }

  /** Begins a step; its end is an entry of the log. */
  begin(step, index) {
    const { log } = this[step.peer];
    const tell = (result) => log.push(`#${index} ${step.op}: ${result}`);
    try {
      const running = this.do(step);
      if (typeof running?.then !== 'function') return tell(running);
      return running.then(
        (value) => tell(typeof value === 'string' ? value : 'done'),
        (error) => tell(error.name),
      );
    } catch (error) {
      return tell(error.name);
    }
  }

  async perform(step, index) {
    const running = this.begin(step, index);
    if (!step.wait) return;
    let over = typeof running?.then !== 'function';
    if (!over) running.then(() => (over = true));
    await this.world.settle();
    const closed = () => [this.a, this.b].some(({ pc }) => pc.signalingState === 'closed');
    for (let n = 0; !over && n < (closed() ? 3 : 300); n++) {
      if (n > 3) await this.world.pause();
      await this.world.settle();
    }
    if (!over) this[step.peer].log.push(`#${index} pending`);
    await this.world.settle();
  }

  observe() {
    const observed = {};
    for (const name of ['a', 'b']) {
      const side = this[name];
      observed[name] = { log: side.log.splice(0), made: side.made.splice(0), state: side.state() };
    }
    return observed;
  }

  end() {
    for (const { pc } of [this.a, this.b]) pc.close();
    for (const track of this.tracks) track.stop();
  }
}

/** @returns {Promise<object[]>} what was to be seen after each step */
async function runProgram(world, program) {
  const run = new Run(world, program);
  const observed = [];
  try {
    for (const [index, step] of program.steps.entries()) {
      await run.perform(step, index);
      observed.push(step.wait ? run.observe() : null);
    }
    await world.settle();
    observed.push(run.observe());
    run.end();
    await world.settle();
    observed.push(run.observe());
  } finally {
    run.end();
  }
  return observed;
}

module.exports = { runProgram };
