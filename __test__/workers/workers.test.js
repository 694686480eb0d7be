// The example that spreads calls over threads and processes.

const path = require('node:path');
const { root, run } = require('../package/shell');

jest.setTimeout(60_000);

test('calls in one thread, in two and in two processes are all heard, and nothing holds the process afterwards', async () => {
  const example = path.join(root, 'examples/workers/index.mjs');
  const args = [example, '--calls=2', '--workers=2', '--seconds=1', '--rounds=1'];
  const { status, stdout, stderr } = await run(root, process.execPath, args, {}, 50_000);
  expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
  for (const kind of ['one thread', 'threads', 'processes']) {
    const row = new RegExp(
      `^\\| ${kind} \\| ([\\d.]+) % of a core \\| [\\d.]+ ms \\| \\d+ MB \\| ([\\d.]+) % \\|$`,
      'm',
    ).exec(stdout);
    expect(row).not.toBeNull();
    expect(Number(row[1])).toBeGreaterThan(0);
    expect(Number(row[2])).toBeGreaterThan(50);
  }
});
