// What of others is in the binaries: crates, as cargo resolves them for all platforms, and libopus.
//   node scripts/third-party.js notices           writes THIRD-PARTY-NOTICES.txt: their licences' texts
//   node scripts/third-party.js into DIRECTORY…   puts it into packages of binaries
//   node scripts/third-party.js sbom              prints a bill of materials: CycloneDX 1.6, JSON
// Invariant: the same Cargo.lock gives the same text.

const { execFileSync } = require('node:child_process');
const fs = require('node:fs');
const path = require('node:path');

const root = path.resolve(__dirname, '..');
const FILE = 'THIRD-PARTY-NOTICES.txt';
const { name, version, license } = require('../package.json');

/** Crates that say MIT in Cargo.toml and carry no text. */
const MIT = (holders) => `Copyright (c) ${holders}

Permission is hereby granted, free of charge, to any person obtaining a copy of this software and associated documentation
files (the "Software"), to deal in the Software without restriction, including without limitation the rights to use, copy,
modify, merge, publish, distribute, sublicense, and/or sell copies of the Software, and to permit persons to whom the
Software is furnished to do so, subject to the following conditions:

The above copyright notice and this permission notice shall be included in all copies or substantial portions of the
Software.

THE SOFTWARE IS PROVIDED "AS IS", WITHOUT WARRANTY OF ANY KIND, EXPRESS OR IMPLIED, INCLUDING BUT NOT LIMITED TO THE
WARRANTIES OF MERCHANTABILITY, FITNESS FOR A PARTICULAR PURPOSE AND NONINFRINGEMENT. IN NO EVENT SHALL THE AUTHORS OR
COPYRIGHT HOLDERS BE LIABLE FOR ANY CLAIM, DAMAGES OR OTHER LIABILITY, WHETHER IN AN ACTION OF CONTRACT, TORT OR OTHERWISE,
ARISING FROM, OUT OF OR IN CONNECTION WITH THE SOFTWARE OR THE USE OR OTHER DEALINGS IN THE SOFTWARE.
`;

