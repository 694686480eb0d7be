/** MediaStreamTrackEvent (mediacapture-main §5.3). */
import { isMediaStreamTrack, type MediaStreamTrack } from './MediaStreamTrack';
import { dictionary, interfaceType, required } from './webidl/converters';
import { eventInit, eventType, initContext } from './webidl/event';
import { defineInterface } from './webidl/interface';

const toInit = dictionary(
  'MediaStreamTrackEventInit',
  {
    track: required(interfaceType<MediaStreamTrack>('MediaStreamTrack', isMediaStreamTrack)),
  },
  eventInit,
);

export class MediaStreamTrackEvent extends Event {
  readonly #track: MediaStreamTrack;

  constructor(type: string, eventInitDict: { track: MediaStreamTrack }) {
    const name = eventType('MediaStreamTrackEvent', arguments.length, 2, type);
    const init = toInit(eventInitDict, initContext('MediaStreamTrackEvent'));
    super(name, init);
    this.#track = init.track;
  }

  get track(): MediaStreamTrack {
    return this.#track;
  }
}
defineInterface(MediaStreamTrackEvent, 'MediaStreamTrackEvent');
