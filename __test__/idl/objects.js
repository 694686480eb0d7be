// What an object of an interface has and gives out, compared with the types of its IDL; what its members refuse.

const { outcomeOf, requiredArguments } = require('./shape');
const { differences } = require('./values');

/** A symbol is refused by every type but these. */
const TAKES_ALL = ['any', 'boolean', 'EventHandler'];

/** Members of an interface and of those it inherits from that are described, most derived first. */
async function compareObject(specs, definition, object, found) {
  const { name } = definition;
  for (const key of Object.getOwnPropertyNames(object)) {
    // V8 gives errors a stack of their own.
    if (key !== 'stack') found(`${name} objects have a property ${key} of their own`);
  }
  for (const member of definition.members) {
    if (!(member.name in object) && member.special !== 'static') continue;
    if (member.type === 'attribute') await compareAttribute(specs, name, member, object, found);
  }
  const operations = definition.members.filter(({ type }) => type === 'operation');
  for (const operation of operations) {
    const target = operation.special === 'static' ? object.constructor : object;
    if (!(operation.name in target)) continue;
    const overloads = operations.filter((other) => other.name === operation.name);
    if (overloads[0] === operation) await compareOperation(specs, name, overloads, target, found);
  }
}

async function compareAttribute(specs, interfaceName, { name, idlType, readonly, extAttrs }, object, found) {
  const what = `${interfaceName}.${name}`;
  const value = object[name];
  if (idlType.idlType === 'EventHandler') return compareHandler(what, name, object, found);
  for (const sentence of differences(specs, idlType, value, what)) found(sentence);
  if (extAttrs.some((attribute) => attribute.name === 'SameObject') && object[name] !== value) {
    found(`${what} is another object each time`);
  }
  if (readonly || TAKES_ALL.includes(idlType.idlType)) return;
  await refuses(`${what} =`, () => Object.assign(object, { [name]: Symbol('wrong') }), 'throws', found);
  if (specs.enums.has(idlType.idlType)) {
    object[name] = 'nonsense';
    if (object[name] !== value) found(`${what} takes a value that is not in its enum`);
  }
}

function compareHandler(what, name, object, found) {
  const before = object[name];
  const handler = () => {};
  object[name] = handler;
  if (object[name] !== handler) found(`${what} does not keep a function`);
  object[name] = 'text';
  if (object[name] !== null) found(`${what} keeps what is no object`);
  object[name] = before;
}

async function compareOperation(specs, interfaceName, overloads, target, found) {
  const [{ name, idlType }] = overloads;
  const what = `${interfaceName}.${name}()`;
  const wanted = idlType.generic === 'Promise' ? 'rejects' : 'throws';
  for (let given = 0; given < requiredArguments(overloads); given++) {
    await refuses(`${what} with ${given} arguments`, () => target[name](...Array(given).fill('')), wanted, found);
  }
  const first = overloads.map(({ arguments: [argument] }) => argument?.idlType.idlType);
  if (!first.some((type) => type === undefined || TAKES_ALL.includes(type))) {
    const rest = Array(Math.max(0, requiredArguments(overloads) - 1)).fill('');
    await refuses(`${what} with a symbol`, () => target[name](Symbol('wrong'), ...rest), wanted, found);
  }
  if (name.startsWith('get') || name === 'toJSON') await compareResult(specs, what, overloads, target, found);
}

/** What a getter method gives out; those that want to know of what are asked for sound. */
async function compareResult(specs, what, [{ name, idlType, arguments: given }], target, found) {
  const promised = idlType.generic === 'Promise';
  const known = { kind: 'audio', trackId: 'none', constraints: { audio: true } };
  const { how, error, value: result } = await outcomeOf(() => target[name](...given.map((each) => known[each.name])));
  if (how !== 'succeeds') return found(`${what} ${how} with ${error.name}`);
  for (const sentence of differences(specs, promised ? idlType.idlType[0] : idlType, result, what)) found(sentence);
}

async function refuses(what, call, wanted, found) {
  const { how, error } = await outcomeOf(call);
  if (how !== wanted) found(`${what} ${how}`);
  else if (!(error instanceof TypeError)) found(`${what} ${how} with ${error.name}`);
}

module.exports = { compareObject };
