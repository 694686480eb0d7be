/**
 * What happens in a connection, for people: lines on stderr for `DEBUG=webphone-rtc:*`, and the application's own logger.
 * Invariants: silent until asked; nothing above 'debug' carries an address, a description or a digit, and nothing at all a
 * password or a key; a logger that throws cannot disturb a call.
 */
import { emitWarning, env, stderr } from 'node:process';

export type Level = 'error' | 'warn' | 'info' | 'debug';
export type Namespace = 'connection' | 'signaling' | 'ice' | 'dtls' | 'media' | 'data' | 'candidate' | 'sdp';
export type Fields = Record<string, string | number>;

/** What a logger's methods are called with: pino's (fields, message), or winston's and console's (message, fields). */
export type Style = 'fields-first' | 'message-first';
type Write = (first: unknown, second?: unknown) => unknown;
export type Logger = Record<Level, Write>;
export interface LoggerOptions {
  level?: Level;
  style?: Style;
}

export interface Line {
  unixMs: number;
  level: Level;
  namespace: Namespace;
  connection: number;
  message: string;
  fields: Fields;
}

const PREFIX = 'webphone-rtc:';
const LEVELS: readonly Level[] = ['error', 'warn', 'info', 'debug'];
const NAMESPACES: readonly Namespace[] = [
  'connection',
  'signaling',
  'ice',
  'dtls',
  'media',
  'data',
  'candidate',
  'sdp',
];

/** What DEBUG said when the package was loaded, as with the `debug` package. */
const printed = new Set(namespacesIn(env.DEBUG ?? ''));
let hook: { write: (line: Line) => void; level: Level } | undefined;
/** Monitors of this package; they read every line, and leave the application's logger alone. */
const monitors = new Set<(line: Line) => void>();
let onLevel: (level: Level | 'off') => void = () => {};

/** Those of our namespaces that a DEBUG variable enables: names with `*`, separated by commas or spaces; `-` excludes. */
function namespacesIn(debug: string): Namespace[] {
  const words = debug.split(/[\s,]+/).filter(Boolean);
  const matches = (word: string, namespace: string) => {
    const pattern = word.replace(/[\\^$.|?+()[\]{}]/g, '\\$&').replace(/\*+/g, '.*');
    return new RegExp(`^${pattern}$`).test(PREFIX + namespace);
  };
  return NAMESPACES.filter(
    (namespace) =>
      words.some((word) => !word.startsWith('-') && matches(word, namespace)) &&
      !words.some((word) => word.startsWith('-') && matches(word.slice(1), namespace)),
  );
}

/** The most that anyone wants to read. */
export function wantedLevel(): Level | 'off' {
  return printed.size > 0 || monitors.size > 0 ? 'debug' : (hook?.level ?? 'off');
}

/** `tell` is called whenever `wantedLevel()` changes. */
export function watchLevel(tell: (level: Level | 'off') => void): void {
  onLevel = tell;
}

/** Whether a line would be read by anyone: for those that cost something to write. */
export function isLogged(namespace: Namespace, level: Level): boolean {
  if (monitors.size > 0 || printed.has(namespace)) return true;
  return hook !== undefined && LEVELS.indexOf(level) <= LEVELS.indexOf(hook.level);
}

/** One line about a connection. */
export function log(
  namespace: Namespace,
  level: Level,
  connection: number,
  message: string,
  fields: Fields = {},
  unixMs?: number,
): void {
  if (!isLogged(namespace, level)) return;
  const line: Line = { unixMs: unixMs ?? Date.now(), level, namespace, connection, message, fields };
  if (printed.has(namespace)) stderr.write(`${text(line)}\n`);
  if (hook && LEVELS.indexOf(level) <= LEVELS.indexOf(hook.level)) hook.write(line);
  for (const read of monitors) read(line);
}

function text({ unixMs, level, namespace, connection, message, fields }: Line): string {
  const shown = Object.entries(fields).map(([name, value]) => ` ${name}=${quoted(value)}`);
  return `${new Date(unixMs).toISOString()} ${PREFIX}${namespace} #${connection} ${level} ${message}${shown.join('')}`;
}

/** One line stays one line, whatever the far end has put into a value. */
function quoted(value: string | number): string {
  const word = String(value);
  return /^[\w./:+-]+$/.test(word) ? word : JSON.stringify(word);
}

/** A description without the passwords of ICE, and without the keys that gateways of old offer in it (RFC 4568). */
export function withoutSecrets(sdp: string): string {
  return sdp.replace(/^(a=(?:ice-pwd|crypto):).*$/gm, '$1…');
}

/** `read` gets every line from now on, those of 'debug' too, until what is returned is called. It must not throw. */
export function watchLines(read: (line: Line) => void): () => void {
  monitors.add(read);
  onLevel(wantedLevel());
  return () => {
    monitors.delete(read);
    onLevel(wantedLevel());
  };
}

/**
 * From now on the connections of this thread tell `logger` what they do; null ends that. Lines of the level 'debug' carry
 * addresses, descriptions and digits, and come only when `level` asks for them.
 */
export function setLogger(logger: Logger | null, { level = 'info', style }: LoggerOptions = {}): void {
  if (logger === null || logger === undefined) hook = undefined;
  else {
    const missing = LEVELS.find((name) => typeof logger[name] !== 'function');
    if (missing) throw new TypeError(`A logger has the methods ${LEVELS.join(', ')}; this one lacks ${missing}()`);
    if (!LEVELS.includes(level)) throw new TypeError(`'${level}' is not one of the levels ${LEVELS.join(', ')}`);
    hook = { level, write: writer(logger, style ?? usualStyle(logger)) };
  }
  onLevel(wantedLevel());
}

/** Of the common loggers those that take the fields first, pino and what is shaped like it, have bindings(). */
function usualStyle(logger: object): Style {
  return 'bindings' in logger ? 'fields-first' : 'message-first';
}

function writer(logger: Logger, style: Style): (line: Line) => void {
  let complained = false;
  return ({ level, namespace, connection, message, fields }) => {
    const all = { namespace: PREFIX + namespace, connection, ...fields };
    try {
      if (style === 'fields-first') logger[level](all, message);
      else logger[level](message, all);
    } catch (error) {
      if (!complained) emitWarning(`The logger has thrown: ${error}`, { type: 'WebphoneRtcWarning' });
      complained = true;
    }
  };
}
