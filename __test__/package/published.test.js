// A release as the workflow makes it, to a registry on this machine, and a new user who installs it from there: an empty
// project beside the SDK, whose bridge replaces its mocks by our one line and takes a call under Jest.

const fs = require('node:fs');
const path = require('node:path');
const shell = require('./shell');
const { startRegistry } = require('./registry');
const { root, run, must } = shell;
const manifest = require('../../package.json');

const NODES = [20, 22, 24];
const RELEASE_MS = 10 * 60_000;
const CALL_MS = 2 * 60_000;
const SDK = `ringcentral-web-phone@${manifest.devDependencies['ringcentral-web-phone']}`;
const MOCKS_LINE = "require('./mocks.js').install();";
const OUR_LINE = "require('webphone-rtc/register');";

const binary = fs.readdirSync(root).find((name) => /^webphone-rtc\..*\.node$/.test(name));
const platform = binary.split('.')[1];

let registry;
let env;
let project;
let refused;

/** What docs/releasing.md says, with binaries for the other platforms that are none: nobody here installs them. */
async function release() {
  const checkout = shell.cloneOfCheckout();
  const at = (...names) => path.join(checkout, ...names);
  const napi = (...args) =>
    must(checkout, process.execPath, [at('node_modules/@napi-rs/cli/dist/cli.js'), ...args], env);
  const edit = (name, change) => fs.writeFileSync(at(name), change(fs.readFileSync(at(name), 'utf8')));
  refused = await run(checkout, process.execPath, ['scripts/prepublish.js']);
  edit('CHANGELOG.md', (text) => text.replace('## [Unreleased]', `## [${manifest.version}]`));
  await napi('create-npm-dirs');
  const folders = fs.readdirSync(at('npm')).map((name) => at('npm', name));
  await must(checkout, process.execPath, ['scripts/third-party.js', 'into', ...folders], env);
  fs.mkdirSync(at('artifacts'));
  for (const { name } of fs.readdirSync(at('npm')).map((name) => ({ name: `webphone-rtc.${name}.node` })))
    if (name === binary) fs.copyFileSync(path.join(root, name), at('artifacts', name));
    else fs.writeFileSync(at('artifacts', name), 'not for this machine');
  await napi('artifacts', '--output-dir', 'artifacts');
  for (const name of fs.readdirSync(checkout).filter((name) => name.endsWith('.node'))) fs.rmSync(at(name));
  await napi('pre-publish', '--tag-style', 'npm', '--no-gh-release');
  await must(checkout, 'npm', ['publish'], env);
}

beforeAll(async () => {
  const { stdout } = await must(root, 'npm', ['config', 'get', 'registry']);
  registry = await startRegistry({ own: manifest.name, upstream: stdout.trim() });
  env = { npm_config_userconfig: path.join(shell.folder('npm'), 'npmrc') };
  fs.writeFileSync(env.npm_config_userconfig, registry.config);
  await release();
  project = shell.emptyProject('bridge');
  await must(
    project,
    'npm',
    [
      'install',
      manifest.name,
      SDK,
      `jest@${manifest.devDependencies.jest}`,
      `@types/node@${manifest.devDependencies['@types/node']}`,
      'typescript@5.9.3',
    ],
    { ...env, PATH: shell.pathWithoutCompilers() },
  );
  fs.cpSync(path.join(__dirname, 'project'), project, { recursive: true });
  fs.copyFileSync(path.join(root, 'examples/demo/mocks.js'), path.join(project, 'mocks.js'));
}, RELEASE_MS);

afterAll(async () => {
  await registry?.close();
  shell.removeScratch();
});

const installed = (...names) => path.join(project, 'node_modules', ...names);

describe('what is published', () => {
  test('nothing, before the version has its notes and its platform packages', () => {
    expect(refused.status).toBe(1);
    expect(refused.stderr).toMatch(/CHANGELOG\.md has no section/);
    expect(refused.stderr).toMatch(/optionalDependencies do not name all 7 platform packages/);
  });

  test('a package for each platform, and the package that names them all', () => {
    const platforms = [...registry.packages.keys()].filter((name) => name !== manifest.name).sort();
    const own = registry.packages.get(manifest.name).versions[manifest.version];
    expect(platforms).toHaveLength(manifest.napi.targets.length);
    expect(own.optionalDependencies).toEqual(Object.fromEntries(platforms.map((name) => [name, manifest.version])));
  });

  test('each platform package says where it belongs', () => {
    const { os, cpu, libc } = registry.packages.get('webphone-rtc-linux-arm64-musl').versions[manifest.version];
    expect({ os, cpu, libc }).toEqual({ os: ['linux'], cpu: ['arm64'], libc: ['musl'] });
  });
});

