// npm's prepublishOnly hook: refuses to publish what is not a release. Platform packages are published before, by
// `napi pre-publish`, which also writes them into optionalDependencies.
//   node scripts/prepublish.js TAG     the same for a git tag, before anything is built

const { readdirSync, readFileSync } = require('node:fs');
const path = require('node:path');

const root = path.resolve(__dirname, '..');
const read = (name) => readFileSync(path.join(root, name), 'utf8');
const { name, version, napi, optionalDependencies = {} } = JSON.parse(read('package.json'));

const wrong = [];
const must = (holds, otherwise) => holds || wrong.push(otherwise);

must(/^version = "(.*)"/m.exec(read('Cargo.toml'))?.[1] === version, `Cargo.toml does not say ${version}`);
must(read('CHANGELOG.md').includes(`## [${version}]`), `CHANGELOG.md has no section [${version}]`);
must(read('binding.js').includes(`'${version}'`), `binding.js is not of ${version}: run npm run build`);
must(
  !readdirSync(root).some((file) => file.endsWith('.node')),
  'a .node file lies in the package; binaries belong into the platform packages',
);

const gitTag = process.argv[2];
const npmTag = process.env.npm_config_tag ?? 'latest';
const packages = Object.keys(optionalDependencies).filter((key) => key.startsWith(`${name}-`));
if (gitTag) must(gitTag === `v${version}`, `the git tag ${gitTag} is not v${version}`);
else {
  must(
    packages.length === napi.targets.length && packages.every((key) => optionalDependencies[key] === version),
    `optionalDependencies do not name all ${napi.targets.length} platform packages at ${version}: run npx napi pre-publish`,
  );
  must(version.includes('-') === (npmTag !== 'latest'), `${version} must not be published with the tag '${npmTag}'`);
}

if (wrong.length > 0) {
  console.error(`${name} ${version} is not published:\n${wrong.map((line) => `  - ${line}`).join('\n')}`);
  process.exitCode = 1;
}
