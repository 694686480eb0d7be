// The README as instructions: the fenced blocks of a section, and what its diffs do to a file.

const fs = require('node:fs');
const path = require('node:path');
const { root } = require('./shell');

/** The fenced blocks under a heading of level 2, in their order: { language, text }. */
function blocks(heading) {
  const readme = fs.readFileSync(path.join(root, 'README.md'), 'utf8');
  const section = readme.split(/^## /m).find((text) => text.startsWith(`${heading}\n`));
  if (!section) throw new Error(`README.md has no section '${heading}'`);
  return [...section.matchAll(/^```(\w*)\n([\s\S]*?)^```$/gm)].map(([, language, text]) => ({ language, text }));
}

/** A line of a diff as a pattern: indentation is free, `{ … }` stands for a block, on this line or to a brace in column 0. */
function pattern(line) {
  const escaped = line.trim().replace(/[.*+?^${}()|[\]\\]/g, '\\$&');
  const block = '[^{\\n]*\\{(?:[^\\n]*|[\\s\\S]*?\\n)\\}';
  return new RegExp(`^[ \\t]*${escaped.replace(' \\{ … \\}', block)}[^\\S\\n]*$\\n?`, 'm');
}

/** The file after a diff without line numbers. Throws where the file has no such line. */
function patched(file, diff) {
  let result = file;
  let at = 0;
  const find = (line, from) => {
    const found = pattern(line).exec(result.slice(from));
    if (!found) throw new Error(`the file has no line '${line}'`);
    return { begin: from + found.index, text: found[0] };
  };
  for (const line of diff.split('\n').filter(Boolean)) {
    const rest = line.slice(1);
    if (line[0] === '+') {
      result = `${result.slice(0, at)}${rest}\n${result.slice(at)}`;
      at += rest.length + 1;
    } else if (line[0] === '-') {
      const { begin, text } = find(rest, 0);
      result = result.slice(0, begin) + result.slice(begin + text.length);
      at = begin;
    } else {
      const { begin, text } = find(rest, at);
      at = begin + text.length;
    }
  }
  return result;
}

module.exports = { blocks, patched };
