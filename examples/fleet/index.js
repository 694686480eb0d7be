// A bridge that shares the calls of its extension with others: several of these, on one machine or many, and one Redis.
//   REDIS_URL=redis://127.0.0.1:6379 FLEET_NODE=a INSTANCE_ID=… node --env-file=bridge/.env fleet/index.js
// SIGTERM drains: no new call is taken, those there are go on to their end, then the process ends with 0. A second one ends them.

const { createClient } = require('@redis/client');
const { Bridge } = require('../bridge/bridge.js');
const { configure, ConfigError } = require('../bridge/config.js');
const { application, listen } = require('../bridge/http.js');
const { createLog } = require('../bridge/log.js');
const { Metrics } = require('../bridge/metrics.js');
const { Fleet } = require('./fleet.js');

const LOOK_MS = 200;
const LINGER_MS = 500;
const RETRY_MS = 500;

/** While the server is away commands reject at once: a call does not wait for it to come back. */
function connectRedis(url, log) {
  const redis = createClient({
    url,
    disableOfflineQueue: true,
    commandsQueueMaxLength: 1000,
    socket: { reconnectStrategy: RETRY_MS },
  });
  redis.on('error', (error) => log('debug', 'redis is away', { reason: error.message || error.code }));
  redis.on('ready', () => log('info', 'redis is there'));
  redis.connect().catch(() => {}); // 'error' has told
  return redis;
}

async function main() {
  const config = configure(process.env, ({ number }) => ({
    drainLimitMs: number('DRAIN_LIMIT_S', 3600, 0, 86_400) * 1000,
  }));
  const node = process.env.FLEET_NODE;
  if (!node || !process.env.INSTANCE_ID)
    throw new Error('FLEET_NODE and INSTANCE_ID are wanted, other ones for each process');
  const log = createLog(config);
  const redis = connectRedis(process.env.REDIS_URL ?? 'redis://127.0.0.1:6379', log);
  const load = () => ({ calls: bridge.calls.size, most: config.maxCalls });
  const fleet = new Fleet({ redis, node, load, log });
  const bridge = new Bridge(config, { log, admit: (session, gone) => fleet.admit(session, gone) });
  process.on('unhandledRejection', (error) => bridge.rejected(error));
  const metrics = new Metrics(bridge);
  const server = await listen(application(bridge, { ...config, log, metrics }), config);
  log('info', 'listening', { address: `http://${config.host}:${server.address().port}` });

  let leaving = false;
  const leave = async () => {
    if (leaving) return;
    leaving = true;
    server.close();
    server.closeIdleConnections();
    await bridge.stop();
    metrics.stop();
    fleet.stop();
    log('info', 'left');
    setTimeout(() => {
      redis.destroy();
      process.exit(0);
    }, LINGER_MS);
  };
  const drain = async () => {
    if (fleet.draining) return leave();
    fleet.draining = true;
    log('info', 'draining', { calls: bridge.calls.size });
    const until = Date.now() + config.drainLimitMs;
    while (bridge.calls.size > 0 && Date.now() < until && !leaving)
      await new Promise((resolve) => setTimeout(resolve, LOOK_MS));
    await leave();
  };
  for (const signal of ['SIGTERM', 'SIGINT']) process.on(signal, drain);
  await bridge.start();
}

main().catch((error) => {
  console.error(error instanceof ConfigError ? error.message : error);
  process.exit(1);
});
