/**
 * MediaStreamConstraints and MediaTrackConstraints: conversion (mediacapture-main §11).
 * Invariant: a constraint that is not known here does not exist, as the standard asks.
 */
import {
  boolean,
  type Converter,
  DOMString,
  dictionary,
  double,
  isObject,
  optional,
  sequence,
  unsignedLongClamped,
} from '../webidl/converters';

/** A bare value, or a dictionary around it; null is an empty dictionary. */
function bareOr<T, D>(bare: Converter<T>, toDictionary: Converter<D>): Converter<T | D> {
  return (value, context) => (value === null || isObject(value) ? toDictionary(value, context) : bare(value, context));
}

/** One string or several. */
const strings: Converter<string | string[]> = (value, context) =>
  isSequence(value) ? sequence(DOMString)(value, context) : DOMString(value, context);

function isSequence(value: unknown): boolean {
  return isObject(value) && (value as Partial<Iterable<unknown>>)[Symbol.iterator] !== undefined;
}

const flagOrText: Converter<boolean | string> = (value, context) =>
  typeof value === 'boolean' ? value : DOMString(value, context);

const range = <T>(toNumber: Converter<T>) => ({ max: optional(toNumber), min: optional(toNumber) });
const choice = <T>(converter: Converter<T>) => ({ exact: optional(converter), ideal: optional(converter) });

const integer = bareOr(
  unsignedLongClamped,
  dictionary('ConstrainULongRange', choice(unsignedLongClamped), range(unsignedLongClamped)),
);
const number = bareOr(double, dictionary('ConstrainDoubleRange', choice(double), range(double)));
const flag = bareOr(boolean, dictionary('ConstrainBooleanParameters', choice(boolean)));
const textDictionary = dictionary('ConstrainDOMStringParameters', choice(strings));
const text: Converter<unknown> = (value, context) =>
  isSequence(value) ? strings(value, context) : bareOr(DOMString, textDictionary)(value, context);
const flagText = bareOr(flagOrText, dictionary('ConstrainBooleanOrDOMStringParameters', choice(flagOrText)));

/** MediaTrackConstraintSet; voiceIsolation is of mediacapture-extensions. */
const constraints = {
  aspectRatio: optional(number),
  autoGainControl: optional(flag),
  channelCount: optional(integer),
  deviceId: optional(text),
  echoCancellation: optional(flagText),
  facingMode: optional(text),
  frameRate: optional(number),
  groupId: optional(text),
  height: optional(integer),
  latency: optional(number),
  noiseSuppression: optional(flag),
  resizeMode: optional(text),
  sampleRate: optional(integer),
  sampleSize: optional(integer),
  voiceIsolation: optional(flag),
  width: optional(integer),
};

/** Names of the constraints that are known. */
export const CONSTRAINTS: readonly string[] = Object.keys(constraints);

const toConstraintSet = dictionary('MediaTrackConstraintSet', constraints);

export const toMediaTrackConstraints = dictionary(
  'MediaTrackConstraints',
  { advanced: optional(sequence(toConstraintSet)) },
  constraints,
) as Converter<MediaTrackConstraints>;

const requested = optional(bareOr(boolean, toMediaTrackConstraints));

export const toMediaStreamConstraints = dictionary('MediaStreamConstraints', { audio: requested, video: requested });
