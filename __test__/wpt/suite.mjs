// Where the tests are, and what stands in for the parts of a browser's test server.
import fs from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

const HERE = path.dirname(fileURLToPath(import.meta.url));
export const SUITE = process.env.WPT_SUITE ?? path.join(HERE, 'suite');

const ALIAS = { 'resources/WebIDLParser.js': 'resources/webidl2/lib/webidl2.js' };
const REPLACED = {
  'resources/testharnessreport.js': path.join(HERE, 'report.js'),
  'resources/testdriver-vendor.js': path.join(HERE, 'permissions.js'),
};

export function readSuiteFile(file) {
  return fs.readFileSync(REPLACED[file] ?? path.join(SUITE, ALIAS[file] ?? file), 'utf8');
}

/** The page of a test file; for `*.window.js` the one that a test server would make. */
export function pageOf(file) {
  if (file.endsWith('.html')) return readSuiteFile(file);
  const meta = [...readSuiteFile(file).matchAll(/^\/\/ META: (\w+)=(.*)$/gm)];
  const of = (key) => meta.filter((match) => match[1] === key).map((match) => match[2].trim());
  return [
    '<!doctype html><meta charset=utf-8>',
    ...of('timeout').map((value) => `<meta name="timeout" content="${value}">`),
    ...of('title').map((value) => `<title>${value}</title>`),
    '<script src="/resources/testharness.js"></script>',
    '<script src="/resources/testharnessreport.js"></script>',
    ...of('script').map((value) => `<script src="${value}"></script>`),
    '<div id=log></div>',
    `<script src="/${file}"></script>`,
  ].join('\n');
}
