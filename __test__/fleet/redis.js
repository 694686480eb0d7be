// A Redis of its own for a test, with nothing on the disk.

const { execFileSync, spawn } = require('node:child_process');
const { once } = require('node:events');
const { freePort } = require('../bridge/support/python.js');

function isHere() {
  try {
    execFileSync('redis-server', ['--version']);
    return true;
  } catch {
    return false;
  }
}

const here = isHere();

/** test() or describe() for what needs it; in CI a missing one is a failure. */
const withRedis =
  (kind) =>
  (name, ...rest) => {
    if (here || process.env.CI) return kind(name, ...rest);
    return kind.skip(`${name} (no redis-server on this machine)`, ...rest);
  };

async function startRedis(port) {
  port ??= await freePort();
  const options = { port, bind: '127.0.0.1', save: '', appendonly: 'no' };
  const args = Object.entries(options).flatMap(([name, value]) => [`--${name}`, String(value)]);
  const child = spawn('redis-server', args);
  for await (const data of child.stdout) if (String(data).includes('Ready to accept connections')) break;
  const stop = async () => {
    if (child.exitCode !== null) return;
    child.kill('SIGCONT');
    child.kill();
    await once(child, 'exit');
  };
  return { port, url: `redis://127.0.0.1:${port}`, child, stop };
}

module.exports = { startRedis, withRedis };
