/** DeviceChangeEvent (mediacapture-main §9.2.1). */
import { isMediaDeviceInfo, type MediaDeviceInfo } from './MediaDeviceInfo';
import { dictionary, interfaceType, sequence, withDefault } from './webidl/converters';
import { eventInit, eventType, initContext } from './webidl/event';
import { defineInterface } from './webidl/interface';

const toDevices = sequence(interfaceType<MediaDeviceInfo>('MediaDeviceInfo', isMediaDeviceInfo));

const toInit = dictionary(
  'DeviceChangeEventInit',
  {
    devices: withDefault(toDevices, (): MediaDeviceInfo[] => []),
  },
  eventInit,
);

export class DeviceChangeEvent extends Event {
  readonly #devices: readonly MediaDeviceInfo[];

  constructor(type: string, eventInitDict: { devices?: MediaDeviceInfo[] } = {}) {
    const name = eventType('DeviceChangeEvent', arguments.length, 1, type);
    const init = toInit(eventInitDict, initContext('DeviceChangeEvent'));
    super(name, init);
    this.#devices = Object.freeze([...init.devices]);
  }

  /** All devices, as enumerateDevices() lists them. */
  get devices(): readonly MediaDeviceInfo[] {
    return this.#devices;
  }
  /** Nobody plugs in a virtual device: always empty. */
  get userInsertedDevices(): readonly MediaDeviceInfo[] {
    return this.#devices && NONE;
  }
}
defineInterface(DeviceChangeEvent, 'DeviceChangeEvent');

const NONE: readonly MediaDeviceInfo[] = Object.freeze([]);
