// As much of TAP as run.mjs reads. Invariant: each check waits for the one before it; the process ends with the last.

let count = 0;
let failures = 0;

/** One assertion: `claim` says what holds once `body` has resolved. */
export async function check(claim, body) {
  count += 1;
  try {
    const value = await body();
    console.log(`ok ${count} ${claim}`);
    return value;
  } catch (error) {
    failures += 1;
    console.log(`not ok ${count} ${claim}\n  ${String(error?.stack ?? error).replaceAll('\n', '\n  ')}`);
    return undefined;
  }
}

/** Resolves with the arguments of the next `event`; rejects when it does not come. */
export function next(emitter, event, limitMs = 20_000) {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error(`'${event}' did not come`)), limitMs);
    emitter.once(event, (...args) => {
      clearTimeout(timer);
      resolve(args);
    });
  });
}

export function finish() {
  console.log(`1..${count}`);
  process.exit(failures === 0 ? 0 : 1);
}

/** A library that throws where nobody catches has failed. */
for (const event of ['uncaughtException', 'unhandledRejection']) {
  process.on(event, (error) => {
    console.log(`not ok ${count + 1} ${event}\n  ${String(error?.stack ?? error).replaceAll('\n', '\n  ')}`);
    console.log(`1..${count + 1}`);
    process.exit(1);
  });
}
