// A Python with what a file of requirements names, in a virtual environment under .cache, made on first use.

const { spawnSync } = require('node:child_process');
const { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } = require('node:fs');
const path = require('node:path');

const CACHE = path.resolve(__dirname, '../../.cache');

function run(command, args) {
  const { status, error, stdout, stderr } = spawnSync(command, args, { encoding: 'utf8' });
  return status === 0 ? null : (error?.message ?? `${stderr || stdout}`.trim().split('\n').at(-1));
}

/**
 * @param {string} name the folder under .cache
 * @param {string} requirements a file
 * @param {string} module one that is there once the requirements are installed
 * @returns {{ path?: string, missing?: string }} the interpreter, or a sentence that says what is missing
 */
function pythonWith(name, requirements, module) {
  const environment = path.join(CACHE, name);
  const stamp = path.join(environment, 'requirements.installed');
  const python = path.join(
    environment,
    ...(process.platform === 'win32' ? ['Scripts', 'python.exe'] : ['bin', 'python']),
  );
  const wanted = readFileSync(requirements, 'utf8');
  if (existsSync(stamp) && readFileSync(stamp, 'utf8') === wanted && run(python, ['-c', `import ${module}`]) === null)
    return { path: python };
  if (run('python3', ['--version'])) return { missing: 'python3 is not installed' };
  rmSync(environment, { recursive: true, force: true });
  mkdirSync(CACHE, { recursive: true });
  const noVenv = run('python3', ['-m', 'venv', environment]);
  if (noVenv) return { missing: `python3 cannot make a virtual environment (${noVenv})` };
  const pip = ['-m', 'pip', 'install', '--quiet', '--disable-pip-version-check', '-r', requirements];
  const noPackages = run(python, pip);
  if (noPackages) return { missing: `${module} cannot be installed (${noPackages})` };
  writeFileSync(stamp, wanted);
  return { path: python };
}

module.exports = { pythonWith };
