# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
# For attack and reset: `compose` is the compose program that is installed, or the one that $COMPOSE names.

cd "$(dirname "${BASH_SOURCE[0]}")"
if [[ -z ${COMPOSE:-} ]]; then
  if docker compose version >/dev/null 2>&1; then
    COMPOSE='docker compose'
  elif command -v docker-compose >/dev/null; then
    COMPOSE=docker-compose
  elif command -v podman-compose >/dev/null; then
    COMPOSE=podman-compose
  else
    echo "$(basename "$0"): neither docker compose nor podman-compose is there" >&2
    exit 1
  fi
fi
compose() { $COMPOSE "$@"; }
