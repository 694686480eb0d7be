// What is in the tarball: all that runs, and all that it takes to compile it where no binary fits; nothing else.

const fs = require('node:fs');
const path = require('node:path');
const { root, must, cloneOfCheckout, removeScratch } = require('./shell');

const sources = (dir) =>
  fs
    .readdirSync(path.join(root, dir), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => path.relative(root, path.join(entry.parentPath, entry.name)).replaceAll('\\', '/'));

async function contents(checkout) {
  const { stdout } = await must(checkout, 'npm', ['pack', '--dry-run', '--json', '--ignore-scripts']);
  return JSON.parse(stdout)[0].files.map(({ path }) => path);
}

let files;
beforeAll(async () => {
  files = await contents(root);
}, 60_000);
afterAll(removeScratch);

test('everything that package.json names is there', () => {
  const { main, types, exports: entries, scripts } = require('../../package.json');
  const named = [main, types, scripts.install.split(' ')[1]];
  for (const entry of Object.values(entries))
    named.push(...(typeof entry === 'string' ? [entry] : Object.values(entry)));
  expect(files).toEqual(expect.arrayContaining(named.map((name) => path.posix.normalize(name))));
});

test('a TypeScript that does not read exports (node10) finds the same types', () => {
  const { exports: entries, typesVersions } = require('../../package.json');
  const typed = Object.entries(entries).filter(([entry, { types }]) => entry !== '.' && types);
  expect(typesVersions['*']).toEqual(
    Object.fromEntries(typed.map(([entry, { types }]) => [entry.slice(2), [path.posix.normalize(types)]])),
  );
});

test('the loader, its types, the licence and those of others are there', () => {
  expect(files).toEqual(
    expect.arrayContaining([
      ...['binding.js', 'binding.d.ts', 'LICENSE', 'THIRD-PARTY-NOTICES.txt'],
      ...['README.md', 'CHANGELOG.md', 'package.json'],
    ]),
  );
});

test('every TypeScript source is there as JavaScript and as types', () => {
  const modules = sources('lib')
    .filter((name) => name.endsWith('.ts'))
    .map((name) => name.replace(/^lib\/(.*)\.ts$/, 'dist/$1'));
  expect(files).toEqual(expect.arrayContaining(modules.flatMap((name) => [`${name}.js`, `${name}.d.ts`])));
});

test('the page of the internals is there', () => {
  const page = sources('lib/internals/page');
  expect(page.length).toBeGreaterThan(5);
  expect(files).toEqual(expect.arrayContaining(page));
});

test('the examples that the quick start uses are there, without what a run of them leaves behind', async () => {
  const left = ['examples/bridge/.env', 'examples/bridge/heard.wav', 'examples/bridge/__pycache__/wires.cpython.pyc'];
  const checkout = cloneOfCheckout();
  for (const name of left) {
    fs.mkdirSync(path.dirname(path.join(checkout, name)), { recursive: true });
    fs.writeFileSync(path.join(checkout, name), 'not to be published');
  }
  const packed = (await contents(checkout)).filter((name) => name.startsWith('examples/'));
  const tracked = ['bridge', 'switch', 'browser', 'fleet', 'workers'].flatMap((name) => sources(`examples/${name}`));
  const published = tracked.filter((name) => !/\.gitignore$|__pycache__|\.venv\/|\.env$|heard\.wav$/.test(name));
  expect(packed.sort()).toEqual(published.sort());
}, 60_000);

test('what cargo needs is there', () => {
  expect(files).toEqual(
    expect.arrayContaining(['Cargo.toml', 'Cargo.lock', 'build.rs', ...sources('src'), ...sources('crates')]),
  );
});

test('nothing else is there', () => {
  const expected =
    /^(dist\/.*\.(js|d\.ts)|lib\/internals\/page\/\w+\.(html|css|mjs)|(src|crates)\/.*\.(rs|md|toml|vp8|[ch])|docs\/.*\.(md|svg)|examples\/(bridge|switch|browser|fleet|workers)\/.*\.(js|mjs|py|md|html)|examples\/bridge\/(greeting\.wav|grafana\.json|requirements\.txt|\.env\.example)|scripts\/install\.js|webphone-rtc\.[\w-]+\.node|(index|binding)\.d\.ts|binding\.js|build\.rs|Cargo\.(toml|lock)|(README|CHANGELOG)\.md|LICENSE|THIRD-PARTY-NOTICES\.txt|package\.json)$/;
  expect(files.filter((name) => !expected.test(name) || /\.test\.|releasing/.test(name))).toEqual([]);
});

test('publint has nothing to say', async () => {
  const { output } = await must(root, 'npx', ['--no', 'publint', '--strict', '--pack=npm']);
  expect(output).toContain('All good!');
}, 60_000);

test('no binary is there but the one built here', () => {
  const built = fs.readdirSync(root).filter((name) => name.endsWith('.node'));
  expect(files.filter((name) => name.endsWith('.node'))).toEqual(built);
});
