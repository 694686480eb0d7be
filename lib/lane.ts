/**
 * The one lane from the engine to JavaScript, and what keeps objects and the process alive.
 * Invariants: reports of a connection are handled one per task, in order; nothing is started on import; the event loop
 * is held by one timer, and only while someone holds it; reports are handled in the context of the object that they are for.
 */
import { binding, type LevelData, type LogReport, type NativeEngine, type Report } from './binding';
import { outside, remember, within } from './context';
import { log, wantedLevel, watchLevel } from './log';
import { clearInterval, setImmediate, setInterval } from './timers';

/** Takes one report; does not hold its owner, which is handed in. */
type Handler<T extends object, R extends Report | LevelData> = (owner: T, report: R) => void;
interface Listener {
  owner: WeakRef<object>;
  handle: Handler<object, Report | LevelData>;
}

type Space = 'connection' | 'ring' | 'sink' | 'recorder' | 'frames';

// Node's timers cannot sleep longer than 2^31-1 ms; the length does not matter, being ref'ed does.
const FOREVER_MS = 2 ** 31 - 1;

let engine: NativeEngine | undefined;
let drainFrames: ReturnType<NativeEngine['frameDrain']> | undefined;
const listeners: Record<Space, Map<number, Listener>> = {
  connection: new Map(),
  ring: new Map(),
  sink: new Map(),
  recorder: new Map(),
  frames: new Map(),
};
const roots = new Set<object>();
const holders = new Set<object>();
let timer: ReturnType<typeof setInterval> | undefined;

const forgotten = new FinalizationRegistry<{ space: Space; id: number }>(({ space, id }) => {
  // The id is never used again, so a late finalizer cannot remove a successor.
  listeners[space].delete(id);
});

/** The engine of this Node environment, made on first use. */
export function theEngine(): NativeEngine {
  if (!engine) {
    // Node would drain in the context of whoever comes first, and hold that for ever.
    engine = outside(() => new binding.Engine(drain));
    if (wantedLevel() !== 'off') engine.setLogLevel(wantedLevel());
  }
  return engine;
}

watchLevel((level) => engine?.setLogLevel(level));

/**
 * Reports of `id` go to `handle` as long as `owner` lives, in the context of this call. `handle` must not capture the owner.
 */
export function listen<T extends object, R extends Report | LevelData>(
  space: Space,
  id: number,
  owner: T,
  handle: Handler<T, R>,
): void {
  listeners[space].set(id, {
    owner: new WeakRef(owner),
    handle: handle as unknown as Handler<object, Report | LevelData>,
  });
  forgotten.register(owner, { space, id });
  remember(owner);
}

/** Who listens to that, if he still lives. */
export function owner(space: Space, id: number): object | undefined {
  return listeners[space].get(id)?.owner.deref();
}

/** Those that listen and still live, by id: a look at them, which keeps nobody. */
export function* living(space: Space): Generator<[number, object]> {
  for (const [id, { owner }] of listeners[space]) {
    const object = owner.deref();
    if (object) yield [id, object];
  }
}

/** Keeps `object` from the garbage collector until `release`. */
export function root(object: object): void {
  roots.add(object);
}

export function release(object: object): void {
  roots.delete(object);
}

/** Keeps the process alive as long as `object` says so. */
export function holdLoop(object: object, hold: boolean): void {
  if (hold) holders.add(object);
  else holders.delete(object);
  if (holders.size > 0) timer ??= outside(() => setInterval(() => {}, FOREVER_MS));
  else if (timer) {
    clearInterval(timer);
    timer = undefined;
  }
}

/** W3C "queue a task": after everything queued before, with all microtasks run in between. */
export function queueTask(task: () => void): void {
  setImmediate(task);
}

/** The same for what has a result. The promise is never settled where `run` is not `wanted` any more. */
export function task<T>(run: () => T, wanted = () => true): Promise<T> {
  return new Promise((resolve, reject) => {
    queueTask(() => {
      if (!wanted()) return;
      try {
        resolve(run());
      } catch (error) {
        reject(error);
      }
    });
  });
}

/** What a listener has thrown: nobody else may lose his report for it. */
export function throwLater(error: unknown): void {
  queueTask(() => {
    throw error;
  });
}

/** What a frameDrain() fills and what it answers. */
const framed = new Uint32Array(1024);
const FRAMED = { count: 2 ** 16 - 1, more: 2 ** 16 };
const FRAMES: Report = { type: 'frames', sinks: [] };

/** Frames are told so often that an object for each time would be a tenth of what JavaScript has to do for a call. */
function drain(): void {
  drainFrames ??= theEngine().frameDrain();
  const told = drainFrames(framed);
  const count = told & FRAMED.count;
  for (let n = 0; n < count; n++) hand('sink', framed[n] as number, FRAMES);
  if (told >= FRAMED.more) for (const report of theEngine().drain()) deliver(report);
}

function deliver(report: Report): void {
  // Media reports are no W3C events: they need no task of their own.
  if (report.type === 'frames') for (const sink of report.sinks) hand('sink', sink, report);
  else if (report.type === 'levels') for (const level of report.levels) deliverLevel(level);
  else if ('ring' in report) hand('ring', report.ring, report);
  else if ('sink' in report) hand('sink', report.sink, report);
  else if ('frames' in report) hand('frames', report.frames, report);
  else if ('recorder' in report) hand('recorder', report.recorder, report);
  else if (report.type === 'log') queueTask(() => tell(report));
  else queueTask(() => hand('connection', report.connection, report));
}

function deliverLevel(level: LevelData): void {
  if (typeof level.ring === 'number') hand('ring', level.ring, level);
  else if (typeof level.sink === 'number') hand('sink', level.sink, level);
}

/** In a task as well, so that lines of the engine and of the facade come in the order of what they tell. */
function tell({ namespace, level, connection, message, fields, unixMs }: LogReport): void {
  log(namespace, level, connection, message, fields, unixMs);
}

function hand(space: Space, id: number, report: Report | LevelData): void {
  const listener = listeners[space].get(id);
  const owner = listener?.owner.deref();
  if (!listener || !owner) return;
  try {
    within(owner, listener.handle, owner, report);
  } catch (error) {
    within(owner, throwLater, error);
  }
}
