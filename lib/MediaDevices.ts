/**
 * MediaDevices (mediacapture-main §9.2) over virtual devices: a microphone that the application writes and a camera
 * that shows nothing.
 * Invariant: permission is always granted; getUserMedia fails only for constraints that no device can meet.
 */
import type { Kind } from './binding';
import { DeviceChangeEvent } from './DeviceChangeEvent';
import { InputDeviceInfo } from './InputDeviceInfo';
import { queueTask } from './lane';
import { type DeviceInit, MediaDeviceInfo } from './MediaDeviceInfo';
import { MediaStream } from './MediaStream';
import { createTrack, type MediaStreamTrack } from './MediaStreamTrack';
import { CONSTRAINTS, toMediaStreamConstraints } from './media/constraint-dictionaries';
import { capabilitiesOf, fittest, sampleRateFor, unmet } from './media/constraints';
import { PcmSource } from './media/PcmSource';
import { blankVideo } from './media/signal';
import { OverconstrainedError } from './OverconstrainedError';
import { fail, method } from './webidl/converters';
import { fire } from './webidl/event';
import { defineEventHandlers, type EventHandler } from './webidl/event-handlers';
import { domException } from './webidl/exceptions';
import { defineInterface, INTERNAL, requireInternal } from './webidl/interface';

const GROUP = 'virtual';

// No audiooutput by default: applications call setSinkId on what they find, and there is nothing to play on.
let devices: DeviceInit[] = [
  { deviceId: 'default', kind: 'audioinput', label: 'Virtual microphone', groupId: GROUP },
  { deviceId: 'video', kind: 'videoinput', label: 'Virtual camera', groupId: GROUP },
];

export class MediaDevices extends EventTarget {
  declare ondevicechange: EventHandler;

  constructor(token: unknown = undefined) {
    requireInternal(token, 'MediaDevices');
    super();
  }

  async enumerateDevices(): Promise<MediaDeviceInfo[]> {
    requireMediaDevices(this);
    return deviceInfos();
  }

  getSupportedConstraints(): MediaTrackSupportedConstraints {
    requireMediaDevices(this);
    return Object.fromEntries(CONSTRAINTS.map((name) => [name, true]));
  }

  /** Audio tracks carry what is written to their `source`; silence until then. */
  async getUserMedia(constraints: MediaStreamConstraints = {}): Promise<MediaStream> {
    requireMediaDevices(this);
    const context = method('MediaDevices', 'getUserMedia');
    const { audio = false, video = false } = toMediaStreamConstraints(constraints, `${context} parameter 1`);
    if (!audio && !video) throw fail(context, 'at least one of audio and video must be requested.');
    const opened: MediaStreamTrack[] = [];
    if (audio) opened.push(open('audio', audio === true ? {} : audio));
    if (video) opened.push(open('video', video === true ? {} : video));
    await new Promise<void>((resolve) => queueTask(resolve));
    return new MediaStream(opened);
  }

  async getDisplayMedia(_options: DisplayMediaStreamOptions = {}): Promise<MediaStream> {
    requireMediaDevices(this);
    throw domException('NotSupportedError', 'There is no display to capture');
  }
}
defineEventHandlers(MediaDevices, ['devicechange']);
defineInterface(MediaDevices, 'MediaDevices');

/** navigator.mediaDevices. */
export const mediaDevices = new MediaDevices(INTERNAL);

/** Not in the standard: node-webrtc has it beside mediaDevices. */
export function getUserMedia(constraints?: MediaStreamConstraints): Promise<MediaStream> {
  return mediaDevices.getUserMedia(constraints);
}

/** The virtual devices that enumerateDevices() lists. Not in the standard. */
export const virtualDevices = {
  list: (): DeviceInit[] => devices.map((device) => ({ ...device })),
  /** Replaces the list and fires 'devicechange'. */
  set(list: { deviceId: string; kind: MediaDeviceKind; label?: string; groupId?: string }[]): void {
    devices = list.map(({ deviceId, kind, label, groupId }) => ({
      deviceId: String(deviceId),
      kind,
      label: label ?? String(deviceId),
      groupId: groupId ?? GROUP,
    }));
    queueTask(() => {
      fire(mediaDevices, 'devicechange', () => new DeviceChangeEvent('devicechange', { devices: deviceInfos() }));
    });
  },
};

function deviceInfos(): MediaDeviceInfo[] {
  return devices.map((device) =>
    device.kind === 'audiooutput' ? new MediaDeviceInfo(INTERNAL, device) : new InputDeviceInfo(INTERNAL, device),
  );
}

function requireMediaDevices(value: unknown): void {
  if (value !== mediaDevices) throw new TypeError('Illegal invocation');
}

function open(kind: Kind, constraints: MediaTrackConstraints): MediaStreamTrack {
  const inputs = devices.filter((device) => device.kind === `${kind}input`);
  if (inputs.length === 0) throw domException('NotFoundError', `There is no ${kind} input device`);
  const capabilities = (device: DeviceInit) => capabilitiesOf(kind, device);
  const failures = inputs.map((device) => unmet(capabilities(device), constraints));
  const able = inputs.filter((_, index) => failures[index] === null);
  if (able.length === 0) {
    const failed = failures.at(-1) as string;
    throw new OverconstrainedError(failed, `Cannot satisfy constraint '${failed}'`);
  }
  const device = fittest(able, capabilities, constraints);
  if (kind === 'video') return createTrack(blankVideo(device.label, device), undefined, constraints);
  return new PcmSource({ sampleRate: sampleRateFor(constraints) }, device).createTrack(constraints);
}
