#!/usr/bin/env bash
# step.sh NAME COMMAND...: runs the command silently and prints one line; when it fails, also everything it said.
set -uo pipefail
name=$1
shift
started=$SECONDS
if said=$("$@" 2>&1 </dev/null); then
  printf '✓ %-14s %s s\n' "$name" $((SECONDS - started))
else
  code=$?
  printf '%s\n✗ %s: %s\n' "$said" "$name" "$*" >&2
  exit "$code"
fi
