#!/bin/sh
# `npm run leaks`: whole calls in virtual time, and connections with their tasks and sockets, under valgrind. Ends with 9 where
# memory is lost or touched that is not ours. Values without origin are not looked for: the assembler of `ring` reads whole
# registers, which valgrind takes for such.
set -eu
cd "$(dirname "$0")/../.."
leaks() {
  test=$1
  shift
  binary=$(cargo test --release --no-default-features --test "$test" --no-run --message-format=json 2>/dev/null |
    sed -n 's/.*"executable":"\([^"]*\)".*/\1/p' | tail -1)
  echo "## $test${*:+ $*}"
  valgrind --leak-check=full --undef-value-errors=no --errors-for-leak-kinds=definite,indirect --error-exitcode=9 \
    "$binary" --test-threads=1 "$@" 2>&1 | grep -E '^test result|lost:|reachable:|ERROR SUMMARY'
}
leaks call
leaks containment
leaks transport connect:: data::
