/**
 * The page of the internals over HTTP: three files, a stream of updates (server-sent events), statistics and dumps.
 * Invariants: nothing is told to a request without the token, or with a name in its Host header, which a rebound DNS name
 * would be; nothing can be changed by a request; the server keeps no process alive.
 */
import { createHash, timingSafeEqual } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { isIP } from 'node:net';
import path from 'node:path';
import type { Monitor, Update } from './monitor';

/** From dist/internals/. */
const PAGE = path.join(__dirname, '../../lib/internals/page');
const TYPES: Record<string, string> = {
  '.html': 'text/html; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.mjs': 'text/javascript; charset=utf-8',
};
const FILES = ['index.html', 'style.css', 'app.mjs', 'detail.mjs', 'diff.mjs', 'model.mjs', 'plot.mjs', 'timeline.mjs'];

const MAX_PAGES = 16;
/** Bytes that wait for a page that does not read; it is sent away then, and comes back by itself. */
const MAX_UNREAD = 8 * 1024 * 1024;

const HEADERS = {
  'cache-control': 'no-store',
  'content-security-policy':
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data:; " +
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
  'cross-origin-opener-policy': 'same-origin',
  'cross-origin-resource-policy': 'same-origin',
  'referrer-policy': 'no-referrer',
  'x-content-type-options': 'nosniff',
};

export type Page = ReadonlyMap<string, Buffer>;

export function readPage(): Page {
  try {
    return new Map(FILES.map((name) => [name, readFileSync(path.join(PAGE, name))]));
  } catch (cause) {
    throw new Error(
      `The page's files are not in ${PAGE}. A bundler leaves them behind, unless 'webphone-rtc' is external: ` +
        'then the package stays where it is installed.',
      { cause },
    );
  }
}

export function serve(monitor: Monitor, token: string, files: Page): Server {
  const pages = new Set<ServerResponse>();
  const server = createServer((request, response) => {
    for (const [name, value] of Object.entries(HEADERS)) response.setHeader(name, value);
    const refusal = refused(request);
    if (refusal) return void answer(response, 403, refusal);
    if (request.method !== 'GET' && request.method !== 'HEAD') {
      response.setHeader('allow', 'GET, HEAD');
      return void answer(response, 405, 'Only GET and HEAD');
    }
    const asked = allowed(request, token);
    if (asked === null) return void answer(response, 403, 'The token is missing or wrong');
    reply(asked, response).catch((error) => {
      if (response.headersSent) response.destroy();
      else answer(response, 500, String(error));
    });
  });
  // A page that is looked at keeps no process alive either.
  server.on('connection', (socket) => socket.unref());
  server.unref();

  async function reply(asked: string, response: ServerResponse): Promise<void> {
    const file = files.get(asked === '' ? 'index.html' : asked);
    if (file) {
      response.setHeader('content-type', TYPES[path.extname(asked || 'index.html')] ?? 'text/plain');
      response.end(file);
    } else if (asked === 'updates') follow(response);
    else if (asked === 'dump') {
      const name = `webphone-rtc-${new Date().toISOString().replace(/[:.]/g, '-')}.json`;
      response.setHeader('content-disposition', `attachment; filename="${name}"`);
      json(response, await monitor.fullDump());
    } else if (/^stats\/\d{1,15}$/.test(asked)) {
      const stats = await monitor.stats(Number(asked.slice(6)));
      if (stats) json(response, stats);
      else answer(response, 404, 'Nothing is known of that connection');
    } else answer(response, 404, 'There is nothing here');
  }

  function follow(response: ServerResponse): void {
    if (pages.size >= MAX_PAGES) return void answer(response, 503, `${MAX_PAGES} pages are open already`);
    response.writeHead(200, { 'content-type': 'text/event-stream; charset=utf-8' });
    const tell = (event: string, data: unknown) => {
      if (response.writableLength > MAX_UNREAD) response.destroy();
      else response.write(`event: ${event}\ndata: ${JSON.stringify(data)}\n\n`);
    };
    pages.add(response);
    const end = monitor.watch((update: Update) => tell('update', update));
    tell('all', monitor.dump());
    response.on('close', () => {
      pages.delete(response);
      end();
    });
  }

  return server;
}

/** Who reaches us by a name that somebody else's DNS has pointed here sends that name; an address cannot be rebound. */
function refused({ headers }: IncomingMessage): string | null {
  const name = (headers.host ?? '').replace(/:\d+$/, '').replace(/^\[(.*)\]$/, '$1');
  if (name !== 'localhost' && isIP(name) === 0) return 'The Host header is not an address and not localhost';
  const site = headers['sec-fetch-site'];
  if (site !== undefined && site !== 'none' && site !== 'same-origin') return 'A page of another site asks';
  return null;
}

/** What is asked for, without its token; null if that is missing or wrong. `/TOKEN/name`, or a bearer token and `/name`. */
function allowed({ url = '/', headers }: IncomingMessage, token: string): string | null {
  const target = url.split('?')[0]?.slice(1) ?? '';
  const bearer = /^Bearer (\S+)$/i.exec(headers.authorization ?? '')?.[1];
  if (bearer !== undefined) return same(bearer, token) ? target : null;
  const slash = target.indexOf('/');
  if (slash < 0 || !same(target.slice(0, slash), token)) return null;
  return target.slice(slash + 1);
}

/** In a time that tells nothing. */
function same(given: string, token: string): boolean {
  const digest = (text: string) => createHash('sha256').update(text).digest();
  return timingSafeEqual(digest(given), digest(token));
}

function answer(response: ServerResponse, status: number, text: string): void {
  response.writeHead(status, { 'content-type': 'text/plain; charset=utf-8' });
  response.end(`${text}\n`);
}

function json(response: ServerResponse, value: unknown): void {
  response.setHeader('content-type', 'application/json');
  response.end(JSON.stringify(value));
}
