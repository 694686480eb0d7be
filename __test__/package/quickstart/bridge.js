// A bridge between RingCentral and a Python voice AI as it was before there was a media stack: JavaScript mocks where
// WebRTC should be, two stubs where the audio should be. The quick start of the README is followed on a copy of it.

const express = require('express');
const WebSocket = require('ws');

class MockMediaStreamTrack extends EventTarget {
  kind = 'audio';
  id = `mock-track-${Math.random()}`;
  label = 'Mock microphone';
  enabled = true;
  muted = false;
  readyState = 'live';

  stop() {
    this.readyState = 'ended';
  }
  getSettings() {
    return { deviceId: 'mock-mic' };
  }
}

class MockMediaStream extends EventTarget {
  #tracks = [new MockMediaStreamTrack()];

  getTracks() {
    return this.#tracks;
  }
  getAudioTracks() {
    return this.#tracks;
  }
}

class MockRTCPeerConnection extends EventTarget {
  iceGatheringState = 'complete';
  connectionState = 'connected';
  #senders = [];

  addTrack(track) {
    const sender = { track, getParameters: () => ({ encodings: [{}] }), async setParameters() {} };
    this.#senders.push(sender);
    return sender;
  }
  getSenders() {
    return this.#senders;
  }
  async createAnswer() {
    return { type: 'answer', sdp: 'v=0\r\no=- 1 2 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\na=msid-semantic: WMS\r\n' };
  }
  async setLocalDescription(description) {
    this.localDescription = description;
  }
  async setRemoteDescription(description) {
    this.remoteDescription = description;
    const stream = new MockMediaStream();
    this.ontrack?.({ track: stream.getTracks()[0], streams: [stream] });
  }
  close() {
    console.log('pc.close()');
  }
}

const mockMediaDevices = {
  getUserMedia: async () => new MockMediaStream(),
  enumerateDevices: async () => [{ kind: 'audioinput', deviceId: 'mock-mic', label: 'Mock microphone' }],
};

global.WebSocket = WebSocket;
global.RTCPeerConnection = MockRTCPeerConnection;
global.MediaStream = MockMediaStream;
Object.defineProperty(global, 'navigator', { value: { mediaDevices: mockMediaDevices } });
global.document = { createElement: () => ({ setSinkId: async () => {} }) };

const WebPhone = require('ringcentral-web-phone');

const { PORT = 3000, PYTHON_WS_URL = 'ws://127.0.0.1:8765' } = process.env;
const SAMPLE_RATE = 16000;
const activeCalls = new Map();

const webPhone = new WebPhone({
  sipInfo: {
    authorizationId: process.env.SIP_INFO_AUTHORIZATION_ID,
    username: process.env.SIP_INFO_USERNAME,
    password: process.env.SIP_INFO_PASSWORD,
    domain: process.env.SIP_INFO_DOMAIN,
    outboundProxy: process.env.SIP_INFO_OUTBOUND_PROXY,
    outboundProxyBackup: process.env.SIP_INFO_OUTBOUND_PROXY_BACKUP,
    stunServers: process.env.SIP_INFO_STUN_SERVERS.split(','),
  },
  autoAnswer: true,
});

webPhone.on('inboundCall', (callSession) => {
  const { callId, remoteNumber: from, localNumber: to } = callSession;
  console.log(`call ${callId} from ${from}`);
  callSession.once('answered', () => {
    const python = new WebSocket(`${PYTHON_WS_URL}/audio/${callId}`);
    activeCalls.set(callId, python);
    python.on('error', (error) => console.error(`call ${callId}: ${error.message || error.code}`));
    python.on('open', () => {
      python.send(JSON.stringify({ event: 'start', callId, from, to, sampleRate: SAMPLE_RATE }));
      streamAudioToPython(callSession, python);
    });
    python.on('message', (data) => handlePythonAudioResponse(callSession, data));
  });
  callSession.once('disposed', () => {
    activeCalls.get(callId)?.close();
    activeCalls.delete(callId);
    console.log(`call ${callId} is over`);
  });
});

function streamAudioToPython(_callSession, python) {
  const silence = Buffer.alloc((SAMPLE_RATE / 50) * 2); // TODO: the caller's audio
  const timer = setInterval(() => python.send(silence), 20);
  python.once('close', () => clearInterval(timer));
}

function handlePythonAudioResponse(callSession, data) {
  console.log(`call ${callSession.callId}: ${data.length} bytes from Python`); // TODO: play them
}

const app = express();
app.get('/status', (_request, response) => response.json({ calls: activeCalls.size }));
app.post('/webhook', express.json(), (_request, response) => response.json({ ok: true }));
const server = app.listen(PORT);

process.on('SIGTERM', async () => {
  server.close();
  await webPhone.dispose();
  process.exit();
});

webPhone.start().then(() => console.log('registered'));
