// One end of a call in a network namespace of its own, ours or a Chromium's; run.mjs tells it what to do, and carries the
// descriptions. Arguments: who, the frequency it speaks with, the one it listens for.

const { Browser } = require('../browsers/browser');
const { Talker } = require('../support/talker');

const [who, ...frequencies] = process.argv.slice(2);
const [hz, farHz] = frequencies.map(Number);

/** With candidates: after a restart gathering is still complete from before when the description is set. */
async function whole(phone, described) {
  const { type } = await described;
  const { pc } = phone;
  await phone.until(() => /^a=end-of-candidates/m.test(pc.localDescription.sdp), 'all candidates are there');
  return { type, sdp: pc.localDescription.sdp };
}

/** Type of the candidate in use, and how its relay is reached. */
async function path(pc) {
  const stats = await pc.getStats();
  const transport = [...stats.values()].find(({ type }) => type === 'transport');
  const { candidateType, relayProtocol } = stats.get(stats.get(transport.selectedCandidatePairId).localCandidateId);
  return [candidateType, relayProtocol];
}

async function ours() {
  const phone = new Talker({ hz });
  const iceServers = JSON.parse(process.env.ICE_SERVERS ?? '[]');
  phone.pc.setConfiguration({ iceServers });
  const errors = [];
  phone.pc.addEventListener('icecandidateerror', ({ errorCode, url }) => errors.push([errorCode, url]));
  return {
    phone,
    commands: {
      offer: (options) => whole(phone, phone.offer(options)),
      answer: (offer) => whole(phone, phone.answer(offer)),
      errors: () => errors,
      path: () => path(phone.pc),
      end: () => phone.end(),
    },
  };
}

async function chromium() {
  const browser = await Browser.start();
  const phone = await browser.openPhone({ hz });
  return {
    phone,
    commands: {
      offer: (options) => phone.offer(options),
      answer: (offer) => phone.answer(offer),
      end: () => browser.stop(),
    },
  };
}

async function main() {
  const { phone, commands } = await { ours, chromium }[who]();
  for (const name of ['accept', 'connected', 'reaches', 'history', 'startRecording'])
    commands[name] = (...args) => phone[name](...args);
  commands.hears = (options) => phone.hears(farHz, options);
  commands.stopRecording = () => phone.stopRecording(farHz);

  process.on('message', async ({ id, name, args }) => {
    try {
      process.send({ id, result: (await commands[name](...args)) ?? null });
    } catch (error) {
      process.send({ id, error: error.message });
    }
    if (name === 'end') process.disconnect();
  });
  process.send({ ready: true });
}

main();
