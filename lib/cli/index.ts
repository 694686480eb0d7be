#!/usr/bin/env node
/**
 * Where the commands begin. Invariant: every Node there is understands this file, so that one that is too old for the others
 * is told so, and not shown a syntax error. Node 18 and 19 get on to the doctor, who says the same, and more.
 */
if (Number(process.versions.node.split('.')[0]) < 18) {
  console.error(`Node ${process.version} is too old: webphone-rtc takes Node 20 or newer (https://nodejs.org).`);
  process.exit(1);
}
require('./main');
