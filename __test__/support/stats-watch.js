// Looks at the statistics of a connection again and again, and keeps what is wrong with them.
// Invariant: what it complains of is wrong whatever the connection does meanwhile.

const LOOK_MS = 100;

/** What may fall. All other numbers are counters, or do not change. */
const GAUGES = new Set([
  'audioLevel',
  'availableOutgoingBitrate',
  'currentRoundTripTime',
  'dataChannelIdentifier',
  'fractionLost',
  'frameHeight',
  'frameWidth',
  'framesPerSecond',
  'jitter',
  'packetsLost',
  'priority',
  'roundTripTime',
  'targetBitrate',
]);

/** What makes an object another one. Not `trackIdentifier`: the source of a sender is one object, whatever track feeds it. */
const IDENTITY = ['type', 'kind', 'ssrc', 'mid', 'localCandidateId', 'remoteCandidateId', 'fingerprint'];

const isReference = (name) => /Id$/.test(name);

class StatsWatch {
  /** @param {RTCPeerConnection} pc */
  constructor(pc, name = '') {
    this.pc = pc;
    this.name = name;
    this.last = new Map();
    this.complaints = new Set();
    this.timer = setInterval(() => this.look(), LOOK_MS);
  }

  async look() {
    const report = await this.pc.getStats();
    for (const [id, entry] of report) {
      this.judge(report, id, entry);
      this.last.set(id, entry);
    }
    return report;
  }

  judge(report, id, entry) {
    const before = this.last.get(id);
    for (const [name, value] of Object.entries(entry)) {
      const complain = (what) => this.complaints.add(`${this.name} ${entry.type} ${id} ${name} ${what}`);
      const was = before?.[name];
      if (value === undefined || value === null) complain(`is ${value}`);
      if (isReference(name) && !report.has(value)) complain(`leads nowhere: ${value}`);
      if (IDENTITY.includes(name) && before && was !== undefined && value !== was)
        complain(`was ${was} and is ${value}`);
      if (typeof value !== 'number') continue;
      if (!Number.isFinite(value) || (value < 0 && name !== 'packetsLost')) complain(`is ${value}`);
      if (!GAUGES.has(name) && value < was) complain(`has fallen from ${was} to ${value}`);
    }
  }

  async looks(times) {
    for (let n = 0; n < times; n++) {
      await new Promise((resolve) => setTimeout(resolve, LOOK_MS));
      await this.look();
    }
  }

  stop() {
    clearInterval(this.timer);
  }
}

module.exports = { StatsWatch };
