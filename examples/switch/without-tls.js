// Preloaded into a bridge (node --require) that calls through the switch: the SDK always says wss, the switch on this
// machine speaks ws. Invariant: whatever class the bridge makes its global WebSocket is used, and only addresses of
// 127.0.0.1 are changed.

function withoutTls(WebSocket) {
  return class extends WebSocket {
    constructor(url, ...rest) {
      super(String(url).replace(/^wss:(?=\/\/127\.0\.0\.1[:/])/, 'ws:'), ...rest);
    }
  };
}

const own = globalThis.WebSocket; // Node 20 has none
let current = own && withoutTls(own);
Object.defineProperty(globalThis, 'WebSocket', {
  configurable: true,
  enumerable: true,
  get: () => current,
  set(WebSocket) {
    current = withoutTls(WebSocket);
  },
});
