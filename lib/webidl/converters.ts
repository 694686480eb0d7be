/**
 * Conversions from JavaScript values to Web IDL types (https://webidl.spec.whatwg.org/#js-type-mapping).
 * Invariant: TypeError and RangeError for wrong arguments come from here, before anything has changed.
 */

/** `context` says which argument is being converted: "Failed to execute 'x' on 'Y': parameter 1". */
export type Converter<T> = (value: unknown, context: string) => T;

export function fail(context: string, message: string): TypeError {
  return new TypeError(`${context} ${message}`);
}

export function method(interfaceName: string, member: string): string {
  return `Failed to execute '${member}' on '${interfaceName}':`;
}

export function constructing(interfaceName: string): string {
  return `Failed to construct '${interfaceName}':`;
}

export function attribute(interfaceName: string, member: string): string {
  return `Failed to set the '${member}' property on '${interfaceName}':`;
}

export function requireArguments(given: number, required: number, context: string): void {
  if (given < required) {
    const noun = required === 1 ? 'argument' : 'arguments';
    throw fail(context, `${required} ${noun} required, but only ${given} present.`);
  }
}

export const any: Converter<unknown> = (value) => value;

export const boolean: Converter<boolean> = (value) => Boolean(value);

export const DOMString: Converter<string> = (value, context) => {
  if (typeof value === 'symbol') throw fail(context, 'is a symbol, which cannot be converted to a string.');
  return String(value);
};

export const USVString: Converter<string> = (value, context) => {
  // String.prototype.toWellFormed is in every supported Node; lib.es2023 does not know it.
  return (DOMString(value, context) as string & { toWellFormed(): string }).toWellFormed();
};

function toNumber(value: unknown, context: string): number {
  if (typeof value === 'symbol' || typeof value === 'bigint') throw fail(context, 'is not a number.');
  return Number(value);
}

export const double: Converter<number> = (value, context) => {
  const number = toNumber(value, context);
  if (!Number.isFinite(number)) throw fail(context, 'is not a finite number.');
  return number;
};

type IntegerMode = 'wrap' | 'enforceRange' | 'clamp';

/** `bits` up to 32, or 53 for the long long types that WebRTC uses with [EnforceRange] only. */
function integer(bits: number, signed: boolean, mode: IntegerMode): Converter<number> {
  const max = bits === 53 ? Number.MAX_SAFE_INTEGER : signed ? 2 ** (bits - 1) - 1 : 2 ** bits - 1;
  const min = !signed ? 0 : bits === 53 ? Number.MIN_SAFE_INTEGER : -(2 ** (bits - 1));
  return (value, context) => {
    const number = toNumber(value, context);
    if (mode === 'enforceRange') {
      const truncated = Math.trunc(number);
      if (!Number.isFinite(number) || truncated < min || truncated > max) {
        throw fail(context, `is outside the range [${min}, ${max}].`);
      }
      return truncated + 0; // no -0
    }
    if (mode === 'clamp') {
      if (Number.isNaN(number)) return 0;
      return Math.round(Math.min(Math.max(number, min), max)) + 0;
    }
    if (!Number.isFinite(number)) return 0;
    const modulus = 2 ** bits;
    const wrapped = ((Math.trunc(number) % modulus) + modulus) % modulus;
    return signed && wrapped > max ? wrapped - modulus : wrapped;
  };
}

export const octet = integer(8, false, 'wrap');
export const octetEnforced = integer(8, false, 'enforceRange');
export const short = integer(16, true, 'wrap');
export const unsignedShort = integer(16, false, 'wrap');
export const unsignedShortEnforced = integer(16, false, 'enforceRange');
export const long = integer(32, true, 'wrap');
export const unsignedLong = integer(32, false, 'wrap');
export const unsignedLongEnforced = integer(32, false, 'enforceRange');
export const unsignedLongClamped = integer(32, false, 'clamp');
function longer(wrap: (value: bigint) => bigint): Converter<number> {
  return (value, context) => {
    const number = toNumber(value, context);
    return Number.isFinite(number) ? Number(wrap(BigInt(Math.trunc(number)))) : 0;
  };
}
export const unsignedLongLong = longer((value) => BigInt.asUintN(64, value));
export const longLong = longer((value) => BigInt.asIntN(64, value));
export const unsignedLongLongEnforced = integer(53, false, 'enforceRange');

