// Tells the Python server by HTTP when a call begins and ends: POST, JSON, { event: 'start' | 'end', callId, … }.
// Invariants: of one call the start is tried before the end; a server that is away delays nothing and fails nothing.

const ATTEMPTS = 3;
const LIMIT_MS = 2000;
const PAUSE_MS = 500;

class Notices {
  #url;
  #token;
  #log;
  #last = new Map();

  constructor({ noticeUrl, aiToken }, { log }) {
    this.#url = noticeUrl;
    this.#token = aiToken;
    this.#log = log;
  }

  /** Never rejects. Resolves when the notice was taken or given up. */
  send(notice) {
    if (!this.#url) return Promise.resolve();
    const before = this.#last.get(notice.callId) ?? Promise.resolve();
    const sent = before.then(() => this.#deliver(notice));
    this.#last.set(notice.callId, sent);
    return sent.then(() => {
      if (this.#last.get(notice.callId) === sent) this.#last.delete(notice.callId);
    });
  }

  async #deliver(notice) {
    for (let attempt = 1; ; attempt++) {
      try {
        const response = await fetch(this.#url, {
          method: 'POST',
          headers: {
            'Content-Type': 'application/json',
            ...(this.#token ? { Authorization: `Bearer ${this.#token}` } : {}),
          },
          body: JSON.stringify(notice),
          signal: AbortSignal.timeout(LIMIT_MS),
        });
        await response.arrayBuffer(); // frees the connection
        if (response.ok) return;
        throw new Error(`HTTP ${response.status}`);
      } catch (error) {
        const reason = error.cause?.code ?? error.message;
        if (attempt === ATTEMPTS) {
          this.#log('warn', 'notice not delivered', { call: notice.callId, event: notice.event, reason });
          return;
        }
        await new Promise((resolve) => setTimeout(resolve, PAUSE_MS * attempt));
      }
    }
  }
}

module.exports = { Notices };
