// What a binary must be to be published: small, for the machine that its name says, and content with an old C library.
// Reads ELF by itself, so a release needs no binutils for a foreign machine. https://refspecs.linuxfoundation.org/elf/
//   node scripts/binary.js FILE.node …

const { readFileSync } = require('node:fs');
const path = require('node:path');

const LARGEST_BYTES = 10_000_000;
/** Of the oldest distribution that runs Node 20: Debian 10, RHEL 8. */
const NEWEST_GLIBC = '2.28';

const SHT_DYNAMIC = 6;
const SHT_GNU_VERNEED = 0x6ffffffe;
const DT_NEEDED = 1;
const MACHINES = { 62: 'x64', 183: 'arm64' };

const newer = (a, b) => a.localeCompare(b, 'en', { numeric: true }) > 0;

/** { arch, libraries, glibc: newest GLIBC_ version needed or null } of a 64-bit little-endian ELF file; null of any other. */
function readElf(file) {
  if (file.toString('latin1', 0, 4) !== '\x7fELF' || file[4] !== 2 || file[5] !== 1) return null;
  const text = (table, at) => file.toString('latin1', table.offset + at, file.indexOf(0, table.offset + at));
  const [start, size, count] = [Number(file.readBigUInt64LE(0x28)), file.readUInt16LE(0x3a), file.readUInt16LE(0x3c)];
  const sections = Array.from({ length: count }, (_, index) => {
    const at = start + index * size;
    return {
      type: file.readUInt32LE(at + 4),
      offset: Number(file.readBigUInt64LE(at + 24)),
      size: Number(file.readBigUInt64LE(at + 32)),
      link: file.readUInt32LE(at + 40),
      entries: file.readUInt32LE(at + 44),
    };
  });

  const libraries = [];
  const dynamic = sections.find(({ type }) => type === SHT_DYNAMIC);
  for (let at = dynamic?.offset; at < dynamic?.offset + dynamic?.size; at += 16)
    if (Number(file.readBigInt64LE(at)) === DT_NEEDED)
      libraries.push(text(sections[dynamic.link], Number(file.readBigUInt64LE(at + 8))));

  let glibc = null;
  const needs = sections.find(({ type }) => type === SHT_GNU_VERNEED);
  for (let need = needs?.offset, left = needs?.entries ?? 0; left > 0; left--, need += file.readUInt32LE(need + 12)) {
    let at = need + file.readUInt32LE(need + 8);
    for (let versions = file.readUInt16LE(need + 2); versions > 0; versions--, at += file.readUInt32LE(at + 12)) {
      const version = /^GLIBC_(\d[\d.]*)$/.exec(text(sections[needs.link], file.readUInt32LE(at + 8)))?.[1];
      if (version && (!glibc || newer(version, glibc))) glibc = version;
    }
  }
  return { arch: MACHINES[file.readUInt16LE(0x12)], libraries, glibc };
}

/** What is wrong with a file named NAME.PLATFORM-ARCH[-ABI].node, as sentences. */
function problems(name, file) {
  const found = [];
  if (file.length >= LARGEST_BYTES) found.push(`${file.length} bytes; it must be less than ${LARGEST_BYTES}`);
  const [system, arch, abi] = path.basename(name, '.node').split('.').pop().split('-');
  if (system !== 'linux') return found;
  const elf = readElf(file);
  if (!elf) return [...found, 'no ELF file'];
  if (elf.arch !== arch) found.push(`built for ${elf.arch}`);
  if (abi === 'musl' && elf.glibc) found.push('linked with glibc');
  if (abi === 'gnu' && !elf.glibc) found.push('not linked with glibc');
  if (abi === 'gnu' && elf.glibc && newer(elf.glibc, NEWEST_GLIBC))
    found.push(`needs glibc ${elf.glibc}; it must run with ${NEWEST_GLIBC}`);
  return found;
}

module.exports = { readElf, problems, LARGEST_BYTES, NEWEST_GLIBC };

if (require.main === module) {
  const names = process.argv.slice(2);
  for (const name of names) {
    const file = readFileSync(name);
    const found = problems(name, file);
    console.log(
      `${name}: ${file.length} bytes, glibc ${readElf(file)?.glibc ?? 'none'}${found.map((line) => `\n  - ${line}`).join('')}`,
    );
    if (found.length > 0) process.exitCode = 1;
  }
  if (names.length === 0) {
    console.error('which binary?');
    process.exitCode = 1;
  }
}
