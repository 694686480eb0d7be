#!/bin/sh
# Gets the WebRTC part of the web-platform-tests, which are third-party and not kept here: they are in Debian's source
# package of Firefox. Needs apt; about 740 MB are downloaded and 22 MB kept, in __test__/wpt/suite.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
version=${1:-140.12.0esr-1~deb12u1}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir -p "$work/lists/partial" "$work/archives/partial" "$work/parts" "$here/suite"
# The machine's own sources, asked for source packages; its apt configuration stays as it is.
for f in /etc/apt/sources.list.d/*.sources; do
  sed 's/^Types:.*/Types: deb-src/' "$f" > "$work/parts/$(basename "$f")"
done
opts="-o Dir::Etc::sourcelist=$work/none.list -o Dir::Etc::sourceparts=$work/parts
  -o Dir::State::lists=$work/lists -o Dir::Cache=$work -o APT::Sandbox::User=root"
cd "$work"
# shellcheck disable=SC2086
apt-get $opts update
# shellcheck disable=SC2086
apt-get $opts source --download-only --tar-only "firefox-esr=$version"
tarball=$(ls firefox-esr_*.orig.tar.xz)
root=$(echo "$tarball" | sed 's/firefox-esr_\(.*\)esr.orig.*/firefox-\1/')/testing/web-platform/tests
set --
for d in webrtc webrtc-encoded-transform webrtc-extensions webrtc-stats webrtc-priority webrtc-svc mediacapture-streams mst-content-hint \
  resources interfaces common LICENSE.md; do
  set -- "$@" "$root/$d"
done
xz -dc -T2 "$tarball" | tar -x -C "$here/suite" --strip-components=4 "$@"
