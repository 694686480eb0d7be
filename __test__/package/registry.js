// A package registry on 127.0.0.1 that keeps what is published to it and sends every other request on to the real one.
// Invariants: a name that starts with `own` never leaves the machine; no two registries have one address, as npm's cache
// remembers what it read there.

const { createHash, randomUUID } = require('node:crypto');
const { once } = require('node:events');
const http = require('node:http');

async function startRegistry({ own, upstream }) {
  const packages = new Map();
  const tarballs = new Map();
  const folder = `/${randomUUID()}`;

  function publish(document) {
    const known = packages.get(document.name) ?? { ...document, versions: {} };
    for (const [version, manifest] of Object.entries(document.versions)) {
      const [{ data }] = Object.values(document._attachments);
      const tarball = Buffer.from(data, 'base64');
      const at = `/${document.name}/-/${document.name}-${version}.tgz`;
      tarballs.set(at, tarball);
      known.versions[version] = {
        ...manifest,
        dist: {
          tarball: `${registry.url.slice(0, -1)}${at}`,
          integrity: `sha512-${createHash('sha512').update(tarball).digest('base64')}`,
        },
      };
    }
    known['dist-tags'] = { ...known['dist-tags'], ...document['dist-tags'] };
    delete known._attachments;
    packages.set(document.name, known);
  }

  const server = http.createServer(async (request, response) => {
    const asked = request.url.slice(folder.length);
    const { pathname } = new URL(asked, registry.url);
    const name = decodeURIComponent(pathname.slice(1)).split('/-/')[0];
    const answer = (status, body) => {
      response.writeHead(status, { 'content-type': 'application/json' });
      response.end(Buffer.isBuffer(body) ? body : JSON.stringify(body));
    };
    if (!name.startsWith(own)) {
      response.writeHead(307, { location: new URL(asked, upstream).href });
      return response.end();
    }
    if (request.method === 'PUT') {
      publish(JSON.parse(Buffer.concat(await request.toArray()).toString()));
      return answer(201, {});
    }
    const found = tarballs.get(pathname) ?? packages.get(name);
    return found ? answer(200, found) : answer(404, { error: 'not found' });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const host = `//127.0.0.1:${server.address().port}${folder}/`;
  const registry = {
    url: `http:${host}`,
    packages,
    /** Lines of an npmrc that make npm use it. */
    config: [
      `registry=http:${host}`,
      `${host}:_authToken=none`,
      'replace-registry-host=never',
      'prefer-offline=true',
      'audit=false',
      'fund=false',
    ].join('\n'),
    async close() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
  return registry;
}

module.exports = { startRegistry };
