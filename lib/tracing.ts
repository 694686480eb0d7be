/**
 * `webphone-rtc/tracing`: connections as OpenTelemetry spans, made from what diagnostics_channel tells of them.
 * Invariants: nothing of OpenTelemetry is needed but a tracer, and none is loaded before traceConnections(); no span tells an
 * address, a description or which digit was pressed; what a tracer throws disturbs no call.
 */
import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { emitWarning } from 'node:process';
import type { ConnectionMessage, DtmfMessage, TrackMessage } from './channels';

/** As much of @opentelemetry/api's Span as is used. */
export interface TracingSpan {
  setAttribute(key: string, value: string | number | boolean): unknown;
  addEvent(name: string, attributes?: Record<string, string | number | boolean>): unknown;
  /** code: SpanStatusCode, 1 ok, 2 error. */
  setStatus(status: { code: number; message?: string }): unknown;
  end(): void;
}

/** As much of @opentelemetry/api's Tracer as is used. */
export interface TracingTracer {
  startSpan(name: string, options?: { attributes?: Record<string, string | number | boolean> }): TracingSpan;
}

export interface TracingOptions {
  /** The global provider's, unless said otherwise, which takes the package @opentelemetry/api. */
  tracer?: TracingTracer;
}

const NAME = 'webphone-rtc';
/** SpanStatusCode.ERROR. */
const ERROR = 2;

interface Spans {
  connection: TracingSpan;
  /** Until media can flow. */
  connect: TracingSpan | null;
}

/** From now on each connection of this thread is a span, from its first state to its end; the result ends that. */
export function traceConnections({ tracer = globalTracer() }: TracingOptions = {}): () => void {
  const open = new Map<number, Spans>();
  const safely =
    <T>(handle: (message: T) => void) =>
    (message: unknown) => {
      try {
        handle(message as T);
      } catch (error) {
        emitWarning(`The tracer has thrown: ${error}`, { type: 'WebphoneRtcWarning' });
      }
    };
  const listeners: [string, (message: unknown) => void][] = [
    ['connection', safely<ConnectionMessage>((message) => changed(tracer, open, message))],
    [
      'dtmf',
      safely<DtmfMessage>(({ id, direction }) => {
        open.get(id)?.connection.addEvent('dtmf', { direction });
      }),
    ],
    [
      'track',
      safely<TrackMessage>(({ id, event, kind }) => {
        open.get(id)?.connection.addEvent(`track ${event}`, { kind });
      }),
    ],
  ];
  for (const [name, listener] of listeners) subscribe(`${NAME}:${name}`, listener);
  return () => {
    for (const [name, listener] of listeners) unsubscribe(`${NAME}:${name}`, listener);
    for (const { connection, connect } of open.values()) {
      connect?.end();
      connection.end();
    }
    open.clear();
  };
}

function changed(
  tracer: TracingTracer,
  open: Map<number, Spans>,
  { id, state, previous, reason }: ConnectionMessage,
): void {
  const known = open.get(id);
  // One that was never used is no span; one that was up before is one from here on.
  if (!known && state === 'closed') return;
  const spans = known ?? begin(tracer, id, previous);
  open.set(id, spans);
  const { connection } = spans;
  connection.addEvent(state, { reason });
  if (state === 'connected') {
    spans.connect?.end();
    spans.connect = null;
  } else if (state === 'failed') {
    for (const span of [spans.connect, connection]) span?.setStatus({ code: ERROR, message: reason });
    spans.connect?.end();
    spans.connect = null;
  } else if (state === 'closed') {
    connection.setAttribute('webphone_rtc.end_reason', reason);
    spans.connect?.setStatus({ code: ERROR, message: reason });
    spans.connect?.end();
    connection.end();
    open.delete(id);
  }
}

function begin(tracer: TracingTracer, id: number, previous: string): Spans {
  const attributes = { 'webphone_rtc.connection': id };
  const connection = tracer.startSpan('webphone-rtc connection', { attributes });
  const connect = previous === 'new' ? tracer.startSpan('webphone-rtc connect', { attributes }) : null;
  return { connection, connect };
}

function globalTracer(): TracingTracer {
  let api: { trace: { getTracer(name: string): TracingTracer } };
  try {
    api = require('@opentelemetry/api');
  } catch {
    throw new Error(
      'traceConnections() needs a tracer, or the package @opentelemetry/api: npm install @opentelemetry/api',
    );
  }
  return api.trace.getTracer(NAME);
}
