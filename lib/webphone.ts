/**
 * What the RingCentral web phone SDK needs, without globals: `webRtcSessionFactory` for SDK 2.5 and later, and
 * `callAudio` to get at the audio of a call with any version.
 * Invariant: one connection per call; dispose() ends all that belongs to it.
 */
import { EventEmitter } from 'node:events';
import { emitWarning } from 'node:process';
import type * as api from 'webphone-rtc';
import type { DTMFEvent } from './DTMFEvent';
import { mediaDevices } from './MediaDevices';
import type { MediaStreamTrack } from './MediaStreamTrack';
import { CallRecorder, type CallRecorderOptions } from './media/CallRecorder';
import { PcmSink, type PcmSinkOptions } from './media/PcmSink';
import { RTCPeerConnection } from './RTCPeerConnection';
import type { RTCRtpSender } from './RTCRtpSender';
import { clearTimeout, setTimeout } from './timers';
import { domException } from './webidl/exceptions';

// The engine ends gathering by itself after 1 s; this is for an engine that has gone.
const GATHERING_LIMIT_MS = 2000;

export interface WebRtcSession {
  createOffer(options?: { iceRestart?: boolean }): Promise<string>;
  createAnswer(offer: string): Promise<string>;
  applyAnswer(answer: string): Promise<void>;
  changeInputDevice(deviceId: string): Promise<void>;
  changeOutputDevice(deviceId: string): Promise<void>;
  setMuted(muted: boolean): void;
  sendDtmf(tones: string, duration?: number, interToneGap?: number): void;
  dispose(): void;
}

export interface WebRtcSessionContext {
  callId: string;
  direction: 'inbound' | 'outbound';
  stunServers: string[];
}

/** A call's connection, as SDK 2.5 and later asks for it. */
class Session implements WebRtcSession {
  readonly rtcPeerConnection: RTCPeerConnection;
  #track: MediaStreamTrack | undefined;
  #muted = false;
  readonly #opened: Promise<void>;
  #cancel: (reason: unknown) => void = () => {};
  /** Rejects with dispose(). What a closed connection is doing never settles. */
  readonly #disposed = new Promise<never>((_, reject) => {
    this.#cancel = reject;
  });

  constructor({ stunServers }: WebRtcSessionContext) {
    const iceServers = (stunServers ?? []).map((url) => ({ urls: `stun:${url}` }));
    this.rtcPeerConnection = new RTCPeerConnection({ iceServers });
    this.#opened = this.#open({});
    handled(this.#opened);
    handled(this.#disposed);
  }

  createOffer(options: { iceRestart?: boolean } = {}): Promise<string> {
    return Promise.race([this.#offer(options), this.#disposed]);
  }

  /**
   * Never settles where it fails: the web phone awaits neither its own answers nor those to re-INVITEs, and a rejection
   * would end the process with all other calls. An offer that cannot be answered is told by a warning.
   * Rejects only when the call had been disposed before.
   */
  createAnswer(offer: string): Promise<string> {
    if (this.#closed) return Promise.reject(disposed());
    return this.#answer(offer).catch((error) => {
      if (!this.#closed) emitWarning(`The far end's offer was refused: ${error}`, 'WebphoneRtcWarning');
      return new Promise(() => {});
    });
  }

  applyAnswer(answer: string): Promise<void> {
    const applied = this.rtcPeerConnection.setRemoteDescription({ type: 'answer', sdp: answer });
    // The SDK does not await it: a bad answer must not end the process.
    applied.catch((error) => emitWarning(`The far end's answer was refused: ${error}`, 'WebphoneRtcWarning'));
    return applied;
  }

  async changeInputDevice(deviceId: string): Promise<void> {
    const before = this.#track;
    await this.#open({ deviceId: { exact: deviceId } });
    before?.stop();
  }

  /** There is nothing to play on: audio is read with callAudio(). */
  async changeOutputDevice(_deviceId: string): Promise<void> {}

  setMuted(muted: boolean): void {
    this.#muted = Boolean(muted);
    if (this.#track) this.#track.enabled = !this.#muted;
  }

  sendDtmf(tones: string, duration?: number, interToneGap?: number): void {
    for (const { dtmf } of this.rtcPeerConnection.getSenders()) {
      if (dtmf?.canInsertDTMF) dtmf.insertDTMF(tones, duration, interToneGap);
    }
  }

  dispose(): void {
    this.rtcPeerConnection.close();
    this.#track?.stop();
    this.#cancel(disposed());
  }

  get #closed(): boolean {
    return this.rtcPeerConnection.connectionState === 'closed';
  }

  async #open(audio: MediaTrackConstraints): Promise<void> {
    const stream = await mediaDevices.getUserMedia({ audio });
    const [track] = stream.getAudioTracks() as [MediaStreamTrack];
    track.enabled = !this.#muted;
    if (this.#closed) {
      track.stop();
      throw disposed();
    }
    this.#track = track;
    const sender = audioSender(this.rtcPeerConnection);
    if (sender) await sender.replaceTrack(track);
    else this.rtcPeerConnection.addTrack(track);
  }

  async #offer(options: { iceRestart?: boolean }): Promise<string> {
    await this.#opened;
    await this.rtcPeerConnection.setLocalDescription(await this.rtcPeerConnection.createOffer(options));
    return this.#gathered();
  }

  async #answer(offer: string): Promise<string> {
    await this.#opened;
    const { currentLocalDescription } = this.rtcPeerConnection;
    // A re-INVITE without a description asks for ours (RFC 3261 section 14.2), to refresh the session: nothing changes.
    if (offer === '' && currentLocalDescription) return currentLocalDescription.sdp;
    await this.rtcPeerConnection.setRemoteDescription({ type: 'offer', sdp: offer });
    await this.rtcPeerConnection.setLocalDescription();
    return this.#gathered();
  }

  /**
   * The local description with all its candidates: there is no trickle here. After an ICE restart the gathering state is
   * for a moment still that of before, as in browsers, so the description itself is asked.
   */
  async #gathered(): Promise<string> {
    const connection = this.rtcPeerConnection;
    const sdp = () => (connection.localDescription as RTCSessionDescription).sdp;
    const complete = () => connection.iceGatheringState === 'complete' && !lacksCandidates(sdp());
    if (complete()) return sdp();
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, GATHERING_LIMIT_MS);
      const over = () => clearTimeout(timer);
      this.#disposed.catch(over);
      connection.addEventListener('icegatheringstatechange', () => {
        if (!complete()) return;
        over();
        resolve();
      });
    });
    return sdp();
  }
}

