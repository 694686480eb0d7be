/** RTCDataChannelEvent (webrtc-pc §6.4). */
import { isRTCDataChannel, type RTCDataChannel } from './RTCDataChannel';
import { dictionary, interfaceType, required } from './webidl/converters';
import { eventInit, eventType, initContext } from './webidl/event';
import { defineInterface } from './webidl/interface';

const toInit = dictionary(
  'RTCDataChannelEventInit',
  {
    channel: required(interfaceType<RTCDataChannel>('RTCDataChannel', isRTCDataChannel)),
  },
  eventInit,
);

export class RTCDataChannelEvent extends Event {
  readonly #channel: RTCDataChannel;

  constructor(type: string, eventInitDict: { channel: RTCDataChannel }) {
    const name = eventType('RTCDataChannelEvent', arguments.length, 2, type);
    const init = toInit(eventInitDict, initContext('RTCDataChannelEvent'));
    super(name, init);
    this.#channel = init.channel;
  }

  get channel(): RTCDataChannel {
    return this.#channel;
  }
}
defineInterface(RTCDataChannelEvent, 'RTCDataChannelEvent');
