// Who of several bridges takes a call that rings at all of them. Redis holds a claim for each call and a sign of life for each
// bridge, both with a lease.
// Invariants: while Redis is there, one bridge answers a call; while it is away, every bridge answers as if it were alone (the
// edge lets one win); a bridge that dies leaves nothing that outlives its lease.

const LEASE_MS = 2000;
const BEAT_MS = 500;
/** A bridge that is full waits so long before it claims, an empty one does not: the emptiest is first. */
const MODESTY_MS = 150;

class Fleet {
  draining = false;
  #redis;
  #node;
  #load;
  #log;
  #mine = new Set();
  #timer;

  /** load(): { calls, most } of this bridge. */
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

  /** The bridges that live, with their loads. */
  async nodes() {
    const keys = [];
    let cursor = '0';
    do {
      const [next, found] = await this.#redis.command('SCAN', cursor, 'MATCH', 'webphone-rtc:node:*', 'COUNT', 100);
      keys.push(...found);
      cursor = next;
    } while (cursor !== '0');
    if (keys.length === 0) return [];
    const values = await this.#redis.command('MGET', ...keys);
    return values.filter(Boolean).map((value) => JSON.parse(value));
  }

  stop() {
    clearInterval(this.#timer);
    for (const key of this.#mine) this.#release(key);
    this.#redis.command('DEL', `webphone-rtc:node:${this.#node}`).catch(() => {});
  }

  async #claim(key) {
    try {
      const won = (await this.#redis.command('SET', key, this.#node, 'NX', 'PX', LEASE_MS)) === 'OK';
      if (won) this.#mine.add(key);
      return won;
    } catch (error) {
      this.#log('warn', 'calls are taken without the fleet', { reason: error.message });
      return true;
    }
  }

  #release(key) {
    if (this.#mine.delete(key)) this.#redis.command('DEL', key).catch(() => {});
  }

  #beat() {
    const { calls, most } = this.#load();
    const told = JSON.stringify({ node: this.#node, calls, most, draining: this.draining });
    const commands = [['SET', `webphone-rtc:node:${this.#node}`, told, 'PX', LEASE_MS]];
    for (const key of this.#mine) commands.push(['SET', key, this.#node, 'PX', LEASE_MS]);
    for (const command of commands) this.#redis.command(...command).catch(() => {});
  }
}

function pause(ms) {
  return new Promise((resolve) => {
    setTimeout(resolve, ms);
  });
}

module.exports = { Fleet, LEASE_MS };
