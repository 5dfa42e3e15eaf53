#!/usr/bin/env bash
# Builds the stage that you are at, for the debugger, and makes something to send. What the editor's tasks run.
# The programs are build/current/server and build/current/client, the file build/hello.txt, the folder build/received.

set -euo pipefail
cd -- "$(dirname -- "$(readlink -f -- "${BASH_SOURCE[0]}")")/.."

stages=([0-9][0-9]_*/)
said=$(sed -nE 's/^stage +0*([1-9][0-9]?)\b.*/\1/p' bytetrain.txt 2>/dev/null | head -n 1) || true
for each in "${stages[@]}"; do # the last one, if bytetrain.txt doesn't say which
  if [[ -d $each ]]; then stage=${each%/}; fi
  if [[ $each == "$(printf '%02d' "$said")"_* ]]; then break; fi
done
[[ ${stage:-} ]] || {
  echo "no stage lies here yet: ./lab start 1" >&2
  exit 1
}

mkdir -p build/received
echo 'hello, world' >build/hello.txt
if [[ -f $stage/CMakeLists.txt ]]; then
  cmake -S "$stage" -B "$stage/build" -DCMAKE_BUILD_TYPE=Debug -DCMAKE_EXPORT_COMPILE_COMMANDS=ON
  cmake --build "$stage/build" --parallel "$(nproc)"
  ln -sfn "../$stage/build" build/current
else # programs that lie there as they are
  ln -sfn "../$stage" build/current
fi
