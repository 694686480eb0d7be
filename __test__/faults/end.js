// One end of a call in a network namespace of its own; run.mjs tells it what to do, and carries the descriptions.

const { Talker } = require('../support/talker');

const [hz, farHz] = process.argv.slice(2).map(Number);
const iceServers = JSON.parse(process.env.ICE_SERVERS ?? '[]');
const phone = new Talker({ hz });
phone.pc.setConfiguration({ iceServers });
/** Each state with the moment, in milliseconds, at which it came. */
const states = [];
phone.pc.addEventListener('connectionstatechange', () => states.push([Date.now(), phone.pc.connectionState]));
const errors = [];
phone.pc.addEventListener('icecandidateerror', ({ errorCode, url }) => errors.push([errorCode, url]));

/** With candidates: after a restart gathering is still complete from before when the description is set. */
async function whole(described) {
  const { type } = await described;
  const { pc } = phone;
  await phone.until(() => /^a=end-of-candidates/m.test(pc.localDescription.sdp), 'all candidates are there');
  return { type, sdp: pc.localDescription.sdp };
}

/** Type of the candidate in use, and how its relay is reached. */
async function path() {
  const stats = await phone.pc.getStats();
  const transport = [...stats.values()].find(({ type }) => type === 'transport');
  const { candidateType, relayProtocol } = stats.get(stats.get(transport.selectedCandidatePairId).localCandidateId);
  return [candidateType, relayProtocol];
}

const commands = {
  offer: (options) => whole(phone.offer(options)),
  answer: (offer) => whole(phone.answer(offer)),
  accept: (answer) => phone.accept(answer),
  connected: () => phone.connected(),
  state: () => phone.pc.connectionState,
  states: () => states,
  errors: () => errors,
  path,
  hears: (options) => phone.hears(farHz, options),
  until: (state) => phone.until(() => phone.pc.connectionState === state, `it is ${state}`, 60_000),
  end: () => phone.end(),
};

process.on('message', async ({ id, name, args }) => {
  try {
    process.send({ id, result: (await commands[name](...args)) ?? null });
  } catch (error) {
    process.send({ id, error: error.message });
  }
  if (name === 'end') process.disconnect();
});
process.send({ ready: true });
