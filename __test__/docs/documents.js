// The documents of the repository, the fenced blocks in them, and the commands in those and in their sentences.

const fs = require('node:fs');
const path = require('node:path');
const { root } = require('../package/shell');

/** What is installed, built or fetched, and what is others'. */
const ELSEWHERE = /^(node_modules|target|dist|npm|artifacts|corpus|suite|subset|\..*)$/;
const SHELL = /^(sh|bash|console|shell)$/;
/** What a sentence means as a command when it begins a span of code. */
const PROGRAM = /^(npm|npx|pnpm|node|python3?|pip|cargo|rustup|git|ssh|apt|apt-get|docker|fuzz\/run\.sh)$/;

/** Paths from the root, with slashes. */
function documents(folder = '') {
  const found = [];
  for (const entry of fs.readdirSync(path.join(root, folder), { withFileTypes: true })) {
    const name = path.posix.join(folder, entry.name);
    if (entry.isDirectory() && !ELSEWHERE.test(entry.name)) found.push(...documents(name));
    else if (entry.name.endsWith('.md')) found.push(name);
  }
  return found;
}

const read = (document) => fs.readFileSync(path.join(root, document), 'utf8');
const FENCED = /^```(\w*)\n([\s\S]*?)^```$/gm;

/** In their order: { language, text }. */
function blocks(document) {
  return [...read(document).matchAll(FENCED)].map(([, language, text]) => ({ language, text }));
}

const shellBlocks = (document) => blocks(document).filter(({ language }) => SHELL.test(language));

/** Sentences and tables, without blocks. */
const prose = (document) => read(document).replace(FENCED, '');

/**
 * The commands of a piece of shell: { env, words }, quotes taken off. Loops are looked into; nothing is substituted.
 */
function commandsOf(text) {
  const tokens = text.match(/(?<=^|\s)#[^\n]*|&&|\|\||[;|\n]|(?:'[^']*'|"[^"]*"|[^\s;|&'"])+/g) ?? [];
  const found = [[]];
  for (const token of tokens) {
    if (token.startsWith('#')) continue;
    if (/^(&&|\|\||[;|\n])$/.test(token)) found.push([]);
    else found.at(-1).push(token.replace(/'([^']*)'|"([^"]*)"/g, '$1$2'));
  }
  return found
    .map((words) => (words[0] === 'do' ? words.slice(1) : words))
    .filter((words) => words.length > 0 && !/^(for|done)$/.test(words[0]))
    .map((words) => {
      const at = words.findIndex((word) => !/^[A-Z_]+=/.test(word));
      return { env: words.slice(0, at), words: words.slice(at) };
    });
}

/** The commands in a document's sentences. */
function mentioned(document) {
  return [...prose(document).matchAll(/`([^`\n]+)`/g)]
    .filter(([, span]) => /\s/.test(span))
    .flatMap(([, span]) => commandsOf(span))
    .filter(({ words }) => PROGRAM.test(words[0] ?? ''));
}

module.exports = { blocks, commandsOf, documents, mentioned, prose, read, shellBlocks };
