// Replaces /resources/testharnessreport.js, in Node and in the browser alike, so
// that every implementation is timed and reported by the same rules.
// - every subtest has its own deadline (a hang costs one subtest, not the file);
// - the file has a deadline of its own, after which what is left is NOTRUN.
// Sink: globalThis.__wptEmit(string). Deadlines: globalThis.__wptConfig.
(() => {
  const cfg = Object.assign(
    { subtest: 8000, subtestLong: 20000, file: 60000, fileLong: 150000 },
    globalThis.__wptConfig,
  );
  const long = [...document.getElementsByTagName('meta')].some((m) => m.name === 'timeout' && m.content === 'long');
  const STATUS = ['PASS', 'FAIL', 'TIMEOUT', 'NOTRUN', 'PRECONDITION_FAILED'];
  const HARNESS = ['OK', 'ERROR', 'TIMEOUT', 'PRECONDITION_FAILED'];
  const { setTimeout, clearTimeout, __wptEmit } = globalThis;
  const emit = (o) => __wptEmit(JSON.stringify(o));
  const seen = new Map();
  const text = (m) => (m == null ? null : String(m).slice(0, 400));
  setup({ output: false, explicit_timeout: true, message_events: [] });
  add_test_state_callback((t) => {
    if (!seen.has(t)) {
      seen.set(t, null);
      emit({ k: 'test', n: t.name });
    }
    if (t.phase === t.phases.STARTED && seen.get(t) === null) {
      seen.set(
        t,
        setTimeout(
          () => {
            if (t.phase < t.phases.HAS_RESULT) t.force_timeout();
          },
          long ? cfg.subtestLong : cfg.subtest,
        ),
      );
    }
  });
  add_result_callback((t) => {
    clearTimeout(seen.get(t));
    emit({ k: 'result', n: t.name, s: STATUS[t.status], m: text(t.message) });
  });
  add_completion_callback((tests, status) => {
    emit({
      k: 'done',
      s: HARNESS[status.status],
      m: text(status.message),
      tests: tests.map((t) => [t.name, STATUS[t.status], text(t.message)]),
    });
  });
  setTimeout(() => timeout(), long ? cfg.fileLong : cfg.file);
})();
