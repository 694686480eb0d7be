// The dashboard in the form that Grafana imports, and its queries as a Prometheus answers them that has scraped a bridge.

const { execFileSync, spawnSync } = require('node:child_process');
const fs = require('node:fs');
const path = require('node:path');
const { startSwitch, signal } = require('../../examples/switch');
const { folder, removeScratch } = require('../package/shell');
const { BridgeProcess, Process } = require('./support/processes.js');
const { freePort } = require('./support/python.js');
const { ScriptedAi } = require('./support/scripted-ai.js');
const dashboard = require('../../examples/bridge/grafana.json');

jest.setTimeout(180_000);

const COLUMNS = 24;
const queries = dashboard.panels.flatMap(({ title, targets }) => targets.map((target) => ({ title, ...target })));

describe('the form', () => {
  test('it has what a dashboard is imported by, and nothing of the one it was exported from', () => {
    expect(dashboard).toMatchObject({
      title: expect.any(String),
      uid: expect.stringMatching(/^[\w-]{1,40}$/),
      schemaVersion: expect.any(Number),
      time: { from: 'now-1h', to: 'now' },
    });
    expect(dashboard).not.toHaveProperty('id');
  });

  test('its source of data is chosen by whoever imports it', () => {
    const [variable, ...more] = dashboard.templating.list;
    expect(more).toEqual([]);
    expect(variable).toMatchObject({ type: 'datasource', query: 'prometheus', name: expect.any(String) });
    const datasource = { type: 'prometheus', uid: `\${${variable.name}}` };
    for (const panel of dashboard.panels)
      for (const it of [panel, ...panel.targets]) expect(it.datasource).toEqual(datasource);
  });

  test('every panel has a place of its own', () => {
    const taken = new Set();
    for (const { gridPos, title } of dashboard.panels) {
      expect(gridPos.x + gridPos.w).toBeLessThanOrEqual(COLUMNS);
      for (let y = gridPos.y; y < gridPos.y + gridPos.h; y++)
        for (let x = gridPos.x; x < gridPos.x + gridPos.w; x++) {
          expect({ title, free: !taken.has(`${x},${y}`) }).toEqual({ title, free: true });
          taken.add(`${x},${y}`);
        }
    }
  });

  test('panels and their queries have names, kinds that every Grafana has, and legends of labels that are kept', () => {
    const { panels } = dashboard;
    for (const member of ['id', 'title'])
      expect(new Set(panels.map((panel) => panel[member])).size).toBe(panels.length);
    for (const { type, targets } of panels) {
      expect(['stat', 'timeseries']).toContain(type);
      expect(new Set(targets.map(({ refId }) => refId)).size).toBe(targets.length);
      for (const { expr, legendFormat } of targets)
        for (const [, label] of legendFormat.matchAll(/\{\{(\w+)\}\}/g)) expect(expr).toContain(`by (${label})`);
    }
  });
});

const missing = ['prometheus', 'promtool'].find((program) => spawnSync(program, ['--version']).status !== 0);

/** In CI a missing one is a failure. */
function prometheusTest(name, ...rest) {
  if (!missing || process.env.CI) return test(name, ...rest);
  return test.skip(`${name} (no ${missing} on this machine)`, ...rest);
}

const running = [];
afterEach(async () => {
  for (const stop of running.splice(0).reverse()) await stop();
});
afterAll(removeScratch);

async function startPrometheus(target) {
  const [scratch, port] = [folder('prometheus'), await freePort()];
  const config = path.join(scratch, 'prometheus.yml');
  fs.writeFileSync(
    config,
    `scrape_configs:\n  - job_name: bridge\n    scrape_interval: 1s\n    scrape_timeout: 1s\n    static_configs: [{ targets: ['${target}'] }]\n`,
  );
  const address = `127.0.0.1:${port}`;
  const args = [`--config.file=${config}`, `--storage.tsdb.path=${path.join(scratch, 'data')}`];
  const prometheus = new Process('prometheus', [...args, `--web.listen-address=${address}`], {});
  running.push(() => prometheus.stop());
  await prometheus.says(/Server is ready to receive web requests/);
  return async (query) => {
    const response = await fetch(`http://${address}/api/v1/query?${new URLSearchParams({ query })}`);
    return response.json();
  };
}

/** Resolves when each query has had an answer, which for a rate takes two scrapes; rejects with those that have none. */
async function answered(ask, asked, limitMs = 90_000) {
  const deadline = Date.now() + limitMs;
  let left = asked.map(({ title, expr }) => ({ title, query: expr.replaceAll('$__rate_interval', '5m') }));
  for (;;) {
    const without = [];
    for (const it of left) {
      const answer = await ask(it.query);
      expect({ ...it, ...answer }).toMatchObject({ status: 'success' });
      if (answer.data.result.length === 0) without.push(it);
    }
    if (without.length === 0) return;
    if (Date.now() > deadline) throw new Error(`no answer to ${JSON.stringify(without, null, 2)}`);
    left = without;
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}

prometheusTest('a Prometheus understands every query, and has an answer to each', async () => {
  const sw = await startSwitch();
  running.push(() => sw.stop());
  const ai = await ScriptedAi.start();
  running.push(() => ai.stop());
  const bridge = new BridgeProcess(sw, ai.env);
  running.push(() => bridge.stop());
  await bridge.ready();
  // One call is over, another one goes on.
  const over = await sw.call({ autoAnswer: true });
  await over.waitFor('dtls');
  await over.hangup();
  await (await sw.call({ autoAnswer: true, source: signal.tone(1000) })).waitFor('dtls');

  const text = await (await fetch(`${bridge.url}/metrics`)).text();
  expect(execFileSync('promtool', ['check', 'metrics'], { input: text, encoding: 'utf8' })).toBe('');

  const ask = await startPrometheus(new URL(bridge.url).host);
  await answered(ask, queries);
  const [{ value }] = (await ask('sum(webphone_bridge_calls{state="answered"})')).data.result;
  expect(value[1]).toBe('1');
});
