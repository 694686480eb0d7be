/**
 * install() and uninstall(): the browser globals that WebRTC applications look for.
 * Invariants: a real browser's are never touched; uninstall() leaves what was there before.
 */
import { isMainThread } from 'node:worker_threads';
import { DeviceChangeEvent } from './DeviceChangeEvent';
import { KeyFrameRequestEvent } from './encoded/KeyFrameRequestEvent';
import { RTCEncodedAudioFrame } from './encoded/RTCEncodedAudioFrame';
import { RTCEncodedVideoFrame } from './encoded/RTCEncodedVideoFrame';
import { RTCRtpScriptTransform } from './encoded/RTCRtpScriptTransform';
import { RTCRtpScriptTransformer } from './encoded/RTCRtpScriptTransformer';
import { RTCTransformEvent } from './encoded/RTCTransformEvent';
import { workerScope } from './encoded/worker-scope';
import { InputDeviceInfo } from './InputDeviceInfo';
import { MediaDeviceInfo } from './MediaDeviceInfo';
import { MediaDevices, mediaDevices } from './MediaDevices';
import { MediaStream } from './MediaStream';
import { MediaStreamTrack } from './MediaStreamTrack';
import { MediaStreamTrackEvent } from './MediaStreamTrackEvent';
import { OverconstrainedError } from './OverconstrainedError';
import { RTCCertificate } from './RTCCertificate';
import { RTCDataChannel } from './RTCDataChannel';
import { RTCDataChannelEvent } from './RTCDataChannelEvent';
import { RTCDTMFSender } from './RTCDTMFSender';
import { RTCDTMFToneChangeEvent } from './RTCDTMFToneChangeEvent';
import { RTCDtlsTransport } from './RTCDtlsTransport';
import { RTCError } from './RTCError';
import { RTCErrorEvent } from './RTCErrorEvent';
import { RTCIceCandidate } from './RTCIceCandidate';
import { RTCIceCandidatePair } from './RTCIceCandidatePair';
import { RTCIceTransport } from './RTCIceTransport';
import { RTCPeerConnection } from './RTCPeerConnection';
import { RTCPeerConnectionIceErrorEvent } from './RTCPeerConnectionIceErrorEvent';
import { RTCPeerConnectionIceEvent } from './RTCPeerConnectionIceEvent';
import { RTCRtpReceiver } from './RTCRtpReceiver';
import { RTCRtpSender } from './RTCRtpSender';
import { RTCRtpTransceiver } from './RTCRtpTransceiver';
import { RTCSctpTransport } from './RTCSctpTransport';
import { RTCSessionDescription } from './RTCSessionDescription';
import { RTCStatsReport } from './RTCStatsReport';
import { RTCTrackEvent } from './RTCTrackEvent';

const CLASSES = {
  DeviceChangeEvent,
  InputDeviceInfo,
  KeyFrameRequestEvent,
  MediaDeviceInfo,
  MediaDevices,
  MediaStream,
  MediaStreamTrack,
  MediaStreamTrackEvent,
  OverconstrainedError,
  RTCCertificate,
  RTCDTMFSender,
  RTCDTMFToneChangeEvent,
  RTCDataChannel,
  RTCDataChannelEvent,
  RTCDtlsTransport,
  RTCEncodedAudioFrame,
  RTCEncodedVideoFrame,
  RTCError,
  RTCErrorEvent,
  RTCIceCandidate,
  RTCIceCandidatePair,
  RTCIceTransport,
  RTCPeerConnection,
  RTCPeerConnectionIceErrorEvent,
  RTCPeerConnectionIceEvent,
  RTCRtpReceiver,
  RTCRtpScriptTransform,
  RTCRtpScriptTransformer,
  RTCRtpSender,
  RTCRtpTransceiver,
  RTCSctpTransport,
  RTCSessionDescription,
  RTCStatsReport,
  RTCTrackEvent,
  RTCTransformEvent,
};

/** Just enough of HTMLAudioElement for a phone: nothing is played, everything is accepted. */
class AudioElement extends EventTarget {
  hidden = false;
  autoplay = false;
  muted = false;
  volume = 1;
  paused = true;
  sinkId = '';
  #srcObject: MediaStream | null = null;

