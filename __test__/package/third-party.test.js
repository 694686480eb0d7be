// What is said of the software of others in the binaries is all of it, and up to date with Cargo.lock.

const fs = require('node:fs');
const path = require('node:path');
const { FILE, notices, sbom } = require('../../scripts/third-party.js');

const root = path.join(__dirname, '../..');

test('the notices are those that `npm run notices` writes', () => {
  expect(fs.readFileSync(path.join(root, FILE), 'utf8') === notices()).toBe(true);
});

test('the notices have the texts of libopus, and of crates that carry several', () => {
  const text = notices();
  for (const part of [
    /libopus \d+\.\d+/,
    /Xiph\.Org, Skype Limited/,
    /\nring \d/,
    /\nrtc-dtls \d/,
    /\nunicode-ident \d/,
  ])
    expect(text).toMatch(part);
  expect(text).not.toMatch(/\n(proptest|jest|cmake) \d/); // neither tests nor tools
});

describe('the bill of materials', () => {
  const { bomFormat, specVersion, metadata, components, dependencies } = sbom();

  test('is of this package, in CycloneDX', () => {
    const { version } = require('../../package.json');
    expect([bomFormat, specVersion, metadata.component.purl]).toEqual([
      'CycloneDX',
      '1.6',
      `pkg:npm/webphone-rtc@${version}`,
    ]);
  });

  test('names each component once, with a licence, and crates with the checksum of the lock file', () => {
    const lock = fs.readFileSync(path.join(root, 'Cargo.lock'), 'utf8');
    expect(new Set(components.map((it) => it['bom-ref'])).size).toBe(components.length);
    expect(components.map(({ name }) => name)).toEqual(expect.arrayContaining(['opus', 'ring', 'rtc-ice', 'tokio']));
    for (const { name, purl, licenses, hashes } of components) {
      expect({ name, licence: licenses[0].expression ?? licenses[0].license.id }).toEqual({
        name,
        licence: expect.any(String),
      });
      if (purl.startsWith('pkg:cargo/')) expect(lock).toContain(`checksum = "${hashes[0].content}"`);
    }
  });

  test('every component is reached from the package, and nothing else is', () => {
    const needs = new Map(dependencies.map(({ ref, dependsOn }) => [ref, dependsOn]));
    const reached = new Set();
    const visit = (ref) => {
      if (reached.has(ref)) return;
      reached.add(ref);
      needs.get(ref).forEach(visit);
    };
    visit(metadata.component['bom-ref']);
    reached.delete(metadata.component['bom-ref']);
    expect([...reached].sort()).toEqual(components.map((it) => it['bom-ref']).sort());
  });
});
