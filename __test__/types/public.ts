// Compiled, never run: the public types fit where lib.dom's are expected, and say what is added.
import { Readable, Writable } from 'node:stream';
import type * as web from 'node:stream/web';
import { Worker } from 'node:worker_threads';
import { trace } from '@opentelemetry/api';
import {
  CallRecorder,
  connectionId,
  DTMFEvent,
  type EncodedFrame,
  getUserMedia,
  MediaStream,
  type MediaStreamTrack,
  mediaDevices,
  nonstandard,
  type PcmFrame,
  PcmSink,
  PcmSource,
  RTCIceCandidate,
  RTCPeerConnection,
  type RTCRtpReceiver,
  RTCRtpScriptTransform,
  type RTCRtpSender,
  RTCSessionDescription,
  setLogger,
  workerScope,
} from 'webphone-rtc';
import { startInternals } from 'webphone-rtc/internals';
import { install, uninstall } from 'webphone-rtc/register';
import { traceConnections } from 'webphone-rtc/tracing';
import { callAudio, webRtcSessionFactory } from 'webphone-rtc/webphone';

const connection: globalThis.RTCPeerConnection = new RTCPeerConnection({ loopback: true, portRange: [4000, 5000] });
const own = new RTCPeerConnection({ portRange: { min: 4000 } });
const stream: globalThis.MediaStream = new MediaStream({ id: 'bot' });
const devices: globalThis.MediaDevices = mediaDevices;
const candidate: globalThis.RTCIceCandidate = new RTCIceCandidate({ sdpMid: '0' });
const description: globalThis.RTCSessionDescription = new RTCSessionDescription({ type: 'offer', sdp: '' });

// The globals can be assigned one by one.
globalThis.RTCPeerConnection = RTCPeerConnection;
globalThis.MediaStream = MediaStream;
globalThis.RTCSessionDescription = RTCSessionDescription;
globalThis.RTCIceCandidate = RTCIceCandidate;

async function uses(): Promise<void> {
  const media = (await getUserMedia({ audio: true })) ?? (await mediaDevices.getUserMedia({ audio: true }));
  new nonstandard.RTCAudioSource().onData({ samples: new ArrayBuffer(960), sampleRate: 48000 });
  const track = media.getAudioTracks()[0] as MediaStreamTrack;
  const written: boolean | undefined = track.source?.write(new Int16Array(320), { sampleRate: 16000 });
  const sender: RTCRtpSender = own.addTrack(track, stream);
  for (const { type } of (await own.getStats()).values()) type.trim();
  for await (const frame of new PcmSink(track, { sampleRate: 16000 })) frame.samples.fill(0);
  const source = new PcmSource();
  source.on('level', ({ rmsDbfs, peak }) => rmsDbfs + peak);
  const sink = new PcmSink(track, { speech: { onsetMs: 48, hangoverMs: 600 } });
  sink.on('speechstart', ({ position, known }) => known - position).on('level', ({ rms }) => rms);
  await sink.toWebStream().pipeTo(source.toWebStream());
  sink.toNodeStream().pipe(source.toNodeStream({ sampleRate: 16000 }));
  new PcmSource({ queueMs: 500 }).on('mark', (name, reached) => name.length > 0 && reached);
  new nonstandard.RTCAudioSink(track).ondata = ({ samples, numberOfFrames }) => samples.length === numberOfFrames;
  const encoded = new nonstandard.RTCEncodedAudioSource({ mimeType: 'audio/PCMU' });
  const taken: boolean = encoded.on('drain', () => {}).emit('drain') && encoded.write(new Uint8Array(160));
  const { readable, writable } = sender.createEncodedStreams();
  if (taken) await readable.pipeTo(writable);
  sender.transform = new RTCRtpScriptTransform(new Worker('worker.js'), { key: 1 }, []);
  workerScope.onrtctransform = ({ transformer }) => transformer.generateKeyFrame();
  connection.addTrack(new nonstandard.RTCVideoSource({ isScreencast: true }).createTrack());
  const call = callAudio({}, { frameMs: 10 });
  call.dtmf.on('digit', () => {});
  call.source.write(new Int16Array(160));
  const recorder = new CallRecorder({ left: track, right: sender, path: 'a.opus', bitrate: 64000 });
  recorder.on('error', (error) => error.message).on('end', ({ durationMs, error }) => durationMs > 0 && error?.name);
  const { droppedMs }: { droppedMs: number } = await call.record('b.wav', { sampleRate: 8000 }).stop();
  const session = webRtcSessionFactory({ callId: '', direction: 'inbound', stunServers: [] });
  await session.createOffer({ iceRestart: true });
  const channel: globalThis.RTCDataChannel = own.createDataChannel('chat', { ordered: false, priority: 'high' });
  channel.onmessage = ({ data }) => channel.send(data);
  track.forceStop();
  console.log(droppedMs, written, sender, new DTMFEvent('dtmf', { tone: '1' }));
}