  get srcObject(): MediaStream | null {
    return this.#srcObject;
  }
  /** Nullable, so that undefined is null (Web IDL 3.2.20): a far end need not put its track into a stream. */
  set srcObject(stream: MediaStream | null | undefined) {
    const given = stream ?? null;
    if (given !== null && !(given instanceof MediaStream)) throw new TypeError('srcObject is not a MediaStream');
    this.#srcObject = given;
    this.paused = given === null || !this.autoplay;
  }

  async play(): Promise<void> {
    this.paused = false;
  }
  pause(): void {
    this.paused = true;
  }
  async setSinkId(sinkId: string): Promise<void> {
    this.sinkId = String(sinkId);
  }
  load(): void {}
  remove(): void {}
  setAttribute(name: string, value: string): void {
    if (name === 'hidden' || name === 'autoplay' || name === 'muted') this[name] = true;
    if (name === 'volume') this.volume = Number(value);
  }
}

const documentWithAudio = {
  createElement(tag: string): AudioElement {
    if (String(tag).toLowerCase() === 'audio') return new AudioElement();
    throw new globalThis.DOMException(`There is no <${tag}> here, only <audio>`, 'NotSupportedError');
  },
};

interface Replaced {
  target: object;
  key: string;
  before: PropertyDescriptor | undefined;
  ours: unknown;
}

let replaced: Replaced[] | undefined;
let handlerInstalled = false;

/** Defines the globals; once. */
export function install(): void {
  if (replaced) return;
  replaced = [];
  for (const [name, value] of Object.entries(CLASSES)) {
    if (!isNative(Reflect.get(globalThis, name))) define(globalThis, name, value);
  }
  installMediaDevices();
  if (!isMainThread) installWorkerScope();
  // A document that is already there knows better, be it a browser's, jsdom's or the application's.
  if (Reflect.get(globalThis, 'document') === undefined) define(globalThis, 'document', documentWithAudio);
}

/** Puts back what install() replaced, unless someone has replaced it since. */
export function uninstall(): void {
  for (const { target, key, before, ours } of (replaced ?? []).reverse()) {
    if (Reflect.get(target, key) !== ours) continue;
    if (before) Object.defineProperty(target, key, before);
    else Reflect.deleteProperty(target, key);
  }
  replaced = undefined;
  if (handlerInstalled) Reflect.deleteProperty(globalThis, 'onrtctransform');
  handlerInstalled = false;
}

function installMediaDevices(): void {
  const navigator: unknown = Reflect.get(globalThis, 'navigator');
  if (typeof navigator !== 'object' || navigator === null) {
    define(globalThis, 'navigator', { mediaDevices: mediaDevices, userAgent: `Node.js/${process.versions.node}` });
    return;
  }
  const present: unknown = Reflect.get(navigator, 'mediaDevices');
  const getUserMedia = typeof present === 'object' && present !== null && Reflect.get(present, 'getUserMedia');
  // Node's navigator has only getters, so the property is defined on the object itself.
  if (!isNative(getUserMedia)) define(navigator, 'mediaDevices', mediaDevices);
}

/** What transforms that were written for a browser's worker look for: `onrtctransform`, or the event at the global scope. */
function installWorkerScope(): void {
  const handler = {
    get onrtctransform() {
      return workerScope.onrtctransform;
    },
    set onrtctransform(value) {
      workerScope.onrtctransform = value;
    },
  };
  const accessors = Object.getOwnPropertyDescriptor(handler, 'onrtctransform') as PropertyDescriptor;
  if (!Reflect.has(globalThis, 'onrtctransform')) {
    Object.defineProperty(globalThis, 'onrtctransform', { ...accessors, enumerable: true, configurable: true });
    handlerInstalled = true;
  }
  if (Reflect.get(globalThis, 'self') === undefined) define(globalThis, 'self', globalThis);
  if (Reflect.has(globalThis, 'addEventListener')) return;
  for (const name of ['addEventListener', 'removeEventListener', 'dispatchEvent'] as const) {
    define(globalThis, name, workerScope[name].bind(workerScope));
  }
}

function define(target: object, key: string, value: unknown): void {
  const before = Object.getOwnPropertyDescriptor(target, key);
  if (before && !before.configurable && !before.writable) return;
  replaced?.push({ target, key, before, ours: value });
  Object.defineProperty(target, key, { value, writable: true, enumerable: false, configurable: true });
}

/** Code of the browser itself, as opposed to a polyfill or a mock. */
function isNative(value: unknown): boolean {
  return typeof value === 'function' && /\{\s*\[native code\]\s*\}\s*$/.test(Function.prototype.toString.call(value));
}
