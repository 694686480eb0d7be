// test() for what needs a thing that this machine may not have.
// Invariant: without it a test is skipped and its name says why; in CI it has failed.

/** @param {string | undefined} missing a sentence, where it is missing */
function testWhere(missing) {
  if (!missing) return test;
  const inCi = process.env.CI && process.env.CI !== 'false';
  const fail = () => {
    throw new Error(missing);
  };
  const one = (name, ...rest) =>
    inCi ? test(`${name} [${missing}]`, fail) : test.skip(`${name} [${missing}]`, ...rest);
  one.each = (table) => (name, body) =>
    (inCi ? test : test.skip).each(table)(`${name} [${missing}]`, inCi ? fail : body);
  return one;
}

module.exports = { testWhere };
