// Writes docs/api.md: what each entry of the package exports, with its comments, from the types as they are published.
//   node scripts/api.js            (after `npm run build:ts`)
// Invariant: the text is a pure function of the declaration files, so that a test can tell whether the document is current.

const { readFileSync, writeFileSync } = require('node:fs');
const path = require('node:path');

const ROOT = path.resolve(__dirname, '..');
const DOCUMENT = path.join(ROOT, 'docs/api.md');
const KIND = /^export (?:declare )?(?:abstract )?(class|interface|type|const|function|namespace) (\w+)/;

/** Entries of package.json that have types, in its order. */
function entries() {
  const { name, exports } = JSON.parse(readFileSync(path.join(ROOT, 'package.json'), 'utf8'));
  return Object.entries(exports)
    .filter(([, target]) => target.types)
    .map(([entry, { types }]) => ({ name: path.posix.join(name, entry), file: path.join(ROOT, types) }));
}

/** Exported declarations at the top level: { kind, name, comment, text }; overloads are one. */
function declarations(source) {
  const found = new Map();
  let comment = [];
  let section = null;
  const lines = source.split('\n');
  for (let at = 0; at < lines.length; at++) {
    const line = lines[at];
    if (line.startsWith('/**')) {
      const end = lines.findIndex((other, index) => index >= at && other.includes('*/'));
      comment = lines.slice(at, end + 1);
      at = end;
      continue;
    }
    if (line.startsWith('// --- ')) section = line.slice(7);
    const [, kind, name] = KIND.exec(line) ?? [];
    if (name) {
      let end = at;
      while (!complete(lines.slice(at, end + 1).join('\n'))) end++;
      const text = lines.slice(at, end + 1).join('\n');
      const known = found.get(name);
      if (known) known.text += `\n${text}`;
      else found.set(name, { kind, name, section, comment: words(comment), text });
      at = end;
    }
    if (line.trim() !== '' && !line.startsWith('//')) comment = [];
  }
  return [...found.values()];
}

/** Brackets are closed, and the statement is. Comments and strings in declarations hold no odd ones but in comments. */
function complete(text) {
  const code = text.replace(/\/\*[\s\S]*?\*\/|\/\/.*/g, '').replace(/'[^']*'/g, '');
  const count = (pattern) => (code.match(pattern) ?? []).length;
  // An arrow's > closes nothing.
  const angles = count(/</g) - count(/(?<!=)>/g);
  return count(/[{([]/g) === count(/[})\]]/g) && angles === 0 && /[};]\s*$/.test(code);
}

function words(comment) {
  return comment
    .join('\n')
    .replace(/^\/\*\*\s?|\s*\*\/$/g, '')
    .replace(/^ \* ?/gm, '')
    .trim();
}

function document() {
  const parts = [
    '# API reference\n\nWritten by `npm run docs:api` from the types; what the W3C defines is told in [conformance.md](conformance.md).\n',
  ];
  for (const { name, file } of entries()) {
    const own = declarations(readFileSync(file, 'utf8'));
    if (own.length === 0) continue;
    parts.push(`## \`${name}\`\n`);
    for (const { kind, name, comment, text } of own) {
      parts.push(`### ${kind} ${name}\n`);
      if (comment) parts.push(`${comment}\n`);
      parts.push(
        `\`\`\`ts\n${text.replace(/^export (declare )?/gm, '').replace(/^ +(#private;|private .*)\n/gm, '')}\n\`\`\`\n`,
      );
    }
  }
  return parts.join('\n');
}

if (require.main === module) writeFileSync(DOCUMENT, document());

module.exports = { declarations, document, DOCUMENT };
