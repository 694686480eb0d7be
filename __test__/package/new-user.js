// A new user: an empty folder, a registry that has this package, and what he types into terminals.
// Invariant: after leave() nothing of him runs.

const fs = require('node:fs');
const path = require('node:path');
const shell = require('./shell');
const { startRegistry } = require('./registry');
const { Process } = require('../bridge/support/processes');
const { root, must } = shell;
const { devDependencies } = require('../../package.json');

class NewUser {
  #registry;
  #terminals = [];

  /** `packages` are those of his project before he hears of ours, in the versions that are tested here. */
  static async arrive(packages = []) {
    const user = new NewUser();
    const { stdout } = await must(root, 'npm', ['config', 'get', 'registry']);
    user.#registry = await startRegistry({ own: 'webphone-rtc', upstream: stdout.trim() });
    user.env = { npm_config_userconfig: path.join(shell.folder('npm'), 'npmrc'), PYTHONDONTWRITEBYTECODE: '1' };
    fs.writeFileSync(user.env.npm_config_userconfig, user.#registry.config);
    await must(root, 'npm', ['publish', await shell.pack(root)], user.env);
    user.project = shell.emptyProject('bridge');
    await user.install(...packages);
    return user;
  }

  install(...packages) {
    if (packages.length === 0) return undefined;
    const versions = packages.map((name) => (devDependencies[name] ? `${name}@${devDependencies[name]}` : name));
    return must(this.project, 'npm', ['install', ...versions], this.env);
  }

  /** Lines that end by themselves. Throws where one does not end with 0. */
  types(text, { env = {}, cwd = this.project } = {}) {
    return must(cwd, 'sh', ['-ec', text], { ...this.env, ...env });
  }

  /** The same, whatever the last one ends with: { status, stdout, stderr, output }. */
  tries(text, { env = {}, cwd = this.project } = {}) {
    return shell.run(cwd, 'sh', ['-ec', text], { ...this.env, ...env });
  }

  /** Lines of which the last one goes on to run in a terminal of its own. */
  starts(text, { env = {}, cwd = this.project } = {}) {
    const lines = text.trimEnd().split('\n');
    const script = [...lines.slice(0, -1), `exec env ${lines.at(-1)}`].join('\n');
    const terminal = new Process('sh', ['-ec', script], { ...this.env, ...env }, cwd);
    this.#terminals.push(terminal);
    return terminal;
  }

  async closeTerminals() {
    for (const terminal of this.#terminals.splice(0)) await terminal.stop();
  }

  async leave() {
    await this.closeTerminals();
    await this.#registry.close();
  }
}

module.exports = { NewUser };
