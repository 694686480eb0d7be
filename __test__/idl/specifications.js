// The Web IDL of the standards (@webref/idl), partials and mixins merged: interfaces, dictionaries, enums, typedefs by name.

const { parseAll } = require('@webref/idl');

/** Standards whose interfaces are all expected here; of others only what they add to an interface that is here. */
const CLAIMED = [
  'webrtc',
  'webrtc-encoded-transform',
  'webrtc-priority',
  'webrtc-stats',
  'webrtc-svc',
  'mediacapture-streams',
  'mst-content-hint',
];

/** Definitions of one kind by name; the members of partials are appended, wherever the standard that has them is. */
function merged(definitions, type) {
  const whole = definitions.filter((definition) => definition.type === type && !definition.partial);
  const byName = new Map(
    whole.map(({ name, inheritance, members }) => [name, { name, inheritance, members: [...members] }]),
  );
  for (const definition of definitions) {
    if (definition.type === type && definition.partial)
      byName.get(definition.name)?.members.push(...definition.members);
  }
  return byName;
}

async function specifications() {
  const parsed = await parseAll();
  const definitions = Object.values(parsed).flat();
  const interfaces = merged(definitions, 'interface');
  const mixins = merged(definitions, 'interface mixin');
  for (const { type, target, includes } of definitions) {
    if (type === 'includes') interfaces.get(target)?.members.push(...(mixins.get(includes)?.members ?? []));
  }
  const named = (type) => definitions.filter((definition) => definition.type === type);
  return {
    interfaces,
    dictionaries: merged(definitions, 'dictionary'),
    enums: new Map(named('enum').map(({ name, values }) => [name, values.map(({ value }) => value)])),
    typedefs: new Map(named('typedef').map(({ name, idlType }) => [name, idlType])),
    callbacks: new Set([...named('callback'), ...named('callback interface')].map(({ name }) => name)),
    claimed: CLAIMED.flatMap((specification) => parsed[specification])
      .filter(({ type, partial }) => type === 'interface' && !partial)
      .map(({ name }) => name),
  };
}

/** Fields of a dictionary in the order in which they are read: inherited first, each dictionary by name. */
function fieldsOf({ dictionaries }, name) {
  const { inheritance, members } = dictionaries.get(name);
  const own = [...members].sort((a, b) => (a.name < b.name ? -1 : 1));
  return [...(inheritance ? fieldsOf({ dictionaries }, inheritance) : []), ...own];
}

module.exports = { fieldsOf, specifications };
