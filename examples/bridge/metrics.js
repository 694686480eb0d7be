// The bridge's figures as Prometheus text. Invariants: no label tells a caller or a call, so that the number of series is
// fixed; counters only grow, also over the end of calls; getStats() is asked every SAMPLE_MS while there are calls.

const { monitorEventLoopDelay } = require('node:perf_hooks');

const SAMPLE_MS = 5000;
const PREFIX = 'webphone_bridge_';
const BUCKETS = {
  setup: [0.1, 0.25, 0.5, 1, 2, 4, 8],
  call: [10, 30, 60, 180, 600, 1800, 3600],
  jitter: [0.002, 0.005, 0.01, 0.02, 0.04, 0.08, 0.16],
  delay: [0.01, 0.02, 0.04, 0.06, 0.1, 0.2, 0.4],
  answer: [0.2, 0.4, 0.6, 0.8, 1, 1.5, 2, 4],
};
/** Counters of a receiver that are added up over all calls: name in getStats() → ours, and what makes seconds of it. */
const RECEIVED = {
  packetsReceived: ['packets_received_total', 1],
  packetsLost: ['packets_lost_total', 1],
  totalSamplesReceived: ['audio_seconds_total', 1 / 48_000],
  concealedSamples: ['concealed_seconds_total', 1 / 48_000],
};

class Histogram {
  #counts;
  #sum = 0;
  #count = 0;

  constructor(bounds) {
    this.bounds = bounds;
    this.#counts = bounds.map(() => 0);
  }

  observe(value) {
    this.#sum += value;
    this.#count++;
    this.bounds.forEach((bound, index) => {
      if (value <= bound) this.#counts[index]++;
    });
  }

  lines(name) {
    const buckets = this.bounds.map((bound, index) => `${name}_bucket{le="${bound}"} ${this.#counts[index]}`);
    return [
      ...buckets,
      `${name}_bucket{le="+Inf"} ${this.#count}`,
      `${name}_sum ${this.#sum}`,
      `${name}_count ${this.#count}`,
    ];
  }
}

