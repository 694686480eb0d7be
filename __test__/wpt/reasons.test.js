// Why a web-platform-test is expected to fail is said to the reader of the documentation, not only here.

const { reasonsUnder } = require('../support/reasons');
const { reasons, files } = require('./expectations.json');

test('every subtest that is expected to fail has a reason, and every reason is one of a subtest', () => {
  const used = Object.values(files).flatMap((subtests) => Object.values(subtests));
  expect(new Set(used)).toEqual(new Set(Object.keys(reasons)));
});

test('docs/conformance.md lists the reasons, and no others', () => {
  expect(reasonsUnder('Why web-platform-tests fail').sort()).toEqual(
    Object.values(reasons)
      .map(({ why }) => why)
      .sort(),
  );
});
