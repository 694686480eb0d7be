// Preloaded: an event loop that is held up all the time.

const HELD_UP_MS = 250;

setInterval(() => {
  const until = performance.now() + HELD_UP_MS;
  while (performance.now() < until);
}, 1).unref();
