// A window just large enough for the WebRTC tests of WPT, in the realm of Node
// itself, so that errors, buffers, events and promises of the implementation and
// of the tests come from one realm. It knows nothing of any implementation.
import fs from 'node:fs';
import path from 'node:path';

const VOID = new Set(['meta', 'link', 'br', 'img', 'input', 'hr', 'source', 'base']);
const RAW = new Set(['script', 'style', 'title', 'textarea']);

function handlerAttributes(proto, names) {
  for (const name of names) {
    const slot = Symbol(`on${name}`);
    Object.defineProperty(proto, `on${name}`, {
      configurable: true,
      enumerable: true,
      get() {
        return this[slot]?.fn ?? null;
      },
      set(fn) {
        if (this[slot]) this.removeEventListener(name, this[slot].call);
        this[slot] = null;
        if (typeof fn !== 'function') return;
        const call = (e) => fn.call(this, e);
        this[slot] = { fn, call };
        this.addEventListener(name, call);
      },
    });
  }
}

class Node extends EventTarget {
  childNodes = [];
  parentNode = null;
  get parentElement() {
    return this.parentNode;
  }
  get firstChild() {
    return this.childNodes[0] ?? null;
  }
  get lastChild() {
    return this.childNodes.at(-1) ?? null;
  }
  get children() {
    return this.childNodes.filter((n) => n instanceof Element);
  }
  get isConnected() {
    let n = this;
    while (n.parentNode) n = n.parentNode;
    return n === globalThis.document;
  }
  get ownerDocument() {
    return globalThis.document;
  }
  appendChild(n) {
    return this.insertBefore(n, null);
  }
  append(...nodes) {
    for (const n of nodes) this.appendChild(typeof n === 'string' ? new Text(n) : n);
  }
  insertBefore(n, ref) {
    n.remove?.();
    const at = ref ? this.childNodes.indexOf(ref) : -1;
    if (at < 0) this.childNodes.push(n);
    else this.childNodes.splice(at, 0, n);
    n.parentNode = this;
    n.connected?.();
    return n;
  }
  removeChild(n) {
    const at = this.childNodes.indexOf(n);
    if (at < 0) throw new DOMException('not a child', 'NotFoundError');
    this.childNodes.splice(at, 1);
    n.parentNode = null;
    return n;
  }
  remove() {
    this.parentNode?.removeChild(this);
  }
  contains(n) {
    for (; n; n = n.parentNode) if (n === this) return true;
    return false;
  }
  *descendants() {
    for (const c of this.childNodes) {
      yield c;
      if (c.descendants) yield* c.descendants();
    }
  }
  get textContent() {
    return this.childNodes.map((c) => c.textContent ?? '').join('');
  }
  set textContent(v) {
    this.childNodes.length = 0;
    if (v !== '') this.appendChild(new Text(String(v)));
  }
}

class Text extends Node {
  constructor(data) {
    super();
    this.data = data;
  }
  get textContent() {
    return this.data;
  }
  get nodeValue() {
    return this.data;
  }
}

