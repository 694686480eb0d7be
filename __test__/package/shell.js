// What the package tests run commands with: another folder, another Node, a PATH without compilers.

const { spawn, spawnSync } = require('node:child_process');
const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');

const root = path.resolve(__dirname, '../..');
let scratch;

/** A new folder; all of them go with removeScratch(). */
function folder(name) {
  scratch ??= fs.mkdtempSync(path.join(fs.realpathSync(os.tmpdir()), 'webphone-rtc-package-'));
  return fs.mkdtempSync(path.join(scratch, `${name}-`));
}
const removeScratch = () => scratch && fs.rmSync(scratch, { recursive: true, force: true });

/** Without what an npm around us says to its own scripts. */
function environment(changes) {
  const own = Object.entries(process.env).filter(([name]) => !/^(npm_|INIT_CWD$|NODE_ENV$|JEST_)/.test(name));
  return { ...Object.fromEntries(own), ...changes };
}

/** { status, stdout, stderr, output }; whatever the exit code. One that does not end by itself is killed: status null. */
function run(cwd, command, args, env = {}, limitMs = undefined) {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, {
      cwd,
      env: environment(env),
      stdio: ['ignore', 'pipe', 'pipe'],
      timeout: limitMs,
      killSignal: 'SIGKILL',
    });
    const said = { stdout: '', stderr: '', output: '' };
    for (const stream of ['stdout', 'stderr'])
      child[stream].setEncoding('utf8').on('data', (text) => {
        said[stream] += text;
        said.output += text;
      });
    child.on('error', reject);
    child.on('close', (status) => resolve({ status, ...said }));
  });
}

/** Like run(); throws with what was said unless the exit code is 0. */
async function must(cwd, command, args, env) {
  const result = await run(cwd, command, args, env);
  if (result.status !== 0)
    throw new Error(`${command} ${args.join(' ')} ended with ${result.status}:\n${result.output}`);
  return result;
}

/** The executable of a Node release line: this one, or the one in npm's package `node`; synchronous. */
function nodeOfLine(major) {
  if (process.versions.node.startsWith(`${major}.`)) return process.execPath;
  const project = emptyProject(`node-${major}`);
  const options = { cwd: project, env: environment({}), encoding: 'utf8', shell: process.platform === 'win32' };
  const { status, stderr } = spawnSync('npm', ['install', '--no-audit', '--no-fund', `node@${major}`], options);
  if (status !== 0) throw new Error(`npm install node@${major} failed: ${stderr}`);
  const node = path.join(project, 'node_modules/node/bin', process.platform === 'win32' ? 'node.exe' : 'node');
  const { stdout } = spawnSync(node, ['--version'], { encoding: 'utf8' });
  if (!stdout?.startsWith(`v${major}.`)) throw new Error(`node@${major} is ${stdout?.trim() || 'not there'}`);
  return node;
}

const where = (command) => fs.realpathSync(spawnSync('which', [command], { encoding: 'utf8' }).stdout.trim());

/** A PATH with this Node, its npm and a shell, and nothing that could compile. */
function pathWithoutCompilers() {
  const bin = folder('bin');
  fs.symlinkSync(process.execPath, path.join(bin, 'node'));
  for (const command of ['npm', 'sh']) fs.symlinkSync(where(command), path.join(bin, command));
  return bin;
}

/** A folder with a package.json and nothing else: a new user's. */
function emptyProject(name) {
  const project = folder(name);
  fs.writeFileSync(path.join(project, 'package.json'), '{ "name": "bridge", "version": "1.0.0", "private": true }\n');
  return project;
}

/** The checkout as git would clone it, without what is built or installed. */
function cloneOfCheckout() {
  const clone = folder('checkout');
  const leave = /^(node_modules|target|dist|npm|artifacts|\.git|\.cache)$|\.(node|tgz)$/;
  for (const name of fs.readdirSync(root).filter((name) => !leave.test(name)))
    fs.cpSync(path.join(root, name), path.join(clone, name), { recursive: true });
  fs.symlinkSync(path.join(root, 'node_modules'), path.join(clone, 'node_modules'));
  return clone;
}

/** Path of the tarball that `npm pack` makes of a folder, as it lies there. */
async function pack(from) {
  const into = folder('tarball');
  const { stdout } = await must(from, 'npm', ['pack', '--ignore-scripts', '--json', '--pack-destination', into]);
  return path.join(into, JSON.parse(stdout)[0].filename);
}

module.exports = {
  nodeOfLine,
  root,
  folder,
  removeScratch,
  run,
  must,
  pathWithoutCompilers,
  emptyProject,
  cloneOfCheckout,
  pack,
};
