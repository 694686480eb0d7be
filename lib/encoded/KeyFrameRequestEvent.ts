/** KeyFrameRequestEvent (webrtc-encoded-transform §7.4). */
import { constructing, DOMString } from '../webidl/converters';
import { eventType } from '../webidl/event';
import { defineInterface } from '../webidl/interface';

export class KeyFrameRequestEvent extends Event {
  readonly #rid: string | null;

  constructor(type: string, rid: string | undefined = undefined) {
    super(eventType('KeyFrameRequestEvent', arguments.length, 1, type));
    this.#rid = rid === undefined ? null : DOMString(rid, `${constructing('KeyFrameRequestEvent')} parameter 2`);
  }

  get rid(): string | null {
    return this.#rid;
  }
}
defineInterface(KeyFrameRequestEvent, 'KeyFrameRequestEvent');