class Metrics {
  #bridge;
  #ended = new Map();
  #refused = 0;
  /** What calls that are over have left, by member of their status. */
  #left = { framesDropped: 0, aiFailures: 0, speechDroppedMs: 0 };
  #received = Object.fromEntries(Object.values(RECEIVED).map(([name]) => [name, 0]));
  #histograms = {
    setup_seconds: [new Histogram(BUCKETS.setup), 'From the INVITE to media that can flow'],
    call_seconds: [new Histogram(BUCKETS.call), 'Length of answered calls'],
    jitter_seconds: [new Histogram(BUCKETS.jitter), 'Interarrival jitter of what is received, every 5 s of each call'],
    buffer_seconds: [new Histogram(BUCKETS.delay), 'Delay in the jitter buffer, in the mean of 5 s of each call'],
    round_trip_seconds: [new Histogram(BUCKETS.delay), 'To the edge and back, as RTCP tells, every 5 s of each call'],
    ai_round_trip_seconds: [new Histogram(BUCKETS.delay), 'To the AI and back over the WebSocket'],
    ai_answer_seconds: [
      new Histogram(BUCKETS.answer),
      'From the end of the caller’s speech to the AI’s first sound (BARGE_IN=bridge)',
    ],
  };
  /** Of each call: what its counters were when they were added last. */
  #seen = new WeakMap();
  #loop = monitorEventLoopDelay({ resolution: 10 });
  #timer;

  constructor(bridge) {
    this.#bridge = bridge;
    bridge.on('call', (call) => this.#follow(call));
    bridge.on('refused', () => this.#refused++);
    this.#loop.enable();
    this.#timer = setInterval(() => this.#sampleAll(), SAMPLE_MS).unref();
  }

  stop() {
    clearInterval(this.#timer);
    this.#loop.disable();
  }

  #follow(call) {
    const began = performance.now();
    let answered = null;
    const since = (from) => (performance.now() - from) / 1000;
    call.once('answered', () => {
      answered = performance.now();
    });
    call.once('connected', () => this.#observe('setup_seconds', since(began)));
    call.on('airoundtrip', (seconds) => this.#observe('ai_round_trip_seconds', seconds));
    call.on('aianswer', (seconds) => this.#observe('ai_answer_seconds', seconds));
    call.once('ended', (reason) => {
      this.#ended.set(reason, (this.#ended.get(reason) ?? 0) + 1);
      const status = call.status();
      for (const member of Object.keys(this.#left)) this.#left[member] += status[member];
      if (answered !== null) this.#observe('call_seconds', since(answered));
      // A closed connection still tells what was known of it last.
      this.#sample(call);
    });
  }

  #observe(name, value) {
    this.#histograms[name][0].observe(value);
  }

  async #sampleAll() {
    for (const call of this.#bridge.calls.values()) await this.#sample(call);
  }

  async #sample(call) {
    const stats = await call.stats().catch(() => null);
    for (const entry of stats?.values() ?? []) {
      if (entry.type === 'remote-inbound-rtp' && entry.roundTripTime > 0)
        this.#observe('round_trip_seconds', entry.roundTripTime);
      if (entry.type === 'inbound-rtp' && entry.kind === 'audio') this.#receive(call, entry);
    }
  }

  #receive(call, entry) {
    const seen = this.#seen.get(call) ?? {};
    const grown = (member) => Math.max(0, (entry[member] ?? 0) - (seen[member] ?? 0));
    for (const [member, [name, factor]] of Object.entries(RECEIVED)) this.#received[name] += grown(member) * factor;
    const emitted = grown('jitterBufferEmittedCount');
    if (emitted > 0) {
      this.#observe('buffer_seconds', grown('jitterBufferDelay') / emitted);
      this.#observe('jitter_seconds', entry.jitter);
    }
    const members = [...Object.keys(RECEIVED), 'jitterBufferDelay', 'jitterBufferEmittedCount'];
    // A report that was overtaken by a later one must not make them shrink.
    this.#seen.set(
      call,
      Object.fromEntries(members.map((member) => [member, Math.max(entry[member] ?? 0, seen[member] ?? 0)])),
    );
  }

  async text() {
    await this.#sampleAll();
    const { calls, registered, edgeLosses } = this.#bridge.status();
    const states = { ringing: 0, answered: 0, ending: 0 };
    for (const { state } of calls) if (state in states) states[state]++;
    const withoutAi = calls.filter(({ state, ai }) => state === 'answered' && ai === 'away').length;
    const total = (member) => calls.reduce((sum, call) => sum + call[member], this.#left[member]);
    const { user, system } = process.cpuUsage();
    const p99 = this.#loop.percentile(99) / 1e9;
    this.#loop.reset();
    return [
      ...family('calls', 'gauge', 'Calls by state', labelled('state', Object.entries(states))),
      ...family('calls_ended_total', 'counter', 'Calls that are over, by reason', labelled('reason', this.#ended)),
      ...family('calls_refused_total', 'counter', 'Calls refused because all lines were taken', [['', this.#refused]]),
      ...family('calls_without_ai', 'gauge', 'Answered calls whose AI is away', [['', withoutAi]]),
      ...family('ai_connect_failures_total', 'counter', 'Attempts to reach the AI that failed', [
        ['', total('aiFailures')],
      ]),
      ...family('registered', 'gauge', '1 while registered with the edge', [['', Number(registered)]]),
      ...family('edge_losses_total', 'counter', 'How often the edge was lost', [['', edgeLosses]]),
      ...family('packets_received_total', 'counter', 'RTP packets of callers', [
        ['', this.#received.packets_received_total],
      ]),
      ...family('packets_lost_total', 'counter', 'RTP packets that did not come', [
        ['', this.#received.packets_lost_total],
      ]),
      ...family('audio_seconds_total', 'counter', 'Sound played out', [['', this.#received.audio_seconds_total]]),
      ...family('concealed_seconds_total', 'counter', 'Of that, made up', [
        ['', this.#received.concealed_seconds_total],
      ]),
      ...family('frames_dropped_total', 'counter', 'Frames that the AI did not read in time', [
        ['', total('framesDropped')],
      ]),
      ...family('speech_dropped_seconds_total', 'counter', 'What the AI said more than two minutes ahead', [
        ['', total('speechDroppedMs') / 1000],
      ]),
      ...family('cpu_seconds_total', 'counter', 'Of this process', [['', (user + system) / 1e6]]),
      ...family('resident_bytes', 'gauge', 'Of this process', [['', process.memoryUsage.rss()]]),
      ...family('event_loop_delay_seconds', 'gauge', '99th percentile since the last scrape', [
        ['', Number.isFinite(p99) ? p99 : 0],
      ]),
      ...Object.entries(this.#histograms).flatMap(([name, [histogram, help]]) => [
        ...head(name, 'histogram', help),
        ...histogram.lines(PREFIX + name),
      ]),
      '',
    ].join('\n');
  }
}

const head = (name, type, help) => [`# HELP ${PREFIX}${name} ${help}`, `# TYPE ${PREFIX}${name} ${type}`];
const family = (name, type, help, values) => [
  ...head(name, type, help),
  ...values.map(([labels, value]) => `${PREFIX}${name}${labels} ${value}`),
];
const labelled = (label, entries) => [...entries].map(([name, value]) => [`{${label}=${JSON.stringify(name)}}`, value]);

module.exports = { Metrics };
