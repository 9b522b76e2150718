#!/usr/bin/env bash
# Writes requirements/*.txt from pyproject.toml: exact versions with hashes, for Python 3.11 and later, and no registry address.
set -euo pipefail
cd "$(dirname "$0")/.."

compile() { # compile NAME ARGUMENTS...: versions already locked stay unless UPGRADE=1
  local name=$1
  shift
  .venv/bin/uv pip compile pyproject.toml "$@" --group setup --universal --python-version 3.11 --generate-hashes \
    --no-emit-index-url --no-annotate --custom-compile-command "make lock" --quiet ${UPGRADE:+--upgrade} \
    --output-file "requirements/$name.txt"
}

compile dev --all-extras --group dev
.venv/bin/uv pip compile --group pyproject.toml:fuzz --universal --python-version 3.11 --generate-hashes --no-emit-index-url \
  --no-annotate --custom-compile-command "make lock" --quiet ${UPGRADE:+--upgrade} --output-file requirements/fuzz.txt
# The smaller locks repeat the versions of the largest, so that what is tested is what runs.
compile runtime --extra demo --constraint requirements/dev.txt
compile server --extra server --constraint requirements/dev.txt
