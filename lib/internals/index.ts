/**
 * `webphone-rtc/internals`: what chrome://webrtc-internals is to a browser. A page on this machine that shows the connections
 * of this thread.
 * Invariant: nothing is recorded or served before startInternals() or after close().
 */
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { isIPv6 } from 'node:net';
import { emitWarning } from 'node:process';
import { Monitor } from './monitor';
import { readPage, serve } from './server';

export interface InternalsOptions {
  /** 0, unless said otherwise: any that is free. */
  port?: number;
  /** The address to listen at, `127.0.0.1` unless said otherwise. */
  host?: string;
  /** What a page must know; a random one unless said otherwise. */
  token?: string;
}

export interface Internals {
  /** Of the page, with the token in it. */
  readonly url: string;
  readonly token: string;
  /** Ends the server and the recording; pages that are open stay as they are. */
  close(): Promise<void>;
}

/** 18 random bytes make 24 characters; half of that is the least that is not guessed. */
const TOKEN = /^[\w-]{12,256}$/;

export async function startInternals(options: InternalsOptions = {}): Promise<Internals> {
  const { port = 0, host = '127.0.0.1', token = randomBytes(18).toString('base64url') } = options;
  if (!Number.isInteger(port) || port < 0 || port > 65535) throw new RangeError(`${port} is not a port`);
  if (typeof host !== 'string' || host === '') throw new TypeError('host is not an address');
  if (typeof token !== 'string' || !TOKEN.test(token)) {
    throw new TypeError('A token is made of 12 to 256 letters, digits, _ and -');
  }
  const page = readPage();
  const monitor = new Monitor();
  const server = serve(monitor, token, page);
  try {
    server.listen(port, host);
    await once(server, 'listening');
  } catch (error) {
    monitor.stop();
    throw error;
  }
  const { address, port: bound } = server.address() as AddressInfo;
  if (!/^(127\.|::1$)/.test(address)) {
    emitWarning(`The internals of all calls can be read at ${address} by whoever knows the token, in clear text`, {
      type: 'WebphoneRtcWarning',
    });
  }
  let closed: Promise<void> | undefined;
  return {
    url: `http://${isIPv6(address) ? `[${address}]` : address}:${bound}/${token}/`,
    token,
    close() {
      closed ??= new Promise((resolve) => {
        monitor.stop();
        server.close(() => resolve());
        server.closeAllConnections();
      });
      return closed;
    },
  };
}
