// What the programs here that fill a document have in common: options, what is told of the machine, where the numbers go.

const { mkdirSync, readFileSync, writeFileSync } = require('node:fs');
const { cpus } = require('node:os');
const path = require('node:path');
const { parseArgs } = require('node:util');
const { realTime } = require('./quality/child');

const DOCS = path.resolve(__dirname, '../docs');

class UsageError extends Error {}

/** Every program takes `--json`, `--report`, `--docs` and `--help` beside its own options. */
function parseOptions(args, texts, flags = []) {
  const typed = (names, type) => Object.fromEntries(names.map((name) => [name, { type }]));
  try {
    const options = {
      ...typed([...texts, 'json', 'report'], 'string'),
      ...typed([...flags, 'docs', 'help'], 'boolean'),
    };
    const { values } = parseArgs({ args, options });
    if (values.help) throw new UsageError('');
    return values;
  } catch (error) {
    throw new UsageError(error.message);
  }
}

function warnUnlessRealTime() {
  if (!realTime) console.error('Without real-time priority (chrt, as root): nothing else should run on this machine.');
}

const describeMachine = () => `${cpus().length} × ${cpus()[0].model}${realTime ? ', with real-time priority' : ''}`;

/** docs/NAME.md with `fill` applied, and `drawing` as docs/NAME.svg. */
function writeDocuments(name, fill, drawing) {
  const document = path.join(DOCS, `${name}.md`);
  writeFileSync(document, fill(readFileSync(document, 'utf8')));
  writeFileSync(path.join(DOCS, `${name}.svg`), drawing);
}

/**
 * `options(args)`, then `measure(values)`; its result goes to the file that is named, or `fileOf(values)` if not null, and with
 * `--docs` to `document(result)`.
 */
function main({ usage, options, measure, fileOf, document }) {
  const run = async () => {
    const values = options(process.argv.slice(2));
    if (values.report !== undefined) return document(JSON.parse(readFileSync(values.report, 'utf8')));
    const result = await measure(values);
    const file = values.json ?? fileOf(values);
    if (file !== null) {
      mkdirSync(path.dirname(file), { recursive: true });
      writeFileSync(file, JSON.stringify(result, null, 1));
      console.error(`The numbers are in ${file}`);
    }
    if (values.docs) document(result);
  };
  run().catch((error) => {
    console.error(error instanceof UsageError ? `${error.message}\n${usage}`.trim() : error);
    process.exitCode = 1;
  });
}

module.exports = { UsageError, describeMachine, main, parseOptions, warnUnlessRealTime, writeDocuments };
