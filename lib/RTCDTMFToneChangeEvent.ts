/** RTCDTMFToneChangeEvent (webrtc-pc §7.3). */
import { DOMString, dictionary, withDefault } from './webidl/converters';
import { eventInit, eventType, initContext } from './webidl/event';
import { defineInterface } from './webidl/interface';

const toInit = dictionary('RTCDTMFToneChangeEventInit', { tone: withDefault(DOMString, () => '') }, eventInit);

export class RTCDTMFToneChangeEvent extends Event {
  readonly #tone: string;

  constructor(type: string, eventInitDict: RTCDTMFToneChangeEventInit = {}) {
    const name = eventType('RTCDTMFToneChangeEvent', arguments.length, 1, type);
    const init = toInit(eventInitDict, initContext('RTCDTMFToneChangeEvent'));
    super(name, init);
    this.#tone = init.tone;
  }

  get tone(): string {
    return this.#tone;
  }
}
defineInterface(RTCDTMFToneChangeEvent, 'RTCDTMFToneChangeEvent');
