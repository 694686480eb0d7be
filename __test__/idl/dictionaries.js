// How a dictionary is read: which members, in which order, what each refuses, and what stands in for those left out.

const { fieldsOf } = require('./specifications');
const { outcomeOf } = require('./shape');

const BITS = { octet: 8, 'unsigned short': 16, 'unsigned long': 32, 'unsigned long long': 53 };
/** Of 64 bits, as far as numbers can tell them. */
const WRAPPED_LONG = [
  [2 ** 64 + 4096, 4096],
  [-1, 2 ** 64],
];
const REFUSES_SYMBOL = ['DOMString', 'USVString', 'double', 'long', ...Object.keys(BITS)];

/** Values that a type refuses, by what is wrong with them. */
function refused(specs, idlType) {
  const name = idlType.idlType;
  if (idlType.union) {
    const each = idlType.idlType.map((type) => Object.keys(refused(specs, type)));
    return each.every((kinds) => kinds.includes('a symbol')) ? { 'a symbol': Symbol('wrong') } : {};
  }
  if (idlType.generic === 'sequence') return { 'what is no sequence': 1, 'a symbol': Symbol('wrong') };
  if (specs.typedefs.has(name)) return refused(specs, specs.typedefs.get(name));
  if (specs.enums.has(name)) return { 'a value that is not in its enum': 'nonsense', 'a symbol': Symbol('wrong') };
  if (specs.interfaces.has(name)) return { 'an object of another interface': {}, 'a symbol': Symbol('wrong') };
  if (specs.dictionaries.has(name)) return { 'what is no object': 1, 'a symbol': Symbol('wrong') };
  if (!REFUSES_SYMBOL.includes(name)) return {};
  return {
    'a symbol': Symbol('wrong'),
    ...(name === 'double' ? { NaN: Number.NaN } : {}),
    ...(isEnforced(idlType) ? { 'a number below its range': -1, 'a number above its range': 2 ** BITS[name] } : {}),
  };
}

/** The object, and what has been read of it. */
function watched(object) {
  const reads = [];
  const proxy = new Proxy(object, {
    get(target, key) {
      if (typeof key === 'string') reads.push(key);
      return target[key];
    },
  });
  return { proxy, reads };
}

/**
 * `take(init)` hands a dictionary over; `valid` has the members it cannot do without, `needs` those that a member cannot; in
 * `shown(result)` its members can be read again.
 */
async function compareDictionary(specs, name, { take, valid = {}, needs = {}, shown }, found) {
  const fields = fieldsOf(specs, name);
  const { proxy, reads } = watched(valid);
  const { how, error } = await outcomeOf(() => take(proxy));
  if (how !== 'succeeds') found(`${name} with what it needs ${how} ${error.name}: ${error.message}`);
  const read = [...new Set(reads)];
  const names = fields.map((field) => field.name);
  for (const key of read) if (!names.includes(key)) found(`${name}.${key} is read, and is in no IDL`);
  for (const field of fields) if (!read.includes(field.name)) found(`${field.parent.name}.${field.name} is not read`);
  const known = read.filter((key) => names.includes(key));
  if (String(known) !== String(names.filter((key) => read.includes(key))))
    found(`${name} is read in the order ${known}`);
  if (reads.length !== read.length) found(`${name} has members that are read twice`);
  for (const field of fields.filter((each) => read.includes(each.name))) {
    await compareField(specs, name, field, { take, valid: { ...valid, ...needs[field.name] }, shown }, found);
  }
}

async function compareField(specs, dictionary, field, { take, valid, shown }, found) {
  const what = `${dictionary}.${field.name}`;
  const given = async (init) => {
    const { how, error } = await outcomeOf(() => take(init));
    return how === 'succeeds' ? 'taken' : error instanceof TypeError ? 'refused' : `refused with ${error.name}`;
  };
  if (field.required) {
    const { [field.name]: _, ...rest } = valid;
    const outcome = await given(rest);
    if (outcome !== 'refused') found(`${what} is required, and ${outcome} when it is left out`);
  }
  for (const [kind, value] of Object.entries(refused(specs, field.idlType))) {
    const outcome = await given({ ...valid, [field.name]: value });
    if (outcome !== 'refused') found(`${what}: ${kind} is ${outcome}`);
  }
  for (const value of specs.enums.get(field.idlType.idlType) ?? []) {
    const outcome = await given({ ...valid, [field.name]: value });
    if (outcome === 'refused') found(`${what}: '${value}' is refused`);
  }
  if (!shown) return;
  const show = async (init) => JSON.stringify(shown(await take(init))[field.name]);
  for (const [value, wanted] of conversions(field.idlType)) {
    const outcome = await show({ ...valid, [field.name]: value }).catch(({ name }) => name);
    if (outcome !== JSON.stringify(wanted)) found(`${what}: ${JSON.stringify(value)} becomes ${outcome}`);
  }
  if (!field.default || field.name in valid) return;
  const value = await show(valid);
  const wanted = JSON.stringify(defaultOf(field.default));
  if (value !== wanted) found(`${what} is ${value} by default, not ${wanted}`);
}

/** What becomes of values of other types. */
function conversions(idlType) {
  const name = idlType.idlType;
  if (idlType.union || idlType.generic) return [];
  const nothing = (otherwise) => [null, idlType.nullable ? null : otherwise];
  if (name === 'boolean') return [['no', true], [0, false], nothing(false)];
  if (name === 'DOMString') return [[7, '7'], nothing('null')];
  if (name === 'USVString') return [['\ud800', '\ufffd'], nothing('null')];
  if (name === 'double') return [['2', 2]];
  const bits = BITS[name];
  if (!bits) return [];
  const wrapped =
    bits === 53
      ? WRAPPED_LONG
      : [
          [2 ** bits + 1, 1],
          [-1, 2 ** bits - 1],
        ];
  return [['7', 7], [7.9, 7], ...(isEnforced(idlType) ? [] : wrapped), nothing(0)];
}

function isEnforced({ extAttrs, parent }) {
  return [...extAttrs, ...(parent?.extAttrs ?? [])].some(({ name }) => name === 'EnforceRange');
}

function defaultOf({ type, value }) {
  if (type === 'sequence') return [];
  if (type === 'dictionary') return {};
  if (type === 'null') return null;
  return type === 'number' ? Number(value) : value;
}

/** Dictionaries that members of these interfaces take, with all that are in them. */
function taken(specs, interfaces) {
  const names = new Set();
  const visit = (idlType) => {
    if (Array.isArray(idlType.idlType)) return idlType.idlType.forEach(visit);
    const name = idlType.idlType;
    if (specs.typedefs.has(name)) return visit(specs.typedefs.get(name));
    if (!specs.dictionaries.has(name) || names.has(name)) return undefined;
    names.add(name);
    return fieldsOf(specs, name).forEach((field) => {
      visit(field.idlType);
    });
  };
  for (const { members } of interfaces) {
    for (const member of members) for (const argument of member.arguments ?? []) visit(argument.idlType);
  }
  return [...names].sort();
}

module.exports = { compareDictionary, taken };
