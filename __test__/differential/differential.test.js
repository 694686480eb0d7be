// The same random sequences of API calls here and in Chromium: what an application sees is the same, but for what is in known.js.

const { findChromium } = require('../browsers/browser');
const { reasonsUnder } = require('../support/reasons');
const { generate } = require('./generator');
const { Hunt, tell } = require('./hunt');
const { CUTS, VIEWS } = require('./known');
const { shrink } = require('./shrink');

jest.setTimeout(10 * 60_000);

const PROGRAMS = 32;

const withChromium = findChromium() || process.env.CI ? test : test.skip;

withChromium(
  `${PROGRAMS} programs do here what they do in Chromium${findChromium() ? '' : ' (no Chromium on this machine)'}`,
  async () => {
    const hunt = await Hunt.start();
    try {
      const seeds = Array.from({ length: PROGRAMS }, (_, n) => n + 1);
      const { programs, toTheEnd, unexplained } = await hunt.run(seeds);
      expect(unexplained.map(tell)).toEqual([]);
      expect(programs).toBe(PROGRAMS);
      // Else the known reasons have come to explain everything.
      expect(toTheEnd).toBeGreaterThan(PROGRAMS / 4);
    } finally {
      await hunt.stop();
    }
  },
);

test('docs/conformance.md lists the reasons, and no others', () => {
  const reasons = [...VIEWS, ...CUTS].map(({ why }) => why);
  expect(reasonsUnder('Where Chromium does otherwise').sort()).toEqual(reasons.sort());
});

test('a seed is the same program each time, and another one than its neighbour', () => {
  expect(generate(7)).toEqual(generate(7));
  expect(generate(7)).not.toEqual(generate(8));
});

test('of a program that differs, the least that does so is left', async () => {
  const program = generate(11);
  const { peer } = program.steps[3];
  // As if each third step of the connection differed.
  const differs = async ({ steps }) => {
    const at = steps.map((step, n) => ({ step, n })).filter(({ step }) => step.peer === peer)[2]?.n;
    return at === undefined ? null : { at, found: ['.log.0: "here" | "there"'] };
  };
  const shrunk = await shrink(program, await differs(program), differs);
  expect(shrunk.program.steps.map((step) => step.peer)).toEqual([peer, peer, peer]);
});
