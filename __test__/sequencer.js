// The order of the suites: those that compile come first, as they take longest and wait for whatever else wants the processor. One
// of them at the end would leave all workers but its own without anything to do.

const Sequencer = require('@jest/test-sequencer').default;

const COMPILE = [/package\/install\.test\.js$/, /containment\/containment\.test\.js$/];

module.exports = class extends Sequencer {
  async sort(tests) {
    const usual = await super.sort(tests);
    const compiles = ({ path }) => COMPILE.some((pattern) => pattern.test(path.replaceAll('\\', '/')));
    return [...usual.filter(compiles), ...usual.filter((test) => !compiles(test))];
  }
};
