// The reasons that docs/conformance.md lists under a heading.

const fs = require('node:fs');
const path = require('node:path');

function reasonsUnder(heading) {
  const text = fs.readFileSync(path.join(__dirname, '../../docs/conformance.md'), 'utf8');
  const [, section = ''] = text.split(`\n## ${heading}\n`);
  return section
    .split('\n## ')[0]
    .split('\n')
    .filter((line) => line.startsWith('- '))
    .map((line) => line.slice(2));
}

module.exports = { reasonsUnder };