export function nullable<T>(converter: Converter<T>): Converter<T | null> {
  return (value, context) => (value === null || value === undefined ? null : converter(value, context));
}

export function enumeration<const T extends string>(name: string, values: readonly T[]): Converter<T> {
  return (value, context) => {
    const text = DOMString(value, context);
    if (!(values as readonly string[]).includes(text)) {
      throw fail(context, `'${text}' is not a valid enum value of type ${name}.`);
    }
    return text as T;
  };
}

export function sequence<T>(converter: Converter<T>): Converter<T[]> {
  return (value, context) => {
    if (!isObject(value)) throw fail(context, 'is not a sequence.');
    const iterate = (value as unknown as Partial<Iterable<unknown>>)[Symbol.iterator];
    if (typeof iterate !== 'function') throw fail(context, 'is not iterable.');
    const result: T[] = [];
    for (const item of value as unknown as Iterable<unknown>) {
      result.push(converter(item, `${context} item ${result.length}`));
    }
    return result;
  };
}

/** An object of an interface; `is` is the brand check of its class. */
export function interfaceType<T>(name: string, is: (value: unknown) => value is T): Converter<T> {
  return (value, context) => {
    if (!is(value)) throw fail(context, `is not of type '${name}'.`);
    return value;
  };
}

export function callback<T>(value: unknown, context: string): T {
  if (typeof value !== 'function') throw fail(context, 'is not a function.');
  return value as T;
}

export function isObject(value: unknown): value is object {
  return (typeof value === 'object' && value !== null) || typeof value === 'function';
}

/** A deep copy of what a conversion has made: a realm of jsdom has no structuredClone(). */
export function copyData<T>(value: T): T {
  if (Array.isArray(value)) return value.map(copyData) as T;
  if (!isObject(value)) return value;
  return Object.fromEntries(Object.entries(value).map(([key, member]) => [key, copyData(member)])) as T;
}

export interface Member<T> {
  converter: Converter<T>;
  required?: boolean;
  default?: () => T;
}

export function required<T>(converter: Converter<T>): Member<T> & { required: true } {
  return { converter, required: true };
}

export function withDefault<T>(converter: Converter<T>, value: () => T): Member<T> & { default: () => T } {
  return { converter, default: value };
}

export function optional<T>(converter: Converter<T>): Member<T> {
  return { converter };
}

type Members = Record<string, Member<unknown>>;
type DictionaryOf<M extends Members> = {
  [K in keyof M as M[K] extends { required: true } | { default: () => unknown } ? K : never]: MemberType<M[K]>;
} & {
  [K in keyof M as M[K] extends { required: true } | { default: () => unknown } ? never : K]?: MemberType<M[K]>;
};
type MemberType<M> = M extends Member<infer T> ? T : never;

/** A dictionary; members are read in the order of the standard: inherited ones first, each part by name. */
export function dictionary<M extends Members, I extends Members = Record<never, never>>(
  name: string,
  own: M,
  inherited?: I,
): Converter<DictionaryOf<M & I>> {
  const keys = [...Object.keys(inherited ?? {}).sort(), ...Object.keys(own).sort()];
  const members: Members = { ...inherited, ...own };
  return (value, context) => {
    if (value !== undefined && value !== null && !isObject(value)) {
      throw fail(context, `is not an object that can be converted to ${name}.`);
    }
    const result: Record<string, unknown> = {};
    for (const key of keys) {
      const member = members[key] as Member<unknown>;
      const given = value === undefined || value === null ? undefined : (value as Record<string, unknown>)[key];
      if (given !== undefined) result[key] = member.converter(given, `${context} member '${key}' of ${name}`);
      else if (member.required) throw fail(context, `required member '${key}' of ${name} is undefined.`);
      else if (member.default) result[key] = member.default();
    }
    return result as DictionaryOf<M & I>;
  };
}
