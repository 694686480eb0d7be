// The install hook, in the tarball of a checkout that brings no binary.

const fs = require('node:fs');
const path = require('node:path');
const {
  root,
  run,
  must,
  pack,
  emptyProject,
  cloneOfCheckout,
  pathWithoutCompilers,
  removeScratch,
} = require('./shell');
const { gently } = require('../support/gently');

const COMPILES_MS = 30 * 60_000;
let tarball;

/** The checkout with its JavaScript built and no binary, packed. */
async function packWithoutBinary() {
  const clone = cloneOfCheckout();
  fs.cpSync(path.join(root, 'dist'), path.join(clone, 'dist'), { recursive: true });
  return pack(clone);
}

beforeAll(async () => {
  tarball = await packWithoutBinary();
}, 60_000);
afterAll(removeScratch);

const npmInstall = () => ['npm', ['install', '--no-audit', '--no-fund', '--foreground-scripts', tarball]];
const install = (project, env) => run(project, ...npmInstall(), env);

test('where the addon loads, nothing is done or said, and no tool is needed', async () => {
  expect(await run(root, process.execPath, ['scripts/install.js'], { PATH: pathWithoutCompilers() })).toEqual({
    status: 0,
    stdout: '',
    stderr: '',
    output: '',
  });
});

test('without a binary and without tools, it says what is missing and fails', async () => {
  const project = emptyProject('no-tools');
  const { status, output } = await install(project, { PATH: pathWithoutCompilers() });
  expect(status).not.toBe(0);
  expect(output).toMatch(
    /webphone-rtc cannot be installed: this machine lacks\s+- cargo, the Rust build tool: .*rustup\.rs/,
  );
  expect(output).toMatch(/- cc, a C compiler: .*apt install gcc/);
  expect(output).toContain('Then run the same command again.');
  expect(output).not.toContain('npm rebuild'); // there is nothing left to rebuild
  expect(output).not.toContain('at Object.'); // a stack trace is not plain
  expect(fs.existsSync(path.join(project, 'node_modules/webphone-rtc'))).toBe(false);
}, 60_000);

test('where its install script was not allowed to run, the first use says how to compile', async () => {
  const project = emptyProject('no-scripts');
  await must(project, 'npm', ['install', '--no-audit', '--no-fund', '--ignore-scripts', tarball]);
  const { status, stderr } = await run(project, process.execPath, ['-e', "require('webphone-rtc')"]);
  expect(status).not.toBe(0);
  const [, hook] = /webphone-rtc has no binary that loads on this machine [^\n]*\n {2}node (\S+)/.exec(stderr);
  const { output } = await run(project, process.execPath, [hook], { PATH: pathWithoutCompilers() });
  expect(output).toMatch(/this machine lacks\s+- cargo/);
}, 60_000);

test('a fresh clone says the same before its first demo, and what to do then', async () => {
  const env = { PATH: pathWithoutCompilers() };
  const { status, output } = await run(cloneOfCheckout(), process.execPath, ['examples/demo/index.mjs'], env);
  expect(status).toBe(1);
  expect(output).toMatch(/this machine lacks\s+- cargo, [\s\S]*- cc, [\s\S]*Then run the same command again\.\s*$/);
}, 60_000);

test('with a Rust that is too old, it says so', async () => {
  const bin = pathWithoutCompilers();
  for (const [name, says] of [
    ['cargo', 'cargo 1.75.0 (1d8b05cdd 2023-11-20)'],
    ['cc', 'cc 12'],
  ])
    fs.writeFileSync(path.join(bin, name), `#!${fs.realpathSync('/bin/sh')}\necho '${says}'\n`, { mode: 0o755 });
  const { status, output } = await install(emptyProject('old-rust'), { PATH: bin });
  expect(status).not.toBe(0);
  expect(output).toMatch(/this machine lacks\s+- Rust 1\.\d+ or newer \(this is 1\.75\)/);
}, 60_000);

test(
  'without a binary but with the tools, it compiles one that loads',
  async () => {
    const project = emptyProject('tools');
    const env = { CARGO_TARGET_DIR: path.join(root, 'target') };
    const { status, output } = await run(project, ...gently(...npmInstall()), env);
    expect({ status, output }).toEqual({ status: 0, output: expect.stringContaining('webphone-rtc: compiled.') });
    const { stdout } = await must(project, process.execPath, ['-p', "require('webphone-rtc').version"]);
    expect(stdout.trim()).toBe(require('../../package.json').version);
    const left = fs.readdirSync(path.join(project, 'node_modules/webphone-rtc'));
    expect(left.filter((name) => name.startsWith('webphone-rtc.'))).toEqual([expect.stringMatching(/\.node$/)]);
    expect(left).not.toContain('target');
  },
  COMPILES_MS,
);
