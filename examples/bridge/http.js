// The bridge's HTTP side: GET /status, GET /metrics, POST /webhook. Invariant: the first two tell nothing that identifies a caller; a webhook
// acts only if it carries the agreed token.

const { once } = require('node:events');
const { timingSafeEqual, createHash } = require('node:crypto');
const express = require('express');
const { ConfigError } = require('./config.js');

const HINDRANCES = {
  EADDRINUSE: ({ port }) => `port ${port} is taken: set PORT`,
  EACCES: ({ port }) => `port ${port} is not for this user: set PORT`,
  EADDRNOTAVAIL: ({ host }) => `${host} is no address of this machine: set HOST`,
};

/** https://developers.ringcentral.com/guide/notifications/webhooks */
function application(bridge, { webhookToken, log, metrics }) {
  const app = express();
  app.disable('x-powered-by');

  app.get('/status', (_request, response) => {
    const status = bridge.status();
    response.status(status.registered && !status.stopping ? 200 : 503).json(status);
  });

  app.get('/metrics', async (_request, response) => {
    response.type('text/plain; version=0.0.4').send(await metrics.text());
  });

  app.post('/webhook', express.json({ limit: '100kb' }), (request, response) => {
    // A new subscription is confirmed by repeating its token.
    const validation = request.get('Validation-Token');
    if (validation) return response.set('Validation-Token', validation).end();
    const trusted = Boolean(webhookToken) && equal(request.get('Verification-Token') ?? '', webhookToken);
    if (webhookToken && !trusted) return response.status(401).json({ error: 'wrong Verification-Token' });
    const { event, body } = request.body ?? {};
    log('debug', 'webhook', { event });
    if (trusted)
      for (const party of Array.isArray(body?.parties) ? body.parties : [])
        if (party?.status?.code === 'Disconnected')
          bridge.partyDisconnected({ sessionId: body.telephonySessionId, partyId: party.id });
    response.json({ ok: true });
  });

  app.use((error, _request, response, _next) => {
    response.status(error.status ?? 500).json({ error: error.expose ? error.message : 'internal error' });
  });
  return app;
}

/** The server, once it listens; a ConfigError says which setting is in the way. */
async function listen(app, { host, port }) {
  const server = app.listen(port, host);
  try {
    await once(server, 'listening');
  } catch (error) {
    throw error.code in HINDRANCES ? new ConfigError([HINDRANCES[error.code]({ host, port })]) : error;
  }
  return server;
}

/** Compares digests: the time taken tells nothing, not even the length. */
function equal(a, b) {
  const digest = (text) => createHash('sha256').update(text).digest();
  return timingSafeEqual(digest(a), digest(b));
}

module.exports = { application, listen };
