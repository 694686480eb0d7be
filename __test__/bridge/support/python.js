// A Python with the voice AI's requirements, in a virtual environment under .cache, made on first use.
// Invariant: `python.path` or `python.missing` (a sentence) is set; in CI a missing one is a failed test, not a skipped one.

const { spawnSync } = require('node:child_process');
const { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } = require('node:fs');
const { createServer } = require('node:net');
const path = require('node:path');
const { Process, EXAMPLE } = require('./processes.js');

const ENVIRONMENT = path.resolve(__dirname, '../../../.cache/voice-ai');
const REQUIREMENTS = path.join(EXAMPLE, 'requirements.txt');
const STAMP = path.join(ENVIRONMENT, 'requirements.installed');
const PYTHON = path.join(
  ENVIRONMENT,
  ...(process.platform === 'win32' ? ['Scripts', 'python.exe'] : ['bin', 'python']),
);

function run(command, args) {
  const { status, error, stdout, stderr } = spawnSync(command, args, { encoding: 'utf8' });
  return status === 0 ? null : (error?.message ?? `${stderr || stdout}`.trim().split('\n').at(-1));
}

function prepare() {
  const wanted = readFileSync(REQUIREMENTS, 'utf8');
  if (existsSync(STAMP) && readFileSync(STAMP, 'utf8') === wanted && run(PYTHON, ['-c', 'import websockets']) === null)
    return { path: PYTHON };
  if (run('python3', ['--version'])) return { missing: 'python3 is not installed' };
  rmSync(ENVIRONMENT, { recursive: true, force: true });
  mkdirSync(path.dirname(ENVIRONMENT), { recursive: true });
  const noVenv = run('python3', ['-m', 'venv', ENVIRONMENT]);
  if (noVenv) return { missing: `python3 cannot make a virtual environment (${noVenv})` };
  const noPackages = run(PYTHON, [
    '-m',
    'pip',
    'install',
    '--quiet',
    '--disable-pip-version-check',
    '-r',
    REQUIREMENTS,
  ]);
  if (noPackages) return { missing: `websockets cannot be installed (${noPackages})` };
  writeFileSync(STAMP, wanted);
  return { path: PYTHON };
}

const python = prepare();

/** test() for what needs Python. */
function pythonTest(name, ...rest) {
  if (python.path) return test(name, ...rest);
  const said = `${name} [${python.missing}]`;
  if (!process.env.CI || process.env.CI === 'false') return test.skip(said, ...rest);
  return test(said, () => {
    throw new Error(python.missing);
  });
}

async function freePort() {
  const server = createServer();
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address();
  await new Promise((resolve) => server.close(resolve));
  return port;
}

class VoiceAi extends Process {
  static async start({ port, httpPort, env } = {}) {
    port ??= await freePort();
    httpPort ??= await freePort();
    const ai = new VoiceAi(python.path, [path.join(EXAMPLE, 'voice_ai.py')], {
      VOICE_AI_PORT: String(port),
      VOICE_AI_HTTP_PORT: String(httpPort),
      PYTHONDONTWRITEBYTECODE: '1',
      ...env,
    });
    Object.assign(ai, { port, httpPort });
    await ai.says(/listening/);
    return ai;
  }

  /** The bridge's settings for it. */
  get env() {
    return { PYTHON_WS_URL: `ws://127.0.0.1:${this.port}`, PYTHON_HTTP_URL: `http://127.0.0.1:${this.httpPort}/calls` };
  }
}

module.exports = { pythonTest, freePort, VoiceAi, python };
