#!/bin/sh
# Runs every fuzz target, or those that are named, for so many seconds of CPU time each (60), one after the other, and prints
# what came of it.
#   fuzz/run.sh [seconds] [target…]
# New inputs stay in fuzz/corpus, findings in fuzz/artifacts; the exit code tells whether there are any.
set -u
cd "$(dirname "$0")/.." || exit 2
seconds=${1:-60}
[ $# -gt 0 ] && shift
targets=${*:-$(sed -n 's/^name = "\(.*\)"$/\1/p' fuzz/Cargo.toml | grep -v '^webphone-rtc-fuzz$')}
# One run without a time-out and without more memory than a call could ever need.
limits='-timeout=20 -rss_limit_mb=2048 -malloc_limit_mb=512 -print_final_stats=1 -len_control=20'

triple=$(rustc +nightly -vV | sed -n 's/^host: //p')
cargo +nightly fuzz build || exit 2
printf '%-16s %12s %10s %8s %9s  %s\n' target executions per-second edges rss-MB findings
status=0
for target in $targets; do
  mkdir -p "fuzz/corpus/$target" "fuzz/artifacts/$target"
  dict=
  [ -f "fuzz/dict/$target" ] && dict="-dict=fuzz/dict/$target"
  log=fuzz/artifacts/$target.log
  # shellcheck disable=SC2086
  "fuzz/target/$triple/release/$target" "fuzz/corpus/$target" "fuzz/seeds/$target" \
    -artifact_prefix="fuzz/artifacts/$target/" $limits $dict >"$log" 2>&1 &
  pid=$!
  while spent=$(ps -o cputimes= -p $pid) && [ "$spent" -lt "$seconds" ]; do sleep 1; done
  kill -INT $pid 2>/dev/null
  wait $pid
  code=$?
  stat() { sed -n "s/^stat::$1: *//p" "$log"; }
  edges=$(sed -n 's/.*cov: \([0-9]*\).*/\1/p' "$log" | tail -1)
  findings=$(sed -n 's|.*Test unit written to ||p' "$log" | sort -u | tr '\n' ' ')
  # 72: ended from here.
  if [ "$code" -ne 0 ] && [ "$code" -ne 72 ]; then
    status=1
    [ -n "$findings" ] || findings="exit code $code: see $log"
  fi
  printf '%-16s %12s %10s %8s %9s  %s\n' "$target" "$(stat number_of_executed_units)" "$(stat average_exec_per_sec)" \
    "${edges:-0}" "$(stat peak_rss_mb)" "${findings:-none}"
done
exit $status
