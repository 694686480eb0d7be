// The workflows say what package.json says, and run no action that can change under them.

const fs = require('node:fs');
const path = require('node:path');
const { root } = require('./shell');
const { napi } = require('../../package.json');

const folder = path.join(root, '.github/workflows');
const workflows = Object.fromEntries(
  fs.readdirSync(folder).map((name) => [name, fs.readFileSync(path.join(folder, name), 'utf8')]),
);

test.each(Object.keys(workflows))('%s pins every action by its commit and says which version that is', (name) => {
  const used = [...workflows[name].matchAll(/uses: *(.*)/g)].map((match) => match[1]);
  const loose = used.filter(
    (action) => !/^[\w./-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+$/.test(action) && !action.startsWith('./'),
  );
  expect(used).not.toEqual([]);
  expect(loose).toEqual([]);
});

test.each(Object.keys(workflows))(
  '%s gives no job more rights than reading, unless the job says why it needs them',
  (name) => {
    expect(workflows[name]).toMatch(/^permissions:\n {2}contents: read$/m);
    const granted = [...workflows[name].matchAll(/^ +[\w-]+: write.*$/gm)].map((match) => match[0]);
    expect(granted.filter((line) => !line.includes('#'))).toEqual([]);
  },
);

test('a release builds and tries every platform that the package names', () => {
  const targets = (job) =>
    [
      ...workflows['release.yml']
        .split(`\n  ${job}:\n`)[1]
        .split(/\n {2}\w+:\n/)[0]
        .matchAll(/target: ([\w-]+)/g),
    ]
      .map((match) => match[1])
      .sort();
  expect(targets('build')).toEqual([...napi.targets].sort());
  expect(targets('try')).toEqual([...napi.targets].sort());
});

test('the tests run on every Node that is supported', () => {
  expect(workflows['ci.yml']).toMatch(/node: \[20, 22, 24\]/);
});