class Element extends Node {
  #attributes = new Map();
  style = {};
  dataset = {};
  constructor(tag) {
    super();
    Object.defineProperty(this, 'localName', { value: tag });
    Object.defineProperty(this, 'tagName', { value: tag.toUpperCase() });
  }
  getAttribute(n) {
    return this.#attributes.get(n) ?? null;
  }
  hasAttribute(n) {
    return this.#attributes.has(n);
  }
  setAttribute(n, v) {
    this.#attributes.set(n, String(v));
  }
  removeAttribute(n) {
    this.#attributes.delete(n);
  }
  get id() {
    return this.getAttribute('id') ?? '';
  }
  set id(v) {
    this.setAttribute('id', v);
  }
  get className() {
    return this.getAttribute('class') ?? '';
  }
  set className(v) {
    this.setAttribute('class', v);
  }
  get name() {
    return this.getAttribute('name') ?? '';
  }
  get content() {
    return this.getAttribute('content') ?? '';
  }
  get src() {
    return this.getAttribute('src') ?? '';
  }
  set src(v) {
    this.setAttribute('src', v);
  }
  get innerHTML() {
    return this.textContent;
  }
  set innerHTML(v) {
    this.textContent = v;
  }
  getElementsByTagName(tag) {
    const t = tag.toLowerCase();
    return [...this.descendants()].filter((n) => n.localName === t);
  }
  matches(selector) {
    return selector.split(',').some((s) => {
      const m = /^\s*([\w-]+)?(?:#([\w-]+))?(?:\.([\w-]+))?\s*$/.exec(s);
      return (
        m &&
        (!m[1] || this.localName === m[1]) &&
        (!m[2] || this.id === m[2]) &&
        (!m[3] || this.className.split(/\s+/).includes(m[3]))
      );
    });
  }
  querySelectorAll(s) {
    return [...this.descendants()].filter((n) => n instanceof Element && n.matches(s));
  }
  querySelector(s) {
    return this.querySelectorAll(s)[0] ?? null;
  }
  click() {
    this.dispatchEvent(new Event('click'));
  }
  getBoundingClientRect() {
    return { x: 0, y: 0, width: 0, height: 0 };
  }
}
class HTMLElement extends Element {}
handlerAttributes(HTMLElement.prototype, ['click', 'load', 'error']);

// A media element is a sink here: it starts once its stream has a live track that
// is not muted. It shows no pixels and plays no sound.
class HTMLMediaElement extends HTMLElement {
  #stream = null;
  #timer = null;
  #waiting = [];
  #time = 0;
  readyState = 0;
  networkState = 0;
  paused = true;
  ended = false;
  muted = false;
  volume = 1;
  playbackRate = 1;
  defaultPlaybackRate = 1;
  error = null;
  get autoplay() {
    return this.hasAttribute('autoplay');
  }
  set autoplay(v) {
    if (v) this.setAttribute('autoplay', '');
    else this.removeAttribute('autoplay');
    if (v && this.readyState === 4) this.#start();
  }
  get currentTime() {
    return this.#time;
  }
  set currentTime(_value) {}
  get duration() {
    return this.#stream ? Infinity : NaN;
  }
  get srcObject() {
    return this.#stream;
  }
  set srcObject(stream) {
    if (
      stream !== null &&
      stream !== undefined &&
      !(globalThis.MediaStream && stream instanceof globalThis.MediaStream)
    ) {
      throw new TypeError('srcObject must be a MediaStream or null');
    }
    clearInterval(this.#timer);
    this.#stream = stream ?? null;
    this.readyState = 0;
    this.#time = 0;
    this.ended = false;
    if (!this.#stream) return;
    this.#timer = setInterval(() => this.#tick(), 20);
    this.#timer.unref?.();
  }
  #tick() {
    const tracks = this.#stream.getTracks?.() ?? [];
    const flowing = tracks.some((t) => t.readyState !== 'ended' && t.muted !== true);
    if (this.readyState === 0) {
      if (!flowing) return;
      this.readyState = 4;
      for (const type of ['loadedmetadata', 'loadeddata', 'canplay', 'canplaythrough']) {
        this.dispatchEvent(new Event(type));
      }
      if (this.autoplay || this.#waiting.length) this.#start();
      return;
    }
    if (this.paused || this.ended) return;
    if (flowing) {
      this.#time += 0.02;
      this.dispatchEvent(new Event('timeupdate'));
    } else if (tracks.every((t) => t.readyState === 'ended')) {
      this.ended = true;
      this.dispatchEvent(new Event('ended'));
    }
  }
  #start() {
    this.paused = false;
    this.dispatchEvent(new Event('play'));
    this.dispatchEvent(new Event('playing'));
    for (const resolve of this.#waiting.splice(0)) resolve();
  }
  play() {
    const done = new Promise((resolve) => this.#waiting.push(resolve));
    if (this.readyState === 4) this.#start();
    return done;
  }
  pause() {
    this.paused = true;
    this.dispatchEvent(new Event('pause'));
  }
  load() {}
}
handlerAttributes(HTMLMediaElement.prototype, [
  'loadedmetadata',
  'loadeddata',
  'canplay',
  'canplaythrough',
  'play',
  'playing',
  'pause',
  'timeupdate',
  'ended',
  'resize',
  'waiting',
]);
class HTMLVideoElement extends HTMLMediaElement {
  #size(key, fallback) {
    if (this.readyState === 0) return 0;
    const track = this.srcObject?.getVideoTracks?.()[0];
    if (!track) return 0;
    try {
      return track.getSettings?.()[key] || fallback;
    } catch {
      return fallback;
    }
  }
  get videoWidth() {
    return this.#size('width', 640);
  }
  get videoHeight() {
    return this.#size('height', 480);
  }
}
class HTMLAudioElement extends HTMLMediaElement {}
class HTMLCanvasElement extends HTMLElement {
  width = 300;
  height = 150;
  getContext() {
    return null;
  }
}
class HTMLScriptElement extends HTMLElement {}

// Only srcdoc frames, run in the realm of the page with a window of their own: that
// is what the perfect-negotiation tests need.
class HTMLIFrameElement extends HTMLElement {
  srcdoc = '';
  contentWindow = null;
  connected() {
    const win = new EventTarget();
    Object.assign(win, { parent: globalThis, top: globalThis, onmessage: null });
    win.window = win.self = win;
    win.postMessage = poster(win);
    this.contentWindow = win;
    setTimeout(() => {
      for (const m of this.srcdoc.matchAll(/<script[^>]*>([\s\S]*?)<\/script\s*>/g)) {
        try {
          new Function('window', 'self', 'parent', m[1]).call(win, win, win, globalThis);
        } catch (e) {
          reportException(e);
        }
      }
      this.dispatchEvent(new Event('load'));
    }, 0);
  }
}

const ELEMENTS = {
  audio: HTMLAudioElement,
  video: HTMLVideoElement,
  canvas: HTMLCanvasElement,
  script: HTMLScriptElement,
  iframe: HTMLIFrameElement,
};

class Document extends Node {
  readyState = 'loading';
  visibilityState = 'visible';
  hidden = false;
  cookie = '';
  currentScript = null;
  constructor() {
    super();
    this.documentElement = this.appendChild(new HTMLElement('html'));
    this.head = this.documentElement.appendChild(new HTMLElement('head'));
    this.body = this.documentElement.appendChild(new HTMLElement('body'));
  }
  get defaultView() {
    return globalThis;
  }
  get location() {
    return globalThis.location;
  }
  get URL() {
    return globalThis.location.href;
  }
  get title() {
    return this.querySelector('title')?.textContent ?? '';
  }
  createElement(tag) {
    const t = String(tag).toLowerCase();
    return new (ELEMENTS[t] ?? HTMLElement)(t);
  }
  createElementNS(_, tag) {
    return this.createElement(tag);
  }
  createTextNode(s) {
    return new Text(s);
  }
  getElementById(id) {
    return [...this.descendants()].find((n) => n.id === id) ?? null;
  }
  getElementsByTagName(t) {
    return this.documentElement.getElementsByTagName(t);
  }
  querySelector(s) {
    return this.documentElement.querySelector(s);
  }
  querySelectorAll(s) {
    return this.documentElement.querySelectorAll(s);
  }
  hasFocus() {
    return true;
  }
}

class FileReader extends EventTarget {
  result = null;
  error = null;
  readyState = 0;
  #read(blob, how) {
    this.readyState = 1;
    (how === 'text' ? blob.text() : blob.arrayBuffer()).then(
      (result) => {
        this.result = result;
        this.#end('load');
      },
      (error) => {
        this.error = error;
        this.#end('error');
      },
    );
  }
  #end(type) {
    this.readyState = 2;
    this.dispatchEvent(new Event(type));
    this.dispatchEvent(new Event('loadend'));
  }
  readAsArrayBuffer(blob) {
    this.#read(blob, 'buffer');
  }
  readAsText(blob) {
    this.#read(blob, 'text');
  }
}
handlerAttributes(FileReader.prototype, ['load', 'error', 'loadend']);

const define = (name, value) =>
  Object.defineProperty(globalThis, name, { value, writable: true, configurable: true, enumerable: false });

const windowEvents = new EventTarget();
function fire(type, init) {
  const event = Object.assign(new Event(type, { cancelable: true }), init);
  windowEvents.dispatchEvent(event);
  return event;
}

function poster(target) {
  return (message) => {
    const data = structuredClone(message);
    setTimeout(() => {
      const event = new MessageEvent('message', { data });
      if (target === globalThis) windowEvents.dispatchEvent(event);
      else target.dispatchEvent(event);
      if (typeof target.onmessage === 'function') {
        try {
          target.onmessage(event);
        } catch (e) {
          reportException(e);
        }
      }
    }, 0);
  };
}

export function reportException(error) {
  fire('error', {
    error,
    message: `Uncaught ${error?.name ?? ''}: ${error?.message ?? error}`,
    filename: '',
    lineno: 0,
    colno: 0,
  });
}
export function reportRejection(reason, promise) {
  fire('unhandledrejection', { reason, promise });
}

export function parse(html) {
  const out = [];
  const re =
    /<!--[\s\S]*?-->|<!doctype[^>]*>|<(\/?)([a-zA-Z][\w-]*)((?:\s+[^\s=>/]+(?:\s*=\s*(?:"[^"]*"|'[^']*'|[^\s>]+))?)*)\s*(\/?)>/gi;
  let at = 0;
  for (let m = re.exec(html); m; m = re.exec(html)) {
    if (m.index > at) out.push({ text: html.slice(at, m.index) });
    at = re.lastIndex;
    if (!m[2]) continue;
    const tag = m[2].toLowerCase();
    if (m[1]) {
      out.push({ close: tag });
      continue;
    }
    const attributes = {};
    for (const a of m[3].matchAll(/([^\s=>/]+)(?:\s*=\s*(?:"([^"]*)"|'([^']*)'|([^\s>]+)))?/g)) {
      attributes[a[1].toLowerCase()] = a[2] ?? a[3] ?? a[4] ?? '';
    }
    const node = { open: tag, attributes };
    if (RAW.has(tag)) {
      const end = new RegExp(`</${tag}\\s*>`, 'ig');
      end.lastIndex = at;
      const e = end.exec(html);
      node.raw = html.slice(at, e ? e.index : html.length);
      at = re.lastIndex = e ? end.lastIndex : html.length;
    }
    out.push(node);
  }
  return out;
}

export function installWindow({ url, suite }) {
  const location = new URL(url);
  define('location', Object.assign(location, { reload() {}, assign() {}, replace() {} }));
  for (const name of ['window', 'self', 'parent', 'top', 'frames']) define(name, globalThis);
  define('opener', null);
  define('origin', location.origin);
  define('isSecureContext', true);
  define('Window', class Window {});
  define('GLOBAL', { isWindow: () => true, isWorker: () => false, isShadowRealm: () => false });
  Object.entries({
    Node,
    Text,
    Element,
    Document,
    HTMLElement,
    HTMLMediaElement,
    HTMLVideoElement,
    HTMLAudioElement,
    HTMLCanvasElement,
    HTMLScriptElement,
    HTMLIFrameElement,
    FileReader,
  }).forEach(([k, v]) => {
    define(k, v);
  });
  define('document', new Document());
  define('addEventListener', windowEvents.addEventListener.bind(windowEvents));
  define('removeEventListener', windowEvents.removeEventListener.bind(windowEvents));
  define('dispatchEvent', windowEvents.dispatchEvent.bind(windowEvents));
  define('postMessage', poster(globalThis));
  define('onmessage', null);
  define('requestAnimationFrame', (fn) => setTimeout(() => fn(performance.now()), 16));
  define('cancelAnimationFrame', (id) => clearTimeout(id));
  define('reportError', reportException);
  const store = new Map();
  define('localStorage', {
    getItem: (k) => store.get(k) ?? null,
    setItem: (k, v) => void store.set(k, String(v)),
    removeItem: (k) => void store.delete(k),
    clear: () => store.clear(),
  });
  define('fetch', async (input) => {
    const { pathname } = new URL(String(input?.url ?? input), url);
    const file = path.join(suite, path.normalize(pathname));
    try {
      return new Response(fs.readFileSync(file), { status: 200 });
    } catch {
      return new Response('', { status: 404 });
    }
  });
  class Navigator {
    get userAgent() {
      return 'Node';
    }
    get platform() {
      return 'Linux';
    }
  }
  iteratorHelpers();
  define('Navigator', Navigator);
  define('navigator', new Navigator());
  return define;
}

// Iterator helpers, where the runtime has none yet (Node 20): tests use them on stats.
function iteratorHelpers() {
  const proto = Object.getPrototypeOf(Object.getPrototypeOf([][Symbol.iterator]()));
  const add = (name, value) => {
    if (!(name in proto)) Object.defineProperty(proto, name, { value, writable: true, configurable: true });
  };
  add('find', function (f) {
    let i = 0;
    for (const x of this) if (f(x, i++)) return x;
  });
  add('some', function (f) {
    let i = 0;
    for (const x of this) if (f(x, i++)) return true;
    return false;
  });
  add('every', function (f) {
    let i = 0;
    for (const x of this) if (!f(x, i++)) return false;
    return true;
  });
  add('forEach', function (f) {
    let i = 0;
    for (const x of this) f(x, i++);
  });
  add('toArray', function () {
    return [...this];
  });
  add('map', function* (f) {
    let i = 0;
    for (const x of this) yield f(x, i++);
  });
  add('filter', function* (f) {
    let i = 0;
    for (const x of this) if (f(x, i++)) yield x;
  });
}

// An AudioContext that can do one thing: give a track of the implementation. Not for
// getNoiseStream(), which takes getUserMedia() as long as there is no
// MediaStreamAudioDestinationNode.
function audioContext(createAudioTrack) {
  const node = (extra) => ({ connect: (other) => other, disconnect() {}, start() {}, stop() {}, ...extra });
  return class AudioContext extends EventTarget {
    sampleRate = 48000;
    state = 'running';
    get currentTime() {
      return performance.now() / 1000;
    }
    createOscillator() {
      return node({ frequency: { value: 440 } });
    }
    createGain() {
      return node({ gain: { value: 1 } });
    }
    createMediaStreamDestination() {
      return node({ stream: new globalThis.MediaStream([createAudioTrack()]) });
    }
    resume() {
      return Promise.resolve();
    }
    close() {
      return Promise.resolve();
    }
  };
}

export function installMedia({ mediaDevices, createAudioTrack }) {
  if (mediaDevices) {
    Object.defineProperty(globalThis.Navigator.prototype, 'mediaDevices', {
      get() {
        return mediaDevices;
      },
      enumerable: true,
      configurable: true,
    });
  }
  if (createAudioTrack && !globalThis.AudioContext) {
    define('AudioContext', audioContext(createAudioTrack));
  }
}

// Builds the tree, then runs `script(element, code)` for each script in order.
export function load(html, script) {
  const { document } = globalThis;
  const stack = [document.body];
  const scripts = [];
  for (const token of parse(html)) {
    if (token.text !== undefined) {
      if (token.text.trim()) stack.at(-1).appendChild(new Text(token.text));
      continue;
    }
    if (token.close) {
      const at = stack.findLastIndex((e) => e.localName === token.close);
      if (at > 0) stack.length = at;
      continue;
    }
    if (['html', 'head', 'body'].includes(token.open)) continue;
    const el = document.createElement(token.open);
    for (const [k, v] of Object.entries(token.attributes)) el.setAttribute(k, v);
    if (token.raw) el.appendChild(new Text(token.raw));
    stack.at(-1).appendChild(el);
    if (el.id && !(el.id in globalThis)) define(el.id, el);
    if (token.open === 'script') scripts.push(el);
    else if (!VOID.has(token.open) && token.raw === undefined) stack.push(el);
  }
  for (const el of scripts) {
    document.currentScript = el;
    script(el);
  }
  document.currentScript = null;
  document.readyState = 'interactive';
  document.dispatchEvent(new Event('DOMContentLoaded'));
  fire('DOMContentLoaded');
  setTimeout(() => {
    document.readyState = 'complete';
    fire('load');
    if (typeof globalThis.onload === 'function') globalThis.onload(new Event('load'));
  }, 0);
}
