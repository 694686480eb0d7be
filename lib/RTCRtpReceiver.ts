/**
 * RTCRtpReceiver (webrtc-pc §5.3).
 * Invariant: one track for life; it is muted until packets come. An EventTarget only for the non-standard 'dtmf' event.
 */
import { capabilities } from './capabilities';
import type { DTMFEvent } from './DTMFEvent';
import type { RTCRtpScriptTransform } from './encoded/RTCRtpScriptTransform';
import {
  createEncodedStreams,
  type EncodedStreams,
  holdFrames,
  noTransform,
  setTransform,
  type TransformSlots,
  type Way,
} from './encoded/transforms';
import type { MediaStream } from './MediaStream';
import type { MediaStreamTrack } from './MediaStreamTrack';
import { linearLevel } from './media/level';
import type { RTCDtlsTransport } from './RTCDtlsTransport';
import type { RTCRtpTransceiver } from './RTCRtpTransceiver';
import { negotiatedParameters, transceiverSlots } from './RTCRtpTransceiver';
import type { RTCStatsReport } from './RTCStatsReport';
import { codecParameters, extensionParameters } from './rtp-parameters';
import { attribute, double, isObject, nullable } from './webidl/converters';
import { defineEventHandlers, type EventHandler } from './webidl/event-handlers';
import { defineInterface, INTERNAL, requireInternal } from './webidl/interface';

interface Slots {
  transceiver: RTCRtpTransceiver;
  track: MediaStreamTrack;
  transport: RTCDtlsTransport | null;
  /** W3C [[AssociatedRemoteMediaStreams]] */
  streams: MediaStream[];
  jitterBufferTarget: number | null;
  encoded: TransformSlots;
}

const toTarget = nullable(double);

let slotsOf: (receiver: RTCRtpReceiver) => Slots;
let is: (value: unknown) => value is RTCRtpReceiver;

export class RTCRtpReceiver extends EventTarget {
  static {
    slotsOf = (receiver) => receiver.#slots;
    is = (value): value is RTCRtpReceiver => isObject(value) && #slots in value;
  }
  readonly #slots: Slots;

  declare ondtmf: EventHandler<DTMFEvent>;

  constructor(token: unknown = undefined, slots?: Slots) {
    requireInternal(token, 'RTCRtpReceiver');
    super();
    this.#slots = slots as Slots;
  }

  static getCapabilities(kind: string): RTCRtpCapabilities | null {
    return capabilities(arguments.length, kind, 'RTCRtpReceiver');
  }

  get track(): MediaStreamTrack {
    return this.#slots.track;
  }
  get transport(): RTCDtlsTransport | null {
    return this.#slots.transport;
  }
  get jitterBufferTarget(): number | null {
    return this.#slots.jitterBufferTarget;
  }
  set jitterBufferTarget(value: number | null) {
    const target = toTarget(value, attribute('RTCRtpReceiver', 'jitterBufferTarget'));
    if (target !== null && (target < 0 || target > 4000)) {
      throw new RangeError('jitterBufferTarget is not between 0 and 4000 ms');
    }
    const slots = this.#slots;
    slots.jitterBufferTarget = target;
    const { peer, id } = transceiverSlots(slots.transceiver);
    if (!peer.closed && slots.track.kind === 'audio') peer.native.setLeastDelay(id, target ?? 0);
  }

  get transform(): RTCRtpScriptTransform | null {
    return this.#slots.encoded.transform;
  }
  set transform(value: RTCRtpScriptTransform | null) {
    const slots = this.#slots;
    setTransform(this, slots.encoded, wayOf(slots), value, attribute('RTCRtpReceiver', 'transform'));
  }

  getParameters(): RTCRtpReceiveParameters {
    const { recvCodecs, extensions, reducedSizeRtcp } = negotiatedParameters(this.#slots.transceiver);
    return {
      codecs: recvCodecs.map(codecParameters),
      headerExtensions: extensions.map(extensionParameters),
      // cname is empty for receivers: there may be several.
      rtcp: { reducedSize: reducedSizeRtcp },
    };
  }

  getContributingSources(): RTCRtpContributingSource[] {
    return heard(this.#slots, true);
  }
  getSynchronizationSources(): RTCRtpSynchronizationSource[] {
    return heard(this.#slots, false);
  }

  /** As in Chromium. */
  createEncodedStreams(): EncodedStreams {
    return createEncodedStreams(this.#slots.encoded, wayOf(this.#slots));
  }

  async getStats(): Promise<RTCStatsReport> {
    const { transceiver } = this.#slots;
    return transceiverSlots(transceiver).peer.getStats({ receiver: transceiver });
  }
}
defineEventHandlers(RTCRtpReceiver, ['dtmf']);
defineInterface(RTCRtpReceiver, 'RTCRtpReceiver');

export const isRTCRtpReceiver = is;

// webrtc-pc §5.3.1: who has not been heard for so long is not listed.
const SOURCE_LIFETIME_MS = 10_000;

/** The sources of the last ten seconds, the newest first. */
function heard({ transceiver, track }: Slots, contributing: boolean): RTCRtpContributingSource[] {
  const { peer, id } = transceiverSlots(transceiver);
  if (peer.closed) return [];
  const since = Date.now() - SOURCE_LIFETIME_MS;
  const sources = peer.native
    .sources(id)
    .filter((source) => source.contributing === contributing && source.timestamp >= since);
  return sources
    .sort((a, b) => b.timestamp - a.timestamp)
    .map(({ source, timestamp, rtpTimestamp, level }) => ({
      source,
      timestamp,
      rtpTimestamp,
      ...(track.kind === 'audio' && typeof level === 'number' ? { audioLevel: linearLevel(level) } : {}),
    }));
}

export function createReceiver(transceiver: RTCRtpTransceiver, track: MediaStreamTrack): RTCRtpReceiver {
  return new RTCRtpReceiver(INTERNAL, {
    transceiver,
    track,
    transport: null,
    streams: [],
    jitterBufferTarget: null,
    encoded: noTransform(),
  });
}

function wayOf({ transceiver, track }: Slots): Way {
  const { peer, id } = transceiverSlots(transceiver);
  return { peer, id, kind: track.kind as Way['kind'], sending: false };
}

/** `encodedInsertableStreams` */
export function holdReceived(receiver: RTCRtpReceiver): void {
  const slots = slotsOf(receiver);
  holdFrames(slots.encoded, wayOf(slots));
}

export function receiverSlots(receiver: RTCRtpReceiver): Slots {
  return slotsOf(receiver);
}
