// What is in the tarball: all that runs, and all that it takes to compile it where no binary fits; nothing else.

const fs = require('node:fs');
const path = require('node:path');
const { root, must, removeScratch } = require('./shell');

const sources = (dir) =>
  fs
    .readdirSync(path.join(root, dir), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => path.relative(root, path.join(entry.parentPath, entry.name)).replaceAll('\\', '/'));

let files;
beforeAll(async () => {
  const { stdout } = await must(root, 'npm', ['pack', '--dry-run', '--json', '--ignore-scripts']);
  files = JSON.parse(stdout)[0].files.map(({ path }) => path);
}, 60_000);
afterAll(removeScratch);

test('everything that package.json names is there', () => {
  const { main, types, exports: entries, scripts } = require('../../package.json');
  const named = [main, types, scripts.install.split(' ')[1]];
  for (const entry of Object.values(entries))
    named.push(...(typeof entry === 'string' ? [entry] : Object.values(entry)));
  expect(files).toEqual(expect.arrayContaining(named.map((name) => path.posix.normalize(name))));
});

test('the loader, its types and the licence are there', () => {
  expect(files).toEqual(
    expect.arrayContaining(['binding.js', 'binding.d.ts', 'LICENSE', 'README.md', 'CHANGELOG.md', 'package.json']),
  );
});

test('every TypeScript source is there as JavaScript and as types', () => {
  const modules = sources('lib').map((name) => name.replace(/^lib\/(.*)\.ts$/, 'dist/$1'));
  expect(files).toEqual(expect.arrayContaining(modules.flatMap((name) => [`${name}.js`, `${name}.d.ts`])));
});

test('what cargo needs is there', () => {
  expect(files).toEqual(expect.arrayContaining(['Cargo.toml', 'Cargo.lock', 'build.rs', ...sources('src')]));
});

test('nothing else is there', () => {
  const expected =
    /^(dist\/.*\.(js|d\.ts)|src\/.*\.(rs|md)|docs\/.*\.(md|svg)|scripts\/install\.js|webphone-rtc\.[\w-]+\.node|(index|binding)\.d\.ts|binding\.js|build\.rs|Cargo\.(toml|lock)|(README|CHANGELOG)\.md|LICENSE|package\.json)$/;
  expect(files.filter((name) => !expected.test(name) || /\.test\.|releasing/.test(name))).toEqual([]);
});

test('no binary is there but the one built here', () => {
  const built = fs.readdirSync(root).filter((name) => name.endsWith('.node'));
  expect(files.filter((name) => name.endsWith('.node'))).toEqual(built);
});
