// npm's install hook. A registry install brings a prebuilt binary; a git checkout or a tarball may bring none that fits:
// then the addon is compiled here, or it is said what is missing.
// Invariant: nothing but Node is used, and nothing is touched when the addon loads.

const { spawnSync } = require('node:child_process');
const { copyFileSync, existsSync, mkdtempSync, readFileSync, renameSync, rmSync } = require('node:fs');
const { tmpdir } = require('node:os');
const path = require('node:path');

const root = path.resolve(__dirname, '..');
const read = (name) => readFileSync(path.join(root, name), 'utf8');
const manifest = JSON.parse(read('package.json'));

class Unbuildable extends Error {}

/** glibc names itself in the report, musl does not. */
const isMusl = () => process.platform === 'linux' && !process.report.getReport().header.glibcVersionRuntime;

/** Platform as in the names of the binaries and of the platform packages. */
function platform() {
  const abi = { win32: '-msvc', linux: isMusl() ? '-musl' : '-gnu' }[process.platform] ?? '';
  return `${process.platform}-${process.arch}${abi}`;
}

/** What the loader finds, it must also be able to load: a binary for a newer C library is as good as none. */
function loads() {
  try {
    require('../binding.js');
    return true;
  } catch {
    return false;
  }
}

/** Stdout, or null if the command cannot be run. */
function output(command, args) {
  const { status, stdout } = spawnSync(command, args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] });
  return status === 0 ? stdout : null;
}

const number = (version) => version.split('.').reduce((sum, part) => sum * 1000 + Number.parseInt(part, 10), 0);

function missingTools() {
  const missing = [];
  const oldest = /^rust-version = "(\d+\.\d+)"/m.exec(read('Cargo.toml'))[1];
  const how = 'from https://rustup.rs (or your distribution), then open a new shell';
  const cargo = /^cargo (\d+\.\d+)/.exec(output('cargo', ['--version']) ?? '')?.[1];
  if (!cargo) missing.push(`cargo, the Rust build tool: install Rust ${oldest} or newer ${how}`);
  else if (number(cargo) < number(oldest)) missing.push(`Rust ${oldest} or newer (this is ${cargo}): update it ${how}`);
  // On Windows rustc finds the linker by itself, outside PATH.
  if (process.platform !== 'win32' && !['cc', 'gcc', 'clang'].some((name) => output(name, ['--version'])))
    missing.push(
      "cc, a C compiler: on Debian and Ubuntu 'apt install gcc libc6-dev', on Alpine 'apk add gcc musl-dev', on macOS 'xcode-select --install'",
    );
  return missing;
}

/** Path of the compiled library, in a target directory that the caller removes (undefined: cargo's own). */
function compile(targetDir) {
  const args = ['build', '--release', '--locked', '--lib', '--message-format=json-render-diagnostics'];
  if (targetDir) args.push('--target-dir', targetDir);
  const env = { ...process.env };
  if (isMusl()) env.RUSTFLAGS = `${env.RUSTFLAGS ?? ''} -C target-feature=-crt-static`; // Node loads no static libc
  const { status, stdout } = spawnSync('cargo', args, {
    cwd: root,
    encoding: 'utf8',
    maxBuffer: 1 << 28,
    stdio: ['ignore', 'pipe', 'inherit'],
    env,
  });
  if (status !== 0) throw new Unbuildable('cargo could not compile it; its output above says why.');
  const library = stdout
    .split('\n')
    .filter((line) => line.includes('"cdylib"'))
    .map((line) => JSON.parse(line))
    .filter((message) => message.reason === 'compiler-artifact' && message.target.name === 'webphone_rtc')
    .flatMap((message) => message.filenames)
    .find((name) => /\.(so|dylib|dll)$/.test(name));
  if (!library) throw new Unbuildable('cargo built no library that Node could load.');
  return library;
}

function build() {
  const prebuilt = `${manifest.name}-${platform()}`;
  console.error(
    `${manifest.name}: no prebuilt binary for ${platform()} loads here, so it is compiled; that takes minutes.`,
  );
  if (manifest.optionalDependencies?.[prebuilt])
    console.error(`(The prebuilt one is the optional package ${prebuilt}, which --omit=optional leaves out.)`);
  const isCheckout = existsSync(path.join(root, 'tsconfig.json'));
  const missing = missingTools();
  if (missing.length > 0) {
    // Not `npm rebuild`: npm has removed a package whose install failed, and would rebuild nothing with success.
    const again = 'Then run the same command again.';
    throw new Unbuildable(`this machine lacks\n${missing.map((line) => `  - ${line}`).join('\n')}\n${again}`);
  }
  // In a checkout the target directory is worth keeping.
  const keep = process.env.CARGO_TARGET_DIR || isCheckout;
  const scratch = keep ? undefined : mkdtempSync(path.join(tmpdir(), `${manifest.name}-build-`));
  try {
    const binary = path.join(root, `${manifest.napi.binaryName}.${platform()}.node`);
    copyFileSync(compile(scratch), `${binary}.new`);
    renameSync(`${binary}.new`, binary);
  } finally {
    if (scratch) rmSync(scratch, { recursive: true, force: true });
  }
  if (!loads()) throw new Unbuildable(`it was compiled, and does not load: run node -e "require('${manifest.name}')"`);
  console.error(`${manifest.name}: compiled.`);
}

try {
  if (!loads()) build();
} catch (error) {
  if (!(error instanceof Unbuildable)) throw error;
  console.error(`\n${manifest.name} cannot be installed: ${error.message}`);
  process.exitCode = 1;
}
