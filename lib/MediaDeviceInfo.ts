/** MediaDeviceInfo (mediacapture-main §9.3) and, in InputDeviceInfo.ts, what input devices add. */
import { defineInterface, requireInternal } from './webidl/interface';

export interface DeviceInit {
  deviceId: string;
  kind: MediaDeviceKind;
  label: string;
  groupId: string;
}

export class MediaDeviceInfo {
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