describe('what is installed', () => {
  test('the licences of what is in the binary lie beside it', () => {
    const notices = fs.readFileSync(installed(`${manifest.name}-${platform}`, 'THIRD-PARTY-NOTICES.txt'), 'utf8');
    expect(notices).toContain('Redistributions in binary form must reproduce the above copyright');
  });

  test('the binary of this platform only, without a compiler', () => {
    const own = fs.readdirSync(installed()).filter((name) => name.startsWith(manifest.name));
    expect(own.sort()).toEqual([manifest.name, `${manifest.name}-${platform}`]);
    expect(fs.readdirSync(installed(manifest.name)).filter((name) => name.endsWith('.node'))).toEqual([]);
  });

  test('every export of require() is a named export of import, and the same object', async () => {
    const script = `
      import { createRequire } from 'node:module';
      import { RTCPeerConnection, PcmSource } from 'webphone-rtc';
      import { install, uninstall } from 'webphone-rtc/register';
      import { callAudio, webRtcSessionFactory } from 'webphone-rtc/webphone';
      import { startInternals } from 'webphone-rtc/internals';
      const require = createRequire(import.meta.url);
      for (const entry of ['webphone-rtc', 'webphone-rtc/register', 'webphone-rtc/webphone', 'webphone-rtc/internals', 'webphone-rtc/tracing']) {
        const imported = await import(entry);
        const required = require(entry);
        for (const name of Object.keys(required)) if (imported[name] !== required[name]) console.log(entry, name);
      }
      if (globalThis.RTCPeerConnection !== RTCPeerConnection) console.log('not registered');
      for (const it of [PcmSource, install, uninstall, callAudio, webRtcSessionFactory, startInternals]) if (!it) console.log('missing');
      const internals = await startInternals();
      const page = await (await fetch(internals.url)).text();
      if (!page.includes('webphone-rtc')) console.log('no page');
      await internals.close();
    `;
    fs.writeFileSync(path.join(project, 'named.mjs'), script);
    expect((await must(project, process.execPath, ['named.mjs'])).output).toBe('');
  });

  test(
    'the command, which runs',
    async () => {
      const { stdout } = await must(project, installed('.bin/webphone-rtc'), ['doctor', '--no-stun', '--json']);
      expect(JSON.parse(stdout)).toMatchObject({ fit: true });
    },
    CALL_MS,
  );

  test.each([
    ['node16', 'node16', 'consumer.mts', 'consumer.cts'],
    ['nodenext', 'nodenext', 'consumer.mts', 'consumer.cts'],
    ['esnext', 'bundler', 'consumer.mts'],
    ['commonjs', 'node10', 'consumer.cts'],
  ])(
    'a strict consumer compiles with TypeScript 5.9 and with ours, which has no node10, module %s, moduleResolution %s',
    async (module, moduleResolution, ...files) => {
      const options = { module, moduleResolution, target: 'es2022', types: ['node'], strict: true, noEmit: true };
      options.lib = ['es2022']; // what lib.dom has to have, the package asks for
      Object.assign(options, { skipLibCheck: false, noUncheckedIndexedAccess: true, exactOptionalPropertyTypes: true });
      const config = `tsconfig.${moduleResolution}.json`;
      fs.writeFileSync(path.join(project, config), JSON.stringify({ compilerOptions: options, files }));
      const compilers = [installed('typescript/bin/tsc')];
      if (moduleResolution !== 'node10') compilers.push(path.join(root, 'node_modules/typescript/bin/tsc'));
      for (const tsc of compilers) expect((await run(project, process.execPath, [tsc, '-p', config])).output).toBe('');
    },
    2 * CALL_MS,
  );
});

describe('a call under Jest in the project of a new user', () => {
  const original = fs.readFileSync(path.join(__dirname, 'project/bridge.js'), 'utf8');
  const jest = (node) => {
    const args = [installed('jest/bin/jest.js'), '--ci', '--detectOpenHandles', 'call.spec.js'];
    const env = {
      FAR_SIDE: path.join(root, 'examples/demo/caller.js'),
      SWITCH: path.join(root, 'examples/switch'),
      SWITCH_NODE: process.execPath,
      WEBPHONE_RTC_LOOPBACK: '1', // the switch lives on 127.0.0.1
    };
    return run(project, node, args, env, CALL_MS);
  };

  test(
    'with the mocks it goes to voicemail',
    async () => {
      fs.writeFileSync(path.join(project, 'bridge.js'), original);
      const { status, output } = await jest(process.execPath);
      expect(status).toBe(1);
      expect(output).toContain('"verdict": "voicemail"');
    },
    2 * CALL_MS,
  );

  async function oneLineInstead(node) {
    expect(original).toContain(MOCKS_LINE);
    fs.writeFileSync(path.join(project, 'bridge.js'), original.replace(MOCKS_LINE, OUR_LINE));
    const { status, output } = await jest(node);
    expect({ status, output }).toEqual({ status: 0, output: expect.stringContaining('1 passed') });
    expect(output).not.toMatch(/open handle|did not exit/);
  }

  for (const major of NODES) {
    const name = `with our line instead it is answered, heard and ended, and Jest ends by itself with 0, on Node ${major}`;
    try {
      const node = shell.nodeOfLine(major);
      test(name, () => oneLineInstead(node), 2 * CALL_MS);
    } catch (error) {
      if (process.env.CI) throw error;
      test.skip(`${name} (${error.message.split('\n')[0]})`, () => {});
    }
  }
});
