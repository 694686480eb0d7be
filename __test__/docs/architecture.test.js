// What docs/architecture.md says of layers, names and files, held against the code; and what other documents say where to find.

const fs = require('node:fs');
const path = require('node:path');
const { root } = require('../package/shell');
const { documents, prose, read } = require('./documents');

function files(folder, pattern) {
  return fs
    .readdirSync(path.join(root, folder), { recursive: true })
    .map((name) => path.posix.join(folder, name.replaceAll('\\', '/')))
    .filter((name) => pattern.test(name));
}
const rust = files('src', /\.rs$/).map((name) => ({ name, text: read(name) }));
const typescript = files('lib', /\.ts$/).map((name) => ({ name, text: read(name) }));

/** Of the table of layers: folders of the first column, in its order. */
const layers = [...read('docs/architecture.md').matchAll(/^\| `src\/(\w+)\/` \|/gm)].map(([, layer]) => layer);

describe('layers', () => {
  test('every folder of the engine is one', () => {
    const folders = fs.readdirSync(path.join(root, 'src'), { withFileTypes: true });
    expect([...layers].sort()).toEqual(folders.filter((entry) => entry.isDirectory()).map(({ name }) => name));
  });

  test('imports go down only', () => {
    const up = [];
    for (const { name, text } of rust) {
      const own = layers.indexOf(name.split('/')[1]);
      for (const [, to] of text.matchAll(/\bcrate::(\w+)/g))
        if (layers.includes(to) && layers.indexOf(to) < own) up.push(`${name}: ${to}`);
    }
    expect(up).toEqual([]);
  });

  test('webrtc-rs is known to transport alone, napi to the bridge, but for an attribute', () => {
    const code = (text) => text.replace(/^\s*\/\/.*$/gm, '');
    const knows = (pattern) => rust.filter(({ text }) => pattern.test(code(text))).map(({ name }) => name);
    expect(knows(/\b(rtc_\w+|sansio|quinn_udp)::/).filter((name) => !name.startsWith('src/transport/'))).toEqual([]);
    const napi = knows(/\bnapi(_derive)?::/).filter((name) => !name.startsWith('src/bridge/'));
    expect(napi).toEqual(['src/connection/stats.rs']);
    expect(code(read(napi[0])).match(/\bnapi\w*::(?!napi\(object)/g)).toBeNull();
  });

  test('the facade knows neither the page nor the command nor spans, nor do these know each other', () => {
    const part = (name) => /^lib\/(internals|cli|tracing)\b/.exec(name)?.[1] ?? 'facade';
    const lost = [];
    for (const { name, text } of typescript)
      for (const [, to] of text.matchAll(/(?:from|require\(|import\() ?'(\.[^']*)'/g)) {
        const target = part(path.posix.join(path.posix.dirname(name), to));
        if (target !== 'facade' && target !== part(name)) lost.push(`${name}: ${to}`);
      }
    expect(lost).toEqual([]);
  });

  test('timers and microtasks of the library are those that nobody has mocked', () => {
    const CALL = /(?<![.\w])((?:set|clear)(?:Immediate|Interval|Timeout)|queueMicrotask|nextTick)\(/g;
    const lost = typescript
      .filter(({ name }) => name !== 'lib/timers.ts' && !name.startsWith('lib/cli/'))
      .flatMap(({ name, text }) => {
        const [, bound = ''] = /import \{(.*)\} from '[./]+\/timers';/.exec(text) ?? [];
        return [...text.matchAll(CALL)]
          .filter(([, call]) => !bound.includes(call))
          .map(([, call]) => `${name}: ${call}`);
      });
    expect(lost).toEqual([]);
  });

  test('below the connection a clock is read only where it is said', () => {
    const readers = rust
      .filter(({ name }) => !/^src\/(bridge|connection|recording)\/|\/tests?\.rs$/.test(name))
      .filter(({ text }) => /(Instant|SystemTime)::now|tokio::time/.test(text.split('#[cfg(test)]')[0]));
    expect(readers.map(({ name }) => name).sort()).toEqual([
      'src/transport/certificate.rs',
      'src/transport/resolve.rs',
    ]);
  });
});

/** Names of others that documents mention with theirs before them. */
const OTHERS = /^(rtp::Header|tokio::|std::)/;

test('every name of the engine in its document is in its code', () => {
  const names = [...prose('docs/architecture.md').matchAll(/`([\w:]+::\w+)`/g)].map(([, name]) => name);
  expect(names.length).toBeGreaterThan(4);
  const lost = names.filter((name) => {
    if (OTHERS.test(name)) return false;
    const [of, member] = name.split('::').slice(-2);
    // Module and item, type and member, or module and submodule.
    const there = ({ name: file, text }) =>
      new RegExp(`\\b(fn|struct|enum|trait|const|mod) ${member}\\b|^\\s*(pub )?${member}:`, 'm').test(text) &&
      (file.includes(`/${of}.rs`) ||
        file.includes(`/${of}/`) ||
        new RegExp(`\\b(impl|trait|struct)\\b.*\\b${of}\\b`).test(text));
    return !rust.some(there);
  });
  expect(lost).toEqual([]);
});

describe('what documents say where to find', () => {
  /** What a program leaves, and what a reader has. */
  const MADE =
    /^(said|recorded|heard|call)\.(wav|opus)$|^(bridge|encrypt|otel)\.js$|^otel\.js$|^webphone-rtc\..*\.node$|^(bench\/)?\.cache|^suite\/|^(artifacts|corpus)\/|^npm\//;
  const OF_OTHERS = /^node_modules\/|^\/|^https?:|^[a-z]+:|^@|^\.venv/;
  const METRIC = /_(total|seconds|bytes)$/;
  const NAMED = /^[\w.@/-]+(\.(rs|js|cjs|mjs|ts|md|py|json|toml|yml|sh|html|css|wav|txt)|\/)$/;
  const all = new Set();
  for (const folder of [
    'src',
    'lib',
    'crates',
    'docs',
    'examples',
    'bench',
    'scripts',
    'tests',
    '__test__',
    'fuzz',
    '.github',
  ])
    for (const name of fs.readdirSync(path.join(root, folder), { recursive: true }))
      all.add(path.posix.join(folder, name.replaceAll('\\', '/')));
  const bare = new Set([...all].map((name) => path.posix.basename(name)));

  function isThere(name, document) {
    const plain = name.replace(/^\.\//, '').replace(/\/$/, '');
    const from = ['', path.posix.dirname(document), 'src', 'lib', 'tests', '__test__', 'examples', 'examples/bridge'];
    if (from.some((folder) => fs.existsSync(path.join(root, folder, plain)))) return true;
    return !plain.includes('/') && bare.has(plain);
  }

  test.each(documents())('%s: files and folders are there', (document) => {
    const spans = [...prose(document).matchAll(/`([^`\s]+)`/g)].map(([, span]) => span);
    const named = spans.filter((span) => NAMED.test(span) && !MADE.test(span) && !OF_OTHERS.test(span));
    expect(named.filter((name) => !isThere(name, document))).toEqual([]);
  });

  const tests = [...rust, ...files('tests', /\.rs$/).map((name) => ({ text: read(name) }))].flatMap(({ text }) =>
    [...text.matchAll(/\bfn (\w+)/g)].map(([, name]) => name),
  );

  test.each(documents())('%s: tests of the engine that it names are there', (document) => {
    const spans = [...prose(document).matchAll(/`([a-z0-9]+(?:_[a-z0-9]+){4,}(?:_…)?)`/g)].map(([, span]) => span);
    const isTest = (name) =>
      tests.some((test) => (name.endsWith('…') ? test.startsWith(name.slice(0, -1)) : test === name));
    expect(spans.filter((name) => !isTest(name) && !METRIC.test(name))).toEqual([]);
  });

  /** GitHub's name of a heading. */
  const anchor = (heading) =>
    heading
      .toLowerCase()
      .replace(/[^\p{L}\p{N}\s_-]/gu, '')
      .replace(/\s/g, '-');

  test.each(documents())('%s: links lead somewhere', (document) => {
    const lost = [];
    for (const [, to] of prose(document).matchAll(/\]\((?!https?:)([^)\s]+)\)/g)) {
      const [file, fragment] = to.split('#');
      const target = file === '' ? document : path.posix.join(path.posix.dirname(document), file);
      if (!fs.existsSync(path.join(root, target))) lost.push(to);
      else if (fragment) {
        const headings = [...read(target).matchAll(/^#+ (.*)$/gm)].map(([, heading]) => anchor(heading));
        if (!headings.includes(fragment)) lost.push(to);
      }
    }
    expect(lost).toEqual([]);
  });
});