/** Every crate that is linked in on some platform, in order: { name, version, license, folder, sha256, needs }. */
function crates() {
  const text = execFileSync('cargo', ['metadata', '--format-version', '1', '--locked'], {
    cwd: root,
    encoding: 'utf8',
    maxBuffer: 1 << 28,
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const { packages, resolve } = JSON.parse(text);
  const byId = new Map(packages.map((it) => [it.id, it]));
  const nodes = new Map(resolve.nodes.map((node) => [node.id, node]));
  // Neither what only builds nor what only tests.
  const needs = (id) =>
    nodes
      .get(id)
      .deps.filter(({ dep_kinds }) => dep_kinds.some(({ kind }) => kind === null))
      .map(({ pkg }) => pkg);
  const found = new Set();
  const visit = (id) => {
    if (found.has(id)) return;
    found.add(id);
    needs(id).forEach(visit);
  };
  visit(resolve.root);
  const checksums = readChecksums();
  const key = (id) => `${byId.get(id).name}@${byId.get(id).version}`;
  const list = [...found].map((id) => {
    const { name, version, license, authors, manifest_path } = byId.get(id);
    return {
      key: key(id),
      own: id === resolve.root,
      name,
      version,
      license: license?.replaceAll('/', ' OR '),
      authors,
      folder: path.dirname(manifest_path),
      sha256: checksums.get(key(id)),
      needs: needs(id).map(key).sort(),
    };
  });
  return list.sort((a, b) => (a.key < b.key ? -1 : 1));
}

function readChecksums() {
  const lock = fs.readFileSync(path.join(root, 'Cargo.lock'), 'utf8');
  const entries = lock.matchAll(/name = "(.*)"\nversion = "(.*)"\nsource = ".*"\nchecksum = "(.*)"/g);
  return new Map(Array.from(entries, ([, name, version, checksum]) => [`${name}@${version}`, checksum]));
}

/** libopus comes as source inside a crate. */
function opus(list) {
  const { folder } = list.find(({ name }) => name === 'opusic-sys');
  const [, version] = /PACKAGE_VERSION="(.*)"/.exec(fs.readFileSync(path.join(folder, 'opus/package_version'), 'utf8'));
  return { version, text: fs.readFileSync(path.join(folder, 'opus/COPYING'), 'utf8') };
}

/** The texts that a crate carries. Of several licences to choose from it is MIT where that is among them. */
function texts({ name, license, authors, folder }) {
  const files = fs.readdirSync(folder).filter((file) => /^(licen[cs]e|copying|notice|unlicense)/i.test(file));
  const chosen = / OR /.test(license) ? files.filter((file) => /mit/i.test(file)) : [];
  const found = (chosen.length > 0 ? chosen : files)
    .map((file) => path.join(folder, file))
    .filter((file) => fs.statSync(file).isFile())
    .sort()
    .map((file) => fs.readFileSync(file, 'utf8'));
  if (found.length > 0) return found;
  if (!/\bMIT\b/.test(license)) throw new Error(`${name} (${license}) carries no text of its licence`);
  return [MIT(authors.length > 0 ? authors.join(', ') : `the authors of ${name}`)];
}

function notices() {
  const list = crates().filter(({ own }) => !own);
  const byText = new Map();
  const add = (text, who) => {
    const tidy = text
      .replaceAll('\r\n', '\n')
      .replace(/[ \t]+$/gm, '')
      .trim();
    byText.set(tidy, [...(byText.get(tidy) ?? []), who]);
  };
  const { version, text } = opus(list);
  add(text, `libopus ${version} (BSD-3-Clause)`);
  for (const crate of list)
    for (const text of texts(crate)) add(text, `${crate.name} ${crate.version} (${crate.license})`);
  const rule = '='.repeat(100);
  const parts = [...byText].map(([text, who]) => `${rule}\n${who.join('\n')}\n${rule}\n\n${text}\n`);
  return `The binaries of ${name} contain the following software of others.\n\n${parts.join('\n')}`;
}

function sbom() {
  const list = crates();
  const opusic = opus(list);
  const opusRef = `pkg:generic/opus@${opusic.version}`;
  const ref = (key) => `pkg:cargo/${key}`;
  const component = ({ key, name, version, license, sha256 }) => ({
    type: 'library',
    'bom-ref': ref(key),
    name,
    version,
    purl: ref(key),
    licenses: [{ expression: license }],
    ...(sha256 && { hashes: [{ alg: 'SHA-256', content: sha256 }] }),
  });
  const own = list.find((crate) => crate.own);
  const others = list.filter((crate) => !crate.own);
  const packageRef = `pkg:npm/${name}@${version}`;
  const dependsOn = (crate) => [...crate.needs.map(ref), ...(crate.name === 'opusic-sys' ? [opusRef] : [])];
  return {
    bomFormat: 'CycloneDX',
    specVersion: '1.6',
    version: 1,
    metadata: {
      component: {
        type: 'library',
        'bom-ref': packageRef,
        name,
        version,
        purl: packageRef,
        licenses: [{ license: { id: license } }],
      },
    },
    components: [
      ...others.map(component),
      {
        type: 'library',
        'bom-ref': opusRef,
        name: 'opus',
        version: opusic.version,
        purl: opusRef,
        licenses: [{ license: { id: 'BSD-3-Clause' } }],
      },
    ],
    dependencies: [
      { ref: packageRef, dependsOn: dependsOn(own) },
      ...others.map((crate) => ({ ref: ref(crate.key), dependsOn: dependsOn(crate) })),
      { ref: opusRef, dependsOn: [] },
    ],
  };
}

/** A package with a binary lists what it publishes. */
function putInto(folder) {
  fs.copyFileSync(path.join(root, FILE), path.join(folder, FILE));
  const manifest = path.join(folder, 'package.json');
  const content = JSON.parse(fs.readFileSync(manifest, 'utf8'));
  content.files = [...new Set([...content.files, FILE])];
  fs.writeFileSync(manifest, `${JSON.stringify(content, null, 2)}\n`);
}

module.exports = { FILE, notices, sbom };

if (require.main === module) {
  const [command, ...folders] = process.argv.slice(2);
  if (command === 'notices') fs.writeFileSync(path.join(root, FILE), notices());
  else if (command === 'into') folders.forEach(putInto);
  else if (command === 'sbom') console.log(JSON.stringify(sbom(), null, 2));
  else throw new Error('notices, into DIRECTORY… or sbom');
}