/** Events have what is added, whichever way they are listened to. */
function listens(receiver: RTCRtpReceiver, sink: InstanceType<typeof nonstandard.RTCAudioSink>): void {
  own.ondtmf = (event) => event.tone + event.duration;
  const digit = ({ tone, receiver: from }: DTMFEvent) => from?.track.forceStop() ?? tone.trim();
  own.addEventListener('dtmf', digit, { once: true });
  own.addEventListener('dtmf', ({ tone }) => tone.trim());
  own.removeEventListener('dtmf', digit);
  receiver.ondtmf = digit;
  receiver.addEventListener('dtmf', ({ tone }) => tone.trim());
  receiver.removeEventListener('dtmf', digit);
  own.ontrack = ({ receiver: from, streams, track, transceiver }) => {
    from.ondtmf = digit;
    track.forceStop();
    return [streams[0]?.getTracks()[0]?.source, transceiver.getHeaderExtensionsToNegotiate()];
  };
  own.ontrack = null;
  own.addEventListener('track', ({ receiver: from }) => from.addEventListener('dtmf', digit));
  own.onicecandidate = ({ candidate: local, url }) => url?.trim() ?? local?.url ?? local?.relayProtocol;
  own.addEventListener('icecandidate', ({ candidate: local }) => local?.address ?? local?.url);
  own.ondatachannel = ({ channel }) => channel.priority?.trim();
  own.addEventListener('datachannel', ({ channel }) => channel.priority);
  own.onaddstream = ({ stream: theirs }) => theirs.getTracks()[0]?.forceStop();
  own.addEventListener('addstream', ({ stream: theirs }) => theirs.getTracks()[0]?.forceStop());
  own.addEventListener('removestream', ({ stream: theirs }) => theirs.id);
  own.addEventListener('connectionstatechange', function () {
    this.markActiveTracksAsLive();
  });
  own.addEventListener('mine', { handleEvent: (event) => event.type });
  // What is written for lib.dom's events takes ours.
  own.ontrack = (event: globalThis.RTCTrackEvent) => event.track;
  connection.ontrack = own.ontrack;
  workerScope.addEventListener('rtctransform', ({ transformer }) =>
    transformer.addEventListener('keyframerequest', ({ rid }) => rid?.trim()),
  );
  sink.addEventListener('data', ({ samples }) => samples.length);
}

/** Web streams are what lib.dom has, and what node:stream/web has. */
async function streams(source: PcmSource, sink: PcmSink): Promise<void> {
  await (await fetch('https://tts.example/say')).body?.pipeTo(source.toWebStream({ sampleRate: 24000 }));
  const same = sink.toWebStream().pipeThrough(new TransformStream<PcmFrame, PcmFrame>());
  await same.pipeTo(source.toWebStream());
  const dom: [ReadableStream<PcmFrame>, WritableStream<PcmFrame>] = [sink.toWebStream(), source.toWebStream()];
  const node: [web.ReadableStream<PcmFrame>, web.WritableStream<PcmFrame>] = [sink.toWebStream(), source.toWebStream()];
  for await (const { samples } of sink.toWebStream()) samples.fill(0);
  Readable.fromWeb(sink.toWebStream()).pipe(Writable.fromWeb(source.toWebStream()));
  // docs/encoded-frames.md
  workerScope.onrtctransform = ({ transformer }) => {
    const { readable, writable } = transformer;
    const transform = (frame: EncodedFrame, controller: TransformStreamDefaultController<EncodedFrame>) => {
      frame.data = new ArrayBuffer(frame.data.byteLength);
      controller.enqueue(frame);
    };
    readable.pipeThrough(new TransformStream({ transform })).pipeTo(writable);
  };
  console.log(dom, node);
}

// @ts-expect-error an interface without a constructor
new nonstandard.RTCAudioDataEvent();
setLogger(console, { level: 'debug' });
setLogger(null);
traceConnections({ tracer: trace.getTracer('mine') })();
startInternals({ token: 'a-long-enough-token' }).then(({ url, close }) => [url.length, close]);
// @ts-expect-error no logger
setLogger({ info() {} });
// @ts-expect-error no path
new CallRecorder({ left: null });
// @ts-expect-error not a configuration
new RTCPeerConnection({ loopback: 'yes' });

console.log(connectionId(own), connection, devices, candidate, description, uses, listens, streams, install, uninstall);
