#!/usr/bin/env bash
# setup.sh runtime|dev: makes .venv from requirements/<name>.txt. Does nothing while the lock and pyproject.toml are unchanged.
# dev also asks for what the tests start: java and mvn for Kafka, and redis-server, which root on Debian gets through apt-get.
set -euo pipefail
cd "$(dirname "$0")/.."

lock=${1:?usage: setup.sh runtime|dev}
venv=.venv
log=$(mktemp)
trap 'rm -f "$log"' EXIT

refuse() { printf 'streamer: %s\n' "$1" >&2; exit 1; }

step() { # step NAME REMEDY COMMAND...: one line; the command's own words only when it fails
  local name=$1 remedy=$2 started=$SECONDS
  shift 2
  printf '  %s … ' "$name"
  "$@" >"$log" 2>&1 </dev/null || { echo failed; grep -v 'WARNING: Retrying' "$log" | tail -n 8 >&2; refuse "$remedy"; }
  printf '%s s\n' $((SECONDS - started))
}

python=${PYTHON:-}
for candidate in ${python:-python3 python3.13 python3.12 python3.11}; do
  if "$candidate" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then python=$candidate; break; fi
done
"${python:-false}" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null ||
  refuse "Python 3.11 or newer is needed: install it, or name one with PYTHON=/path/to/python3 make …"

make_venv() {
  rm -rf "$venv"
  # Debian's python3 may come without ensurepip; any pip can then fill the environment from outside.
  "$python" -m venv "$venv" || {
    rm -rf "$venv"
    "$python" -m venv --without-pip "$venv" && "$python" -m pip --python "$venv/bin/python" install --quiet pip
  }
}

install_lock() {
  local pip=("$venv/bin/python" -m pip install --quiet --disable-pip-version-check --retries 2) index
  # uv is many times faster; it is itself pinned by the lock, and pip alone does the same work where uv cannot run.
  awk '/^[a-z]/ { wanted = /^uv==/ } wanted' "requirements/$lock.txt" >"$venv/uv.txt"
  index=$("$venv/bin/python" -m pip config get global.index-url 2>/dev/null || true)
  index=${UV_DEFAULT_INDEX:-${PIP_INDEX_URL:-$index}}
  if "${pip[@]}" --require-hashes -r "$venv/uv.txt" &&
    env ${index:+UV_DEFAULT_INDEX="$index"} UV_PYTHON_DOWNLOADS=never "$venv/bin/uv" pip install --quiet --python "$venv/bin/python" \
      --require-hashes -r "requirements/$lock.txt"; then return; fi
  "${pip[@]}" --require-hashes -r "requirements/$lock.txt"
}

install_streamer() {
  "$venv/bin/python" -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
}

wanted=$(cat "requirements/$lock.txt" pyproject.toml | sha256sum | cut -d' ' -f1)
stamp=$venv/stamp-$lock
if [ "$(cat "$stamp" 2>/dev/null)" != "$wanted" ]; then
  echo "Setting up $venv ($("$python" --version))"
  "$venv/bin/python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null ||
    step "virtual environment" "python3 -m venv failed: install python3-venv (apt-get install python3-venv)." make_venv
  step "packages of requirements/$lock.txt" "The packages could not be installed: check the network, or the registry of your pip configuration." install_lock
  step "streamer itself" "streamer could not be installed into $venv: remove $venv and run again." install_streamer
  [ "$lock" = dev ] || step "an empty MLflow database, so that later starts are quick" "MLflow could not make its database: remove $venv and run again." \
    env MLFLOW_DISABLE_TELEMETRY=true "$venv/bin/python" -m streamer.embedded.mlflow_server --prepare
  echo "$wanted" >"$stamp"
fi

[ "$lock" = dev ] || exit 0

if [ -z "${KAFKA:-}" ]; then
  command -v java >/dev/null || refuse "Java 17 or newer is needed to start Kafka: install it (apt-get install default-jre-headless), or set KAFKA=host:port."
  command -v mvn >/dev/null || refuse "Maven is needed to collect Kafka: install it (apt-get install maven), or set KAFKA=host:port."
fi

install_redis() { apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -qq -y --no-install-recommends redis-server; }

if [ -z "${REDIS_URL:-}" ] && ! command -v redis-server >/dev/null; then
  [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null || refuse "redis-server is needed: install it (apt-get install redis-server), or set REDIS_URL."
  step "redis-server" "apt-get could not install redis-server: install it by hand, or set REDIS_URL." install_redis
fi
