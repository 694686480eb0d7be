/** RTCTrackEvent (webrtc-pc §5.7). */
import { isMediaStream, type MediaStream } from './MediaStream';
import { isMediaStreamTrack, type MediaStreamTrack } from './MediaStreamTrack';
import { isRTCRtpReceiver, type RTCRtpReceiver } from './RTCRtpReceiver';
import { isRTCRtpTransceiver, type RTCRtpTransceiver } from './RTCRtpTransceiver';
import { dictionary, interfaceType, required, sequence, withDefault } from './webidl/converters';
import { eventInit, eventType, initContext } from './webidl/event';
import { defineInterface } from './webidl/interface';

const toInit = dictionary(
  'RTCTrackEventInit',
  {
    receiver: required(interfaceType<RTCRtpReceiver>('RTCRtpReceiver', isRTCRtpReceiver)),
    streams: withDefault(sequence(interfaceType<MediaStream>('MediaStream', isMediaStream)), () => []),
    track: required(interfaceType<MediaStreamTrack>('MediaStreamTrack', isMediaStreamTrack)),
    transceiver: required(interfaceType<RTCRtpTransceiver>('RTCRtpTransceiver', isRTCRtpTransceiver)),
  },
  eventInit,
);

export class RTCTrackEvent extends Event {
  readonly #receiver: RTCRtpReceiver;
  readonly #track: MediaStreamTrack;
  readonly #streams: readonly MediaStream[];
  readonly #transceiver: RTCRtpTransceiver;

  constructor(
    type: string,
    eventInitDict: {
      receiver: RTCRtpReceiver;
      track: MediaStreamTrack;
      streams?: MediaStream[];
      transceiver: RTCRtpTransceiver;
    },
  ) {
    const name = eventType('RTCTrackEvent', arguments.length, 2, type);
    const init = toInit(eventInitDict, initContext('RTCTrackEvent'));
    super(name, init);
    this.#receiver = init.receiver;
    this.#track = init.track;
    this.#streams = Object.freeze([...init.streams]);
    this.#transceiver = init.transceiver;
  }

  get receiver(): RTCRtpReceiver {
    return this.#receiver;
  }
  get track(): MediaStreamTrack {
    return this.#track;
  }
  get streams(): readonly MediaStream[] {
    return this.#streams;
  }
  get transceiver(): RTCRtpTransceiver {
    return this.#transceiver;
  }
}
defineInterface(RTCTrackEvent, 'RTCTrackEvent');
