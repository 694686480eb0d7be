// The SDKs of these tests are those of the registry: nothing patches, replaces or forks them.

const { existsSync, readdirSync } = require('node:fs');
const path = require('node:path');
const manifest = require('../../package.json');
const lock = require('../../package-lock.json');

const root = path.join(__dirname, '../..');
const VERSIONS = {
  'web-phone-2.1': '2.1.18',
  'web-phone-2.2': '2.2.8',
  'web-phone-2.3': '2.3.3',
  'web-phone-2.4': '2.4.5',
  'ringcentral-web-phone': '2.5.4',
};

test.each(Object.entries(VERSIONS))('%s is the published %s, with the digest of the lock file', (name, version) => {
  expect(require(path.join(root, 'node_modules', name, 'package.json'))).toMatchObject({
    name: 'ringcentral-web-phone',
    version,
  });
  expect(lock.packages[`node_modules/${name}`]).toMatchObject({
    version,
    integrity: expect.stringMatching(/^sha512-/),
  });
  // A plain version, under its own name or an alias: never the address of a fork.
  expect(manifest.devDependencies[name]).toMatch(/^(npm:ringcentral-web-phone@)?\d+\.\d+\.\d+$/);
});

test('no tool of ours changes an installed package', () => {
  const tools = Object.keys({ ...manifest.dependencies, ...manifest.devDependencies });
  expect(tools.filter((name) => /patch|override/.test(name))).toEqual([]);
  expect(manifest).not.toHaveProperty('overrides');
  expect(existsSync(path.join(root, 'patches'))).toBe(false);
  expect(readdirSync(root).filter((name) => name.endsWith('.patch'))).toEqual([]);
});
