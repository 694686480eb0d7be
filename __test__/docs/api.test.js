// docs/api.md is what the types say now, and tells of every export.

const fs = require('node:fs');
const { declarations, document, DOCUMENT } = require('../../scripts/api.js');

test('it is current: `npm run docs:api` changes nothing', () => {
  expect(fs.readFileSync(DOCUMENT, 'utf8')).toBe(document());
});

test('every value that the package exports is in it', () => {
  const text = document();
  for (const entry of ['webphone-rtc', 'webphone-rtc/webphone', 'webphone-rtc/internals', 'webphone-rtc/tracing'])
    for (const name of Object.keys(require(entry))) expect(text).toMatch(new RegExp(`^### \\w+ ${name}$`, 'm'));
});

test('a declaration is taken whole, with its own comment, and overloads together', () => {
  const found = declarations(
    [
      '/** One. */',
      'export declare class One extends Base<{',
      '  /** A } in a comment. */',
      "  event: [text: '{'];",
      '}> {',
      '  method(): () => void;',
      '}',
      'interface Hidden {}',
      'export declare function two(a: string): void;',
      'export declare function two(a: number): void;',
    ].join('\n'),
  );
  expect(found.map(({ name, comment, text }) => [name, comment, text.split('\n').length])).toEqual([
    ['One', 'One.', 6],
    ['two', '', 2],
  ]);
});
