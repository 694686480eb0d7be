// What Web IDL's JavaScript binding asks of an interface object and its prototype, compared with what is there.
// Every difference is a sentence; there is no other output.

const isConstructor = (value) => {
  try {
    Reflect.construct(Object, [], value);
    return true;
  } catch {
    return false;
  }
};

const flags = ({ writable, enumerable, configurable }) =>
  [
    ...(writable === undefined ? [] : [writable ? 'writable' : 'read-only']),
    enumerable ? 'enumerable' : 'not enumerable',
    configurable ? 'configurable' : 'not configurable',
  ].join(', ');

/** The fewest arguments of any overload. */
function requiredArguments(overloads) {
  return Math.min(
    ...overloads.map(({ arguments: given }) => given.filter(({ optional, variadic }) => !optional && !variadic).length),
  );
}

/** Throws, or rejects if it promises; says which, and what. */
async function outcomeOf(call) {
  let promise;
  try {
    promise = call();
  } catch (error) {
    return { how: 'throws', error };
  }
  try {
    return { how: 'succeeds', value: await promise };
  } catch (error) {
    return { how: 'rejects', error };
  }
}

/** Compares one interface; `found` takes the differences. */
class Shape {
  constructor(definition, target, { exported, found }) {
    this.name = definition.name;
    this.definition = definition;
    this.target = target;
    this.exported = exported;
    this.found = (sentence) => found(`${this.name}${sentence}`);
    this.members = definition.members.filter(({ type }) => type === 'attribute' || type === 'operation');
  }

  flags(what, descriptor, wanted) {
    if (flags(descriptor) !== wanted) this.found(`${what} is ${flags(descriptor)}`);
  }

  async compare() {
    this.object();
    this.inheritance();
    await this.construction();
    for (const member of this.members.filter(({ type }) => type === 'attribute')) await this.attribute(member);
    for (const [, overloads] of this.operations()) await this.operation(overloads);
    if (this.definition.members.some(({ type }) => type === 'maplike')) this.maplike();
    this.additions();
  }

  object() {
    const { target, name } = this;
    if (target.name !== name) this.found(` is called ${target.name}`);
    this.flags(
      '.prototype',
      Object.getOwnPropertyDescriptor(target, 'prototype'),
      'read-only, not enumerable, not configurable',
    );
    const tag = Object.getOwnPropertyDescriptor(target.prototype, Symbol.toStringTag);
    if (tag?.value !== name) this.found(`'s toStringTag is ${String(tag?.value)}`);
    else this.flags("'s toStringTag", tag, 'read-only, not enumerable, configurable');
    const own = Object.getOwnPropertyDescriptor(target.prototype, 'constructor');
    if (own?.value !== target) this.found("'s prototype has another constructor");
    else this.flags("'s constructor", own, 'writable, not enumerable, configurable');
  }

  inheritance() {
    const { inheritance } = this.definition;
    const parent = inheritance ? (this.exported[inheritance] ?? globalThis[inheritance]) : undefined;
    if (Object.getPrototypeOf(this.target.prototype) !== (parent?.prototype ?? Object.prototype)) {
      this.found(` inherits from ${Object.getPrototypeOf(this.target.prototype).constructor.name}`);
    }
    if (Object.getPrototypeOf(this.target) !== (parent ?? Function.prototype)) {
      this.found(`'s interface object inherits from ${Object.getPrototypeOf(this.target).name}`);
    }
  }

  async construction() {
    const { target } = this;
    const overloads = this.definition.members.filter(({ type }) => type === 'constructor');
    const length = overloads.length > 0 ? requiredArguments(overloads) : 0;
    if (target.length !== length) this.found(`.length is ${target.length}, not ${length}`);
    const outcomes = [['() without new', () => target()]];
    if (overloads.length === 0) outcomes.push([' as a constructor', () => new target()]);
    for (let given = 0; given < length; given++) {
      outcomes.push([` with ${given} arguments`, () => new target(...Array(given).fill('x'))]);
    }
    for (const [what, call] of outcomes) {
      const { how, error } = await outcomeOf(call);
      if (how !== 'throws') this.found(`${what} ${how}`);
      else if (!(error instanceof TypeError)) this.found(`${what} throws ${error.name}`);
      else if (what === ' as a constructor' && !/Illegal constructor/.test(error.message)) {
        this.found(`${what} does not say that it is illegal`);
      }
    }
  }

  /** Members by name, overloads together. */
  operations() {
    const byName = new Map();
    for (const member of this.members) {
      if (member.type !== 'operation') continue;
      const key = `${member.special === 'static' ? 'static ' : ''}${member.name}`;
      byName.set(key, [...(byName.get(key) ?? []), member]);
    }
    return byName;
  }

