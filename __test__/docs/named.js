// What a command of a document names, and whether it is there: scripts, files, options, packages, targets.
// Invariant: a program that is not known here is a complaint, too.

const { execFileSync } = require('node:child_process');
const fs = require('node:fs');
const path = require('node:path');
const { root } = require('../package/shell');
const { VERSIONS } = require('./on-demand');
const manifest = require('../../package.json');

const INSTALLED = `node_modules/${manifest.name}/`;
/** What stands for something of the reader's. */
const PLACEHOLDER = /[<>…]|^[A-Z]+(=|$)/;
/** Programs that are not ours to check, and what of the shell is used. */
const OTHERS = /^(cd|cp|dpkg|apt|apt-get|ssh|git|rustup|docker|pnpm)$/;

const has = (...names) => fs.existsSync(path.join(root, ...names));
const text = (file) => fs.readFileSync(path.join(root, file), 'utf8');

/** A file as the reader has it, from the root; null where there is none. `at`: folders that it may be seen from. */
function resolve(file, at) {
  if (file.startsWith(INSTALLED)) {
    const name = file.slice(INSTALLED.length);
    return manifest.files.some((entry) => name.startsWith(entry)) && has(name) ? name : null;
  }
  return at.map((folder) => path.posix.join(folder, file)).find((name) => has(name)) ?? null;
}

/** Options that a program's text knows nothing of. */
function strangers(words, program) {
  const options = words.filter((word) => /^--\w/.test(word)).map((word) => word.split('=')[0]);
  return options.filter((option) => !program.includes(option)).map((option) => `${option} is no option of it`);
}

let help;
const ownHelp = () => {
  help ??= execFileSync(process.execPath, [path.join(root, manifest.bin[manifest.name]), '--help'], {
    encoding: 'utf8',
  });
  return help;
};

/** Options of node itself, with their arguments, before the script. */
function node(words, { at, yours }) {
  let rest = words;
  while (rest[0]?.startsWith('-')) {
    const [option, inline] = rest[0].split('=');
    if (!process.allowedNodeEnvironmentFlags.has(option) && option !== '--env-file') return [`node has no ${option}`];
    rest = rest.slice(inline === undefined ? 2 : 1);
  }
  const [file, ...args] = rest;
  if (yours.includes(file)) return [];
  const found = resolve(file, at);
  return found ? strangers(args, text(found)) : [`there is no ${file}`];
}

function npm([command, ...rest], { yours }) {
  const installs = (names) =>
    names
      .filter((name) => !name.startsWith('-') && name !== manifest.name)
      .flatMap((named) => {
        const [, name, version = ''] = /^(@?[^@]+)(?:@(.+))?$/.exec(named);
        const ours = manifest.devDependencies[name] ?? VERSIONS[name];
        if (!ours) return [`${name} is not among the packages that are tested here`];
        return ours.startsWith(version) ? [] : [`${named} is not ${ours}, which is tested here`];
      });
  const script = (name, args) => {
    if (!manifest.scripts[name]) return [`there is no script '${name}'`];
    // napi's own, which has no text that could be read.
    if (name.startsWith('build:')) return [];
    const [program, file] = manifest.scripts[name].split(' ');
    return program === 'node' ? node([file, ...args], { at: [''], yours }) : strangers(args, '');
  };
  const commands = {
    run: () => script(rest[0], rest.slice(rest.indexOf('--') + 1 || rest.length)),
    test: () => script('test', []),
    install: () => installs(rest),
    rebuild: () => installs(rest),
    pack: () => [],
    publish: () => [],
    audit: () => [],
  };
  return commands[command]?.() ?? [`npm ${command}?`];
}

function cargo(words) {
  const value = (option) => words[words.indexOf(option) + 1];
  const complaints = [];
  const wants = (option, there) => {
    if (words.includes(option) && !there(value(option))) complaints.push(`${option} ${value(option)} is not there`);
  };
  wants('--test', (name) => has(`tests/${name}.rs`) || has('tests', name, 'main.rs'));
  wants('--manifest-path', (file) => has(file));
  return complaints;
}

function fuzz(words) {
  const targets = [...text('fuzz/Cargo.toml').matchAll(/^\[\[bin\]\]\nname = "(.*)"$/gm)].map(([, name]) => name);
  return words.filter((word) => !/^\d+$/.test(word) && !targets.includes(word)).map((word) => `no target ${word}`);
}

function python([file], { at, yours }) {
  if (file === '-m' || yours.includes(file) || resolve(file, at)) return [];
  return [`there is no ${file}`];
}

function pip([command, ...rest], { at }) {
  if (command !== 'install') return [`pip ${command}?`];
  const file = rest[rest.indexOf('-r') + 1];
  return rest.includes('-r') && !resolve(file, at) ? [`there is no ${file}`] : [];
}

function npx([name, command, ...args]) {
  if (name !== manifest.name) return [`npx ${name}?`];
  const commands = ownHelp().split(/^(?=webphone-rtc )/m);
  const own = commands.find((part) => part.startsWith(`${manifest.name} ${command} `));
  return own ? strangers(args, own) : [`there is no command '${command}'`];
}

const CHECKS = { npm, npx, node, cargo, python, python3: python, pip, 'run.sh': fuzz };

/**
 * What is wrong with a command. `at`: folders from the root that its files may be seen from; `yours`: files that the reader
 * brings himself.
 */
function complaints({ words }, { at, yours }) {
  const [program, ...all] = words;
  const rest = all.filter((word) => !PLACEHOLDER.test(word));
  const copied = rest.filter((word) => word.startsWith(INSTALLED) && !resolve(word, at));
  if (OTHERS.test(program)) return copied.map((word) => `there is no ${word}`);
  const check = CHECKS[path.posix.basename(program)];
  return check ? check(rest, { at, yours }) : [`${program} is not known here`];
}

module.exports = { complaints };
