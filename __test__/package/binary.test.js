// What a published binary must be, and that the check of it reads ELF files as binutils do.

const { spawnSync } = require('node:child_process');
const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const { root, must } = require('./shell');
const { readElf, problems, LARGEST_BYTES } = require('../../scripts/binary');

const name = fs.readdirSync(root).find((file) => /^webphone-rtc\..*\.node$/.test(file));
const built = () => fs.readFileSync(path.join(root, name));
const linux = process.platform === 'linux' ? test : test.skip;

/** Newest GLIBC_ version in what objdump says; undefined without objdump. */
function binutils(file) {
  const { stdout } = spawnSync('objdump', ['-T', file], { encoding: 'utf8', maxBuffer: 1 << 28 });
  const versions = [...(stdout ?? '').matchAll(/GLIBC_(\d[\d.]*)/g)].map((match) => match[1]);
  return versions.sort((a, b) => a.localeCompare(b, 'en', { numeric: true })).at(-1);
}

/** A .node file whose only needed glibc version is changed to another of the same length. */
function needing(version, file) {
  const bytes = Buffer.from(file);
  const newest = `GLIBC_${readElf(file).glibc}`;
  expect(newest).toHaveLength(`GLIBC_${version}`.length);
  for (let at = bytes.indexOf('GLIBC_2.'); at >= 0; at = bytes.indexOf('GLIBC_2.', at + 1)) {
    const end = bytes.indexOf(0, at);
    if (end - at === newest.length) bytes.write(`GLIBC_${version}`, at, 'latin1');
  }
  return bytes;
}

test('a bundle that leaves the binary behind says what to do', () => {
  const bundle = fs.mkdtempSync(path.join(os.tmpdir(), 'bundle-'));
  fs.copyFileSync(path.join(root, 'dist/binding.js'), path.join(bundle, 'bundle.js'));
  fs.copyFileSync(path.join(root, 'dist/no-binary.js'), path.join(bundle, 'no-binary.js'));
  const { status, stderr } = spawnSync(process.execPath, ['bundle.js'], { cwd: bundle, encoding: 'utf8' });
  fs.rmSync(bundle, { recursive: true });
  expect(status).not.toBe(0);
  expect(stderr).toMatch(/webphone-rtc was bundled, [^\n]* external, [^\n]*serverExternalPackages/);
  expect(stderr).toMatch(/cause.*binding\.js/);
});

test('the addon is smaller than 10 MB', () => {
  expect(built().length).toBeLessThan(LARGEST_BYTES);
});

linux('the C library that is needed is what binutils find', () => {
  const seen = binutils(path.join(root, name));
  if (!seen) throw new Error('objdump is needed: install binutils');
  expect(readElf(built())).toMatchObject({
    arch: process.arch,
    glibc: seen,
    libraries: expect.arrayContaining(['libc.so.6']),
  });
});

linux('a binary for glibc 2.28 passes, one for 2.29 does not', () => {
  const at = (version) => problems(`webphone-rtc.linux-${process.arch}-gnu.node`, needing(version, built()));
  expect(at('2.28')).toEqual([]);
  expect(at('2.29')).toEqual(['needs glibc 2.29; it must run with 2.28']);
});

linux('a binary for another machine or C library than its name says does not pass', () => {
  const old = needing('2.28', built());
  const other = process.arch === 'x64' ? 'arm64' : 'x64';
  expect(problems(`webphone-rtc.linux-${other}-gnu.node`, old)).toEqual([`built for ${process.arch}`]);
  expect(problems(`webphone-rtc.linux-${process.arch}-musl.node`, old)).toEqual(['linked with glibc']);
  expect(problems('webphone-rtc.linux-x64-gnu.node', Buffer.from('no binary'))).toEqual(['no ELF file']);
});

test('a binary of 10 MB does not pass', () => {
  expect(problems('webphone-rtc.win32-x64-msvc.node', Buffer.alloc(LARGEST_BYTES))).toHaveLength(1);
});

test('the smoke test that a release runs on every platform passes here', async () => {
  const { stdout } = await must(root, process.execPath, ['__test__/package/smoke.js']);
  expect(stdout).toMatch(/^webphone-rtc \S+ on \S+: a call was connected and heard\n$/);
}, 60_000);
