/**
 * Whether a TURN server takes our credentials and relays, and whether the engine makes use of it.
 * Invariant: the server is asked by a client of our own, for an engine that does not use TURN could not tell of credentials.
 */
import type * as api from 'webphone-rtc';
import { allocate, readUrl, type TurnServer } from './allocate';
import type { Finding } from './finding';

export type { TurnServer } from './allocate';

const LIMIT_MS = 5000;
/** Unauthorized, forbidden, wrong credentials for this allocation (RFC 8656 §18). */
const CREDENTIALS = [401, 403, 441];

export async function checkTurn(server: TurnServer, rtc: typeof api, limitMs = LIMIT_MS): Promise<Finding> {
  const { url } = server;
  const failure = (says: string, advice: string, data: object = {}): Finding => ({
    id: 'turn',
    status: 'failure',
    says,
    advice,
    data: { url, ...data },
  });
  if (!readUrl(url)) {
    return failure(
      `'${url}' is no TURN server`,
      'Write it as turn:host:3478?transport=udp, with --username and --credential.',
    );
  }
  const result = await allocate(server, limitMs);
  if ('silent' in result) {
    return failure(
      `${url} does not answer: ${result.silent}`,
      'Check host and port, and let this machine out to it; where only TCP gets out, add ?transport=tcp, or use turns:.',
    );
  }
  if ('code' in result) {
    const said = `${result.code} ${result.text}`;
    if (CREDENTIALS.includes(result.code)) {
      return failure(
        `${url} does not take the credentials (${said})`,
        'Check --username and --credential. Time-limited ones (a number before the user’s name) may have run out, or a clock is wrong.',
        result,
      );
    }
    return failure(
      `${url} gives no relay (${said})`,
      'The server answers and refuses; its log says why. 486 is a quota, 508 a port range that is full.',
      result,
    );
  }
  const data = { url, relay: result.relay };
  const says = `${url} takes the credentials and relays from ${result.relay}`;
  const hindrance = await hindranceOfEngine(server, rtc, limitMs);
  if (hindrance === null) return { id: 'turn', status: 'ok', says, data: { ...data, used: true } };
  return {
    id: 'turn',
    status: 'warning',
    says: `${says}, but the engine gets no relay candidate from it (${hindrance})`,
    advice:
      'The engine waits a second for each answer: a server that is far away or slow may be too late. Where the machine has several addresses, the one that calls use must reach the server (`addresses`).',
    data: { ...data, used: false },
  };
}

/** Why the engine gets no relayed candidate; null if it gets one. */
async function hindranceOfEngine(
  { url, username, credential }: TurnServer,
  { RTCPeerConnection }: typeof api,
  limitMs: number,
): Promise<string | null> {
  const connection = new RTCPeerConnection({
    iceServers: [{ urls: url, username, credential }],
    iceTransportPolicy: 'relay',
    loopback: true,
  });
  let limit: NodeJS.Timeout | undefined;
  try {
    connection.addTransceiver('audio');
    return await new Promise<string | null>((resolve) => {
      let hindrance = 'without an error';
      limit = setTimeout(() => resolve(`nothing in ${limitMs / 1000} s`), limitMs);
      connection.addEventListener('icecandidateerror', ({ errorCode, errorText }) => {
        hindrance = `${errorCode} ${errorText}`;
      });
      connection.addEventListener('icecandidate', ({ candidate }) => {
        if (candidate === null || candidate.type === 'relay') resolve(candidate === null ? hindrance : null);
      });
      connection.setLocalDescription().catch((error) => resolve(String(error)));
    });
  } finally {
    clearTimeout(limit);
    connection.close();
  }
}
