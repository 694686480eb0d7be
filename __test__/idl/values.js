// Whether a value is what an IDL type says, dictionaries member by member.

const { isAnyArrayBuffer, isPromise } = require('node:util/types');
const { fieldsOf } = require('./specifications');

const INTEGERS = { octet: [0, 2 ** 8 - 1], 'unsigned short': [0, 2 ** 16 - 1], short: [-(2 ** 15), 2 ** 15 - 1] };
INTEGERS['unsigned long'] = [0, 2 ** 32 - 1];
INTEGERS.long = [-(2 ** 31), 2 ** 31 - 1];
INTEGERS['unsigned long long'] = [0, Number.MAX_SAFE_INTEGER];
INTEGERS['long long'] = [Number.MIN_SAFE_INTEGER, Number.MAX_SAFE_INTEGER];

const isString = (value) => typeof value === 'string';
const SIMPLE = {
  any: () => true,
  undefined: (value) => value === undefined,
  object: (value) => typeof value === 'object' && value !== null,
  boolean: (value) => typeof value === 'boolean',
  double: Number.isFinite,
  'unrestricted double': (value) => typeof value === 'number',
  DOMString: isString,
  ByteString: isString,
  USVString: (value) => isString(value) && value.isWellFormed(),
  ArrayBuffer: isAnyArrayBuffer,
};

/** Of the interface or one that inherits from it. */
function isOf(name, value) {
  for (let of = value; SIMPLE.object(of); of = Object.getPrototypeOf(of))
    if (of.constructor?.name === name) return true;
  return false;
}

/** Differences between `value` and its type, as sentences that begin with `what`. */
function differences(specs, idlType, value, what) {
  const { enums, typedefs, interfaces, dictionaries, callbacks } = specs;
  const wrong = [`${what} is not of type ${nameOf(idlType)}`];
  const when = (holds) => (holds ? [] : wrong);
  if (value === null && idlType.nullable) return [];
  if (idlType.union) return when(idlType.idlType.some((type) => differences(specs, type, value, what).length === 0));
  const items = () => value.flatMap((item) => differences(specs, idlType.idlType[0], item, `an item of ${what}`));
  if (idlType.generic === 'sequence') return Array.isArray(value) ? items() : wrong;
  if (idlType.generic === 'FrozenArray') return Array.isArray(value) && Object.isFrozen(value) ? items() : wrong;
  if (idlType.generic === 'Promise') return when(isPromise(value));
  if (idlType.generic === 'record') return when(SIMPLE.object(value));
  const name = idlType.idlType;
  if (SIMPLE[name]) return when(SIMPLE[name](value));
  if (INTEGERS[name]) return when(Number.isInteger(value) && value >= INTEGERS[name][0] && value <= INTEGERS[name][1]);
  if (typedefs.has(name)) return differences(specs, typedefs.get(name), value, what);
  if (enums.has(name)) return when(enums.get(name).includes(value));
  if (callbacks.has(name)) return when(typeof value === 'function');
  if (dictionaries.has(name)) return SIMPLE.object(value) ? ofDictionary(specs, name, value) : wrong;
  if (interfaces.has(name)) return when(isOf(name, value));
  throw new Error(`no such type: ${name}`);
}

/** A dictionary that was given out: all required members, no unknown ones. */
function ofDictionary(specs, name, value) {
  const fields = new Map(fieldsOf(specs, name).map((field) => [field.name, field]));
  return [
    ...[...fields.values()]
      .filter((field) => field.required && value[field.name] === undefined)
      .map((field) => `${name}.${field.name} is missing where it is given out`),
    ...Object.entries(value).flatMap(([key, item]) =>
      fields.has(key)
        ? differences(specs, fields.get(key).idlType, item, `${name}.${key}`)
        : [`${name}.${key} is in no IDL`],
    ),
  ];
}

function nameOf({ union, generic, idlType, nullable }) {
  const inner = union
    ? `(${idlType.map(nameOf).join(' or ')})`
    : generic
      ? `${generic}<${nameOf(idlType[0])}>`
      : idlType;
  return nullable ? `${inner}?` : inner;
}

module.exports = { differences };
