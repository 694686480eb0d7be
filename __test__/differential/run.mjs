// `npm run differential -- --seeds=1-2000`: random sequences of API calls in Chromium and here, and what of it differs.
import { parseArgs } from 'node:util';
import hunting from './hunt.js';
import known from './known.js';

const { values } = parseArgs({ options: { seeds: { type: 'string', default: '1-200' } } });
const [first, last = first] = values.seeds.split('-').map(Number);
if (!(first >= 0 && last >= first)) throw new Error('--seeds=FIRST-LAST');
const seeds = Array.from({ length: last - first + 1 }, (_, n) => first + n);

const hunt = await hunting.Hunt.start();
let told = 0;
const result = await hunt.run(seeds, ({ programs, unexplained }) => {
  for (const it of unexplained.slice(told)) console.log(`\n${hunting.tell(it)}`);
  told = unexplained.length;
  if (programs % 80 === 0) console.log(`${programs} programs`);
});
await hunt.stop();

console.log('\nprograms with what is known to differ:');
for (const { why } of [...known.VIEWS, ...known.CUTS])
  console.log(`${String(result.reasons.get(why) ?? 0).padStart(6)}  ${why}`);
const { programs, toTheEnd, steps, unexplained } = result;
console.log(`\n${programs} programs, ${toTheEnd} of them compared to their end, ${steps} steps`);
console.log(`${unexplained.length} differ without a known reason`);
process.exit(unexplained.length === 0 ? 0 : 1);