  async attribute({ name, readonly, special, idlType }) {
    const owner = special === 'static' ? this.target : this.target.prototype;
    const descriptor = Object.getOwnPropertyDescriptor(owner, name);
    if (!descriptor) return this.found(`.${name} is absent`);
    if (!descriptor.get) return this.found(`.${name} is not an accessor`);
    this.flags(`.${name}`, descriptor, 'enumerable, configurable');
    this.accessor(name, descriptor.get, 'get', 0);
    if (readonly && descriptor.set) this.found(`.${name} can be set`);
    if (!readonly && !descriptor.set) this.found(`.${name} cannot be set`);
    if (!readonly && descriptor.set) this.accessor(name, descriptor.set, 'set', 1);
    await this.foreign(`.${name}`, () => descriptor.get.call({}), idlType);
    if (descriptor.set) await this.foreign(`.${name} =`, () => descriptor.set.call({}, null));
  }

  accessor(name, call, prefix, length) {
    if (call.name !== `${prefix} ${name}`) this.found(`.${name} has an accessor called ${call.name}`);
    if (call.length !== length) this.found(`.${name} has a ${prefix}ter of length ${call.length}`);
    if (isConstructor(call)) this.found(`.${name} has a ${prefix}ter that constructs`);
  }

  async operation(overloads) {
    const [{ name, special, idlType }] = overloads;
    const owner = special === 'static' ? this.target : this.target.prototype;
    const descriptor = Object.getOwnPropertyDescriptor(owner, name);
    if (!descriptor) return this.found(`.${name}() is absent`);
    if (typeof descriptor.value !== 'function') return this.found(`.${name}() is not a method`);
    this.flags(`.${name}()`, descriptor, 'writable, enumerable, configurable');
    const call = descriptor.value;
    const length = requiredArguments(overloads);
    if (call.name !== name) this.found(`.${name}() is called ${call.name}`);
    if (call.length !== length) this.found(`.${name}.length is ${call.length}, not ${length}`);
    if (isConstructor(call)) this.found(`.${name}() constructs`);
    if (special !== 'static') await this.foreign(`.${name}()`, () => call.call({}, ...Array(length).fill({})), idlType);
  }

  /** An object of no interface as `this`. */
  async foreign(what, call, idlType) {
    const { how, error } = await outcomeOf(call);
    const wanted = idlType?.generic === 'Promise' ? 'rejects' : 'throws';
    if (how !== wanted) this.found(`${what} ${how} on a foreign object`);
    else if (!(error instanceof TypeError)) this.found(`${what} ${how} with ${error.name} on a foreign object`);
  }

  maplike() {
    const { prototype } = this.target;
    const size = Object.getOwnPropertyDescriptor(prototype, 'size');
    if (!size?.get || size.set) this.found('.size is not a read-only attribute');
    else this.flags('.size', size, 'enumerable, configurable');
    for (const [name, length] of Object.entries({ entries: 0, keys: 0, values: 0, forEach: 1, get: 1, has: 1 })) {
      const descriptor = Object.getOwnPropertyDescriptor(prototype, name);
      if (!descriptor) this.found(`.${name}() is absent`);
      else if (descriptor.value.length !== length)
        this.found(`.${name}.length is ${descriptor.value.length}, not ${length}`);
      else this.flags(`.${name}()`, descriptor, 'writable, enumerable, configurable');
    }
    const iterator = Object.getOwnPropertyDescriptor(prototype, Symbol.iterator);
    if (iterator?.value !== prototype.entries) this.found("'s iterator is not its entries()");
    else this.flags("'s iterator", iterator, 'writable, not enumerable, configurable');
  }

  additions() {
    const { target } = this;
    const isMap = this.definition.members.some(({ type }) => type === 'maplike');
    const known = (wanted) =>
      this.members.filter(({ special }) => (special === 'static') === wanted).map(({ name }) => name);
    const ofPrototype = [
      'constructor',
      ...known(false),
      ...(isMap ? ['size', 'entries', 'keys', 'values', 'forEach', 'get', 'has'] : []),
    ];
    for (const key of Object.getOwnPropertyNames(target.prototype)) {
      if (!ofPrototype.includes(key)) this.found(`.${key} is in no IDL`);
    }
    for (const key of Object.getOwnPropertyNames(target)) {
      if (!['length', 'name', 'prototype', ...known(true)].includes(key)) this.found(`.${key} (static) is in no IDL`);
    }
  }
}

/** Compares `target` with `definition`, `exported` being all that is exported. */
async function compareShape(definition, target, context) {
  await new Shape(definition, target, context).compare();
}

module.exports = { compareShape, outcomeOf, requiredArguments };
