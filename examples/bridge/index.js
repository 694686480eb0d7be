// Starts the bridge from the environment and ends it politely. Exit code 0 after SIGTERM or SIGINT, 1 if it cannot start.

const { Bridge } = require('./bridge.js');
const { configure, ConfigError } = require('./config.js');
const { application, listen } = require('./http.js');
const { createLog } = require('./log.js');
const { Metrics } = require('./metrics.js');

const EXIT_LIMIT_MS = 10_000;
/** With the edge away the SDK waits for replies that never come; its timers need not hold the process. */
const LINGER_MS = 500;

async function main() {
  const config = configure();
  const log = createLog(config);
  const bridge = new Bridge(config, { log });
  const metrics = new Metrics(bridge);
  const endTracing = trace(log);
  // The SDK leaves promises alone that may be rejected; none of them is a reason to drop every call.
  process.on('unhandledRejection', (error) => bridge.rejected(error));

  const server = await listen(application(bridge, { ...config, log, metrics }), config);
  log('info', 'listening', { address: `http://${config.host}:${server.address().port}` });

  const leave = async (signal) => {
    log('info', 'leaving', { signal, calls: bridge.calls.size });
    setTimeout(() => process.exit(1), EXIT_LIMIT_MS).unref(); // never reached unless something hangs
    server.close();
    server.closeIdleConnections();
    await bridge.stop();
    metrics.stop();
    endTracing();
    log('info', 'left');
    setTimeout(() => process.exit(), LINGER_MS).unref();
  };
  for (const signal of ['SIGTERM', 'SIGINT']) process.on(signal, () => leave(signal));

  try {
    await bridge.start();
  } catch (error) {
    log('warn', 'the edge refuses the registration', { reason: error.message });
    process.exitCode = 1;
    await leave('start failed');
  }
}

/** Connections as OpenTelemetry spans, where the process was started with it (`node --require ./otel.js index.js`). */
function trace(log) {
  try {
    require.resolve('@opentelemetry/api');
  } catch {
    return () => {};
  }
  log('debug', 'connections are traced');
  return require('webphone-rtc/tracing').traceConnections();
}

main().catch((error) => {
  console.error(error instanceof ConfigError ? error.message : error);
  process.exit(1);
});
