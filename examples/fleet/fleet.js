// Who of several bridges takes a call that rings at all of them. Redis holds a claim for each call and a sign of life for each
// bridge, both with a lease.
// Invariants: while Redis is there, one bridge answers a call; while it is away, every bridge answers as if it were alone (the
// edge lets one win); a bridge that dies leaves nothing that outlives its lease.

const LEASE_MS = 2000;
const LEASE = { type: 'PX', value: LEASE_MS };
const BEAT_MS = 500;
/** A bridge that is full waits so long before it claims, an empty one does not: the emptiest is first. */
const MODESTY_MS = 150;
/** A call does not wait longer for Redis, which may be there and frozen. */
const LIMIT_MS = 300;

class Fleet {
  draining = false;
  #redis;
  #node;
  #load;
  #log;
  #mine = new Set();
  #timer;

  /** redis: a client of @redis/client that rejects while it is away. load(): { calls, most } of this bridge. */
  constructor({ redis, node, load, log }) {
    this.#redis = redis;
    this.#node = node;
    this.#load = load;
    this.#log = log;
    this.#timer = setInterval(() => this.#beat(), BEAT_MS);
  }

  /** Whether the call is for this bridge. It is asked again and again while the call rings, for who has claimed it may die. */
  async admit(session, gone) {
    const key = `webphone-rtc:call:${session.sessionId}`;
    let over = false;
    gone.then(() => {
      over = true;
      this.#release(key);
    });
    while (!over) {
      const { calls, most } = this.#load();
      if (this.draining || calls >= most) return false;
      await pause((MODESTY_MS * calls) / most);
      if (over) return false;
      const won = await this.#claim(key);
      if (won && !over) {
        this.#log('debug', 'claimed', { call: session.callId });
        return true;
      }
      await Promise.race([pause(LEASE_MS / 2), gone]);
    }
    return false;
  }

  stop() {
    clearInterval(this.#timer);
    for (const key of this.#mine) this.#release(key);
    this.#redis.del(`webphone-rtc:node:${this.#node}`).catch(() => {});
  }

  async #claim(key) {
    try {
      const claim = this.#redis.set(key, this.#node, { condition: 'NX', expiration: LEASE });
      const won = (await within(LIMIT_MS, claim)) === 'OK';
      if (won) this.#mine.add(key);
      return won;
    } catch (error) {
      this.#log('warn', 'calls are taken without the fleet', { reason: error.message });
      return true;
    }
  }

  #release(key) {
    if (this.#mine.delete(key)) this.#redis.del(key).catch(() => {});
  }

  #beat() {
    const { calls, most } = this.#load();
    const told = JSON.stringify({ node: this.#node, calls, most, draining: this.draining });
    const renew = (key, value) => this.#redis.set(key, value, { expiration: LEASE }).catch(() => {});
    renew(`webphone-rtc:node:${this.#node}`, told);
    for (const key of this.#mine) renew(key, this.#node);
  }
}

function pause(ms) {
  return new Promise((resolve) => {
    setTimeout(resolve, ms);
  });
}

async function within(ms, promise) {
  let timer;
  const late = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new Error('Redis is too slow')), ms);
  });
  try {
    return await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
  }
}

module.exports = { Fleet };