const lacksCandidates = (sdp: string) => sdp.includes('a=ice-ufrag:') && !sdp.includes('a=end-of-candidates');

function disposed(): DOMException {
  return domException('InvalidStateError', 'The call has been disposed');
}

/** `new WebPhone({ …, webRtcSessionFactory })` */
export function webRtcSessionFactory(context: WebRtcSessionContext): WebRtcSession {
  return new Session(context);
}

/** Digits of a call, both ways. Emits 'digit' ({ tone, duration }) for each one that the far end presses. */
class CallDtmf extends EventEmitter {
  readonly #connection: RTCPeerConnection;

  constructor(connection: RTCPeerConnection) {
    super();
    this.#connection = connection;
    connection.addEventListener('dtmf', (event) => {
      const { tone, duration } = event as unknown as DTMFEvent;
      this.emit('digit', { tone, duration });
    });
  }

  /** Sends digits. False: the call cannot send them now. */
  send(tones: string, duration?: number, interToneGap?: number): boolean {
    const dtmf = this.#connection.getSenders().find((sender) => sender.dtmf?.canInsertDTMF)?.dtmf;
    dtmf?.insertDTMF(tones, duration, interToneGap);
    return dtmf !== undefined && dtmf !== null;
  }
}

/** Either the SDK's own connection, or that of our session. */
interface CallSession {
  rtcPeerConnection?: unknown;
  webRtcSession?: unknown;
}

export interface CallAudio {
  /** Where the application writes what the far end hears; follows the call when it changes the microphone. */
  readonly source: api.PcmSource;
  /** What the far end says. */
  readonly sink: api.PcmSink;
  readonly dtmf: CallDtmf;
  /** Records the call from now on: caller left, what we send right. Ends with the call, or by its stop(). */
  record(path: string, options?: Omit<CallRecorderOptions, 'left' | 'right' | 'path'>): api.CallRecorder;
}

/** The audio of a call that has been answered (its 'answered' event), with any version of the SDK. */
export function callAudio(callSession: object, options: PcmSinkOptions = {}): CallAudio {
  const connection = connectionOf(callSession as CallSession);
  const receiver = connection.getReceivers().find(({ track }) => track.kind === 'audio');
  if (!receiver) throw domException('InvalidStateError', 'The call has no audio yet: wait for its answered event');
  const sink = new PcmSink(receiver.track, options);
  const dtmf = new CallDtmf(connection);
  return {
    get source() {
      const source = audioSender(connection)?.track?.source;
      if (!source) throw domException('InvalidStateError', 'The call sends no track with a source');
      return source as unknown as api.PcmSource;
    },
    sink: sink as unknown as api.PcmSink,
    dtmf,
    record: (path, settings = {}) => {
      const sides = { left: receiver.track, right: audioSender(connection) ?? null };
      return new CallRecorder({ ...settings, ...sides, path }) as unknown as api.CallRecorder;
    },
  };
}

function connectionOf({ rtcPeerConnection, webRtcSession }: CallSession): RTCPeerConnection {
  const connection = webRtcSession instanceof Session ? webRtcSession.rtcPeerConnection : rtcPeerConnection;
  if (connection instanceof RTCPeerConnection) return connection;
  throw domException(
    'InvalidStateError',
    'The call has no connection of webphone-rtc yet: wait for its answered event',
  );
}

/** The sender of audio, also while it has no track. */
function audioSender(connection: RTCPeerConnection): RTCRtpSender | undefined {
  return connection.getTransceivers().find(({ receiver }) => receiver.track.kind === 'audio')?.sender;
}

/** A rejection that somebody will see later, when he awaits the same promise. */
function handled(promise: Promise<unknown>): void {
  promise.catch(() => {});
}
