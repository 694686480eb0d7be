/** MediaDeviceInfo (mediacapture-main §9.3) and, in InputDeviceInfo.ts, what input devices add. */
import { isObject } from './webidl/converters';
import { defineInterface, requireInternal } from './webidl/interface';

export interface DeviceInit {
  deviceId: string;
  kind: MediaDeviceKind;
  label: string;
  groupId: string;
}

let is: (value: unknown) => value is MediaDeviceInfo;

export class MediaDeviceInfo {
  static {
    is = (value): value is MediaDeviceInfo => isObject(value) && #init in value;
  }
  readonly #init: DeviceInit;

  constructor(token: unknown = undefined, init?: DeviceInit) {
    requireInternal(token, 'MediaDeviceInfo');
    this.#init = init as DeviceInit;
  }

  get deviceId(): string {
    return this.#init.deviceId;
  }
  get kind(): MediaDeviceKind {
    return this.#init.kind;
  }
  get label(): string {
    return this.#init.label;
  }
  get groupId(): string {
    return this.#init.groupId;
  }

  toJSON(): DeviceInit {
    const { deviceId, kind, label, groupId } = this.#init;
    return { deviceId, kind, label, groupId };
  }
}
defineInterface(MediaDeviceInfo, 'MediaDeviceInfo');

export const isMediaDeviceInfo = is;
