/**
 * RTCRtpScriptTransform (webrtc-encoded-transform §7.2): the page's end of a transform that runs in a worker.
 * Invariant: a transform belongs to the sender or receiver that it was first set on, for life.
 */
import { binding, type NativeDetour } from '../binding';
import {
  any,
  constructing,
  dictionary,
  enumeration,
  fail,
  interfaceType,
  isObject,
  optional,
  requireArguments,
  required,
  sequence,
} from '../webidl/converters';
import { domException } from '../webidl/exceptions';
import { defineInterface } from '../webidl/interface';
import { TRANSFORM_MESSAGE } from './message';

/** Of `worker_threads`, or of anything else that runs in this process and takes messages. */
interface MessageTarget {
  postMessage(message: unknown, transfer?: readonly unknown[]): void;
}

interface Slots {
  detour: NativeDetour;
  owner: object | null;
}

const isWorker = (value: unknown): value is MessageTarget =>
  isObject(value) && typeof Reflect.get(value, 'postMessage') === 'function';
const toWorker = interfaceType<MessageTarget>('Worker', isWorker);
const toParameters = dictionary('WorkerAndParameters', {
  type: optional(enumeration('RTCRtpScriptTransformType', ['sframe'])),
  worker: required(toWorker),
});
const toTransfer = sequence((value, context) => {
  if (!isObject(value)) throw fail(context, 'not an object.');
  return value;
});

let slotsOf: (transform: RTCRtpScriptTransform) => Slots;
let is: (value: unknown) => value is RTCRtpScriptTransform;

export class RTCRtpScriptTransform {
  static {
    slotsOf = (transform) => transform.#slots;
    is = (value): value is RTCRtpScriptTransform => isObject(value) && #slots in value;
  }
  readonly #slots: Slots;

  constructor(worker: unknown, options: unknown = undefined, transfer: object[] = []) {
    const context = constructing('RTCRtpScriptTransform');
    requireArguments(arguments.length, 1, context);
    const target = workerOf(worker, `${context} parameter 1`);
    const given = any(options, context);
    const transferred = toTransfer(transfer, `${context} parameter 3`);
    this.#slots = { detour: new binding.Detour(), owner: null };
    target.postMessage({ [TRANSFORM_MESSAGE]: { detour: this.#slots.detour.id, options: given } }, transferred);
  }
}
defineInterface(RTCRtpScriptTransform, 'RTCRtpScriptTransform');

/** A worker, or WorkerAndParameters with one. */
function workerOf(value: unknown, context: string): MessageTarget {
  if (isWorker(value) || !isObject(value)) return toWorker(value, context);
  const { type, worker } = toParameters(value, context);
  if (type !== undefined) throw domException('NotSupportedError', 'There are no SFrame packets here');
  return worker;
}

export const isRTCRtpScriptTransform = is;

/** Takes the transform for `owner`; throws where another one has it. */
export function takeTransform(transform: RTCRtpScriptTransform, owner: object): NativeDetour {
  const slots = slotsOf(transform);
  if (slots.owner && slots.owner !== owner) {
    throw domException('InvalidStateError', 'The transform is in use by another sender or receiver');
  }
  slots.owner = owner;
  return slots.detour;
}
