/**
 * RTCDTMFSender (webrtc-pc §7).
 * Invariant: the engine plays the tones and keeps time; toneBuffer follows its reports.
 */
import { RTCDTMFToneChangeEvent } from './RTCDTMFToneChangeEvent';
import type { RTCRtpSender } from './RTCRtpSender';
import { senderSlots } from './RTCRtpSender';
import { transceiverSlots } from './RTCRtpTransceiver';
import { DOMString, method, requireArguments, unsignedLong } from './webidl/converters';
import { fire } from './webidl/event';
import { defineEventHandlers, type EventHandler } from './webidl/event-handlers';
import { domException } from './webidl/exceptions';
import { defineInterface, INTERNAL, requireInternal } from './webidl/interface';

interface Slots {
  sender: RTCRtpSender;
  toneBuffer: string;
}

let slotsOf: (dtmf: RTCDTMFSender) => Slots;

export class RTCDTMFSender extends EventTarget {
  static {
    slotsOf = (dtmf) => dtmf.#slots;
  }
  readonly #slots: Slots;

  declare ontonechange: EventHandler<RTCDTMFToneChangeEvent>;

  constructor(token: unknown = undefined, sender?: RTCRtpSender) {
    requireInternal(token, 'RTCDTMFSender');
    super();
    this.#slots = { sender: sender as RTCRtpSender, toneBuffer: '' };
  }

  get canInsertDTMF(): boolean {
    return canSend(this.#slots.sender);
  }
  get toneBuffer(): string {
    return this.#slots.toneBuffer;
  }

  insertDTMF(tones: string, duration = 100, interToneGap = 70): void {
    const slots = this.#slots;
    const context = method('RTCDTMFSender', 'insertDTMF');
    requireArguments(arguments.length, 1, context);
    const buffer = DOMString(tones, `${context} parameter 1`).toUpperCase();
    const durationMs = clamp(unsignedLong(duration, `${context} parameter 2`), 40, 6000);
    const gapMs = clamp(unsignedLong(interToneGap, `${context} parameter 3`), 30, 6000);
    const transceiver = transceiverSlots(senderSlots(slots.sender).transceiver);
    const { stopping, stopped, currentDirection } = transceiver;
    if (stopping || stopped) throw domException('InvalidStateError', 'The transceiver is stopped');
    if (currentDirection === 'recvonly' || currentDirection === 'inactive' || !canSend(slots.sender)) {
      throw domException('InvalidStateError', 'DTMF cannot be sent now');
    }
    if (!/^[0-9A-D#*,]*$/.test(buffer)) {
      throw domException('InvalidCharacterError', `'${tones}' holds other characters than 0-9, A-D, #, * and comma`);
    }
    slots.toneBuffer = buffer;
    transceiver.peer.native.insertDtmf(transceiver.id, buffer, durationMs, gapMs);
  }
}
defineEventHandlers(RTCDTMFSender, ['tonechange']);
defineInterface(RTCDTMFSender, 'RTCDTMFSender');

export function createDtmfSender(sender: RTCRtpSender): RTCDTMFSender {
  return new RTCDTMFSender(INTERNAL, sender);
}

/** The engine has begun to play `tone` ('' after the last); `remaining` is what it has still to play. */
export function toneChanged(dtmf: RTCDTMFSender, tone: string, remaining: string): void {
  const slots = slotsOf(dtmf);
  // A report that was under way when insertDTMF replaced the buffer is history.
  if (slots.toneBuffer !== tone + remaining) return;
  slots.toneBuffer = remaining;
  fire(dtmf, 'tonechange', () => new RTCDTMFToneChangeEvent('tonechange', { tone }));
}

/** W3C "determine if DTMF can be sent". */
function canSend(sender: RTCRtpSender): boolean {
  const { track, encodings } = senderSlots(sender);
  const { peer, stopping, stopped, currentDirection, dtmf } = transceiverSlots(senderSlots(sender).transceiver);
  return (
    peer.connectionState === 'connected' &&
    !stopping &&
    !stopped &&
    track !== null &&
    (currentDirection === 'sendrecv' || currentDirection === 'sendonly') &&
    encodings[0]?.active !== false &&
    dtmf
  );
}

function clamp(value: number, min: number, max: number): number {
  return Math.min(Math.max(value, min), max);
}
