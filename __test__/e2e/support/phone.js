// A phone in a process of its own: one SDK version, unmodified, on the implementation under test; driven over IPC by harness.js.
// Invariant: nothing here touches SDK internals beyond its public members, and every unhandled rejection is reported.

const path = require('node:path');
const { localWebSocket, signal } = require('../../../examples/switch');

const [, , settings] = process.argv;
const { sdk, door, implementation } = JSON.parse(settings);
const under = require(`./${implementation}.js`);
const tell = (event) => {
  if (process.connected) process.send(event);
};

process.on(
  'unhandledRejection',
  (error) =>
    !under.knownProblem?.test(error?.message) &&
    tell({ event: 'problem', kind: 'unhandledRejection', text: String(error?.stack ?? error) }),
);
process.on('uncaughtException', (error) =>
  tell({ event: 'problem', kind: 'uncaughtException', text: String(error?.stack ?? error) }),
);

globalThis.WebSocket = localWebSocket();
if (door === 'globals') under.installGlobals();
if (door === 'assigned') under.assignGlobals();
const exported = require(sdk);
const WebPhone = exported.default ?? exported; // CommonJS builds of 2.4 and later export the class itself

let phone;
const sessions = new Map();
const audio = new Map();

function adopt(session) {
  for (const [id, known] of sessions) if (known === session) return id;
  const id = sessions.size + 1;
  sessions.set(id, session);
  for (const name of ['ringing', 'answered', 'failed', 'disposed'])
    session.on(name, (detail) => {
      tell({ event: 'session', id, name, detail: typeof detail === 'string' ? detail : undefined });
    });
  return id;
}

/** The bridge side of a call: what it says, and what it has heard since it last forgot. */
class Conversation {
  heard = [];
  say = signal.silence();

  constructor(id, session) {
    this.audio = under.openAudio(session, {
      heard: (pcm, sampleRate) => {
        this.heard.push({ pcm: Int16Array.from(pcm), sampleRate });
        if (this.heard.length > 3000) this.heard.shift();
        this.listener?.();
      },
      digit: (digit) => tell({ event: 'session', id, name: 'digit', detail: digit }),
    });
    const periodMs = (this.audio.frame * 1000) / this.audio.sampleRate;
    const start = performance.now();
    let n = 0;
    this.timer = setInterval(() => {
      if (performance.now() - start - n * periodMs > 500) n = Math.floor((performance.now() - start) / periodMs);
      while (performance.now() - start >= n * periodMs) {
        n++;
        this.audio.write(this.say(this.audio.frame, this.audio.sampleRate));
      }
    }, periodMs);
  }

  listen(ms, limitMs) {
    this.heard = [];
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => {
        this.listener = null;
        reject(new Error(`the phone heard only ${this.heard.length} frames in ${limitMs} ms`));
      }, limitMs);
      this.listener = () => {
        const sampleRate = this.heard.at(-1).sampleRate;
        const blocks = this.heard.filter((block) => block.sampleRate === sampleRate);
        const frames = blocks.reduce((sum, block) => sum + block.pcm.length, 0);
        if (frames < (sampleRate * ms) / 1000) return;
        this.listener = null;
        clearTimeout(timer);
        const pcm = new Int16Array(frames);
        let at = 0;
        for (const block of blocks) {
          pcm.set(block.pcm, at);
          at += block.pcm.length;
        }
        resolve({ pcm, sampleRate });
      };
    });
  }

  close() {
    clearInterval(this.timer);
    this.audio.close();
  }
}

/** What can go over IPC of an SDK result: primitives and command results ({code, …}). */
const plain = (value) => (typeof value !== 'object' || value === null || 'code' in value ? value : undefined);

const commands = {
  async start({ sipInfo, options }) {
    phone = new WebPhone({
      sipInfo,
      ...options,
      ...(door === 'factory' ? { webRtcSessionFactory: under.factory } : {}),
    });
    phone.on('inboundCall', (session) => tell({ event: 'inboundCall', id: adopt(session) }));
    phone.on('outboundCall', (session) => tell({ event: 'outboundCall', id: adopt(session) }));
    await phone.start();
  },
  /** What an application does when its WebSocket is gone. */
  async reconnect() {
    await phone.sipClient.start();
  },
  async call({ number }) {
    return { id: adopt(await phone.call(number)) };
  },
  async do({ id, method, args }) {
    return plain(await sessions.get(id)[method](...(args ?? [])));
  },
  async warmTransfer({ id, number, finish }) {
    const transfer = await sessions.get(id).warmTransfer(number);
    await transfer[finish]();
  },
  get({ id, name }) {
    return plain(sessions.get(id)[name]);
  },
  trackStates({ id }) {
    return sessions
      .get(id)
      .mediaStream?.getTracks()
      .map((track) => track.readyState);
  },
  connectionState({ id }) {
    const pc = sessions.get(id).rtcPeerConnection;
    return (
      pc && {
        connection: pc.connectionState,
        ice: pc.iceConnectionState,
        signaling: pc.signalingState,
        canInsertDTMF: pc.getSenders()[0]?.dtmf?.canInsertDTMF,
        toneBuffer: pc.getSenders()[0]?.dtmf?.toneBuffer,
      }
    );
  },
  talk({ id, hz, amplitude }) {
    if (!audio.has(id)) audio.set(id, new Conversation(id, sessions.get(id)));
    audio.get(id).say = hz ? signal.tone(hz, amplitude) : signal.silence();
  },
  async measure({ id, hz, ms = 1000, limitMs = 20_000 }) {
    const { pcm, sampleRate } = await audio.get(id).listen(ms, limitMs);
    return { ...signal.measureTone(pcm, hz, sampleRate), level: signal.level(pcm), sampleRate };
  },
  devices() {
    return (under.mediaDevices ?? navigator.mediaDevices)
      .enumerateDevices()
      .then((all) => all.filter((d) => d.kind === 'audioinput').map((d) => d.deviceId));
  },
  async dispose() {
    await phone.dispose();
  },
  silenceAll() {
    for (const conversation of audio.values()) conversation.close();
    audio.clear();
  },
  leave() {
    commands.silenceAll();
    setImmediate(() => {
      process.disconnect();
      if (!under.exitsByItself) process.exit(0);
    });
  },
};

process.on('message', async ({ seq, command, ...args }) => {
  try {
    tell({ seq, result: await commands[command](args) });
  } catch (error) {
    tell({
      seq,
      error: { name: error?.name, message: String(error?.message ?? error?.type ?? error), stack: error?.stack },
    });
  }
});
tell({ event: 'ready', name: under.name, file: path.basename(__filename) });
