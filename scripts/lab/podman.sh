# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
# A podman of scripts/test-lab's own, whose images stay in the cache and nothing else. It works where
# there is no systemd and where crun and raised limits do not: runc, cgroupfs, 1024 descriptors, builds by chroot.

readonly kPodmanCache=${XDG_CACHE_HOME:-$HOME/.cache}/ringside/compose
readonly kBaseImage=docker.io/library/debian:bookworm-slim
readonly kBaseDays=7  # after so many the base image is made anew

start_podman() {
  mkdir -p "$kPodmanCache"
  exec {podman_lock}>"$kPodmanCache/lock"
  flock -n "$podman_lock" || { echo "test-lab: another run is at work in $kPodmanCache" >&2; exit 1; }
  work=$(mktemp -d "${TMPDIR:-/tmp}/ringside-test-lab.XXXXXX")
  # Always the same folders: podman keeps them in its database, whatever the configuration says later.
  local state=$kPodmanCache/state
  rm -rf "$state" "$kPodmanCache"/storage/libpod "$kPodmanCache"/storage/volumes
  mkdir -p "$state"/{run,networks,tmp}
  cat >"$work/storage.conf" <<END
[storage]
driver = "overlay"
graphroot = "$kPodmanCache/storage"
runroot = "$state/run"
END
  cat >"$work/containers.conf" <<END
[containers]
default_ulimits = ["nofile=1024:1024", "nproc=1024:1024"]
[engine]
runtime = "runc"
cgroup_manager = "cgroupfs"
events_logger = "file"
lock_type = "file"
tmp_dir = "$state/tmp"
[network]
network_backend = "netavark"
network_config_dir = "$state/networks"
END
  # Health checks are run by the loop below: podman would have systemd's timers do it.
  export CONTAINERS_CONF=$work/containers.conf CONTAINERS_STORAGE_CONF=$work/storage.conf BUILDAH_ISOLATION=chroot \
    DISABLE_HC_SYSTEMD=true DOCKER_HOST=unix://$work/podman.sock
  had_netavark=no
  ! iptables-save 2>/dev/null | grep -qi netavark || had_netavark=yes
  podman system service --time 0 "unix://$work/podman.sock" {podman_lock}>&- >"$work/service.log" 2>&1 &
  podman_service=$!
  run_health_checks {podman_lock}>&- >/dev/null 2>&1 &
  podman_health=$!
}

run_health_checks() {
  while sleep 1; do
    for container in $(podman ps -q || true); do podman healthcheck run "$container" || true; done
  done
}

print_podman() {
  disown -a
  cat <<END
The lab is left running. To reach it, in compose/:
  export CONTAINERS_CONF=$CONTAINERS_CONF CONTAINERS_STORAGE_CONF=$CONTAINERS_STORAGE_CONF DOCKER_HOST=$DOCKER_HOST
  export COMPOSE='$COMPOSE'
  curl http://127.0.0.1:$PROMETHEUS_PORT/-/ready
To end it: ./reset --all; kill $podman_service $podman_health; rm -r $work
END
}

forget_podman_cache() {
  mkdir -p "$kPodmanCache"
  rm -rf "$kPodmanCache/storage" "$kPodmanCache"/base*
}

# The base image as Docker Hub has it, made of the packages that this machine's apt gets.
make_base_tree() {
  local root=$1 url
  url=$(mirror main)
  debootstrap --variant=minbase bookworm "$root" "$url" >"$work/debootstrap.log" 2>&1 ||
    { tail -n 5 "$work/debootstrap.log" >&2; return 1; }
  {
    echo "deb $url bookworm main"
    echo "deb $url bookworm-updates main"
    echo "deb $(mirror security) bookworm-security main"
  } >"$root/etc/apt/sources.list"
  apt-config dump | grep -E '^Acquire::(http|https|Check|Retries)' >"$root/etc/apt/apt.conf.d/90host" || true
  # As in the image of Docker Hub: installing starts no service, and keeps no archives.
  printf '#!/bin/sh\nexit 101\n' >"$root/usr/sbin/policy-rc.d"
  chmod +x "$root/usr/sbin/policy-rc.d"
  rm -rf "$root"/var/cache/apt/archives/*.deb "$root"/var/lib/apt/lists/*
}

import_base_image() {
  local tar=$kPodmanCache/base.tar
  if [[ -z $(find "$tar" -mtime -$kBaseDays 2>/dev/null) ]]; then
    make_base_tree "$work/base"
    tar -C "$work/base" -cf "$tar.new" .
    rm -rf "$work/base"
    mv "$tar.new" "$tar"
    podman rmi -f "$kBaseImage" >/dev/null 2>&1 || true
  fi
  podman image exists "$kBaseImage" || podman import "$tar" "$kBaseImage" >/dev/null 2>&1
}

# build_image STAGE. What compiles is kept by a tag too: an image without one goes with `image prune`.
build_image() {
  local stage=$1 ccache=()
  if [[ $stage == agent ]]; then
    if command -v ccache >/dev/null; then
      local folder
      folder=$(ccache --get-config cache_dir)
      mkdir -p "$folder"
      # It knows again what the build of this tree compiled: the language is part of what it goes by.
      ccache=(--volume "$folder:/ccache" --build-arg MORE_PACKAGES=ccache --build-arg CCACHE_DIR=/ccache
        --build-arg CCACHE_BASEDIR=/src --build-arg "LANG=${LANG:-}")
    fi
    podman_build build "${ccache[@]}"
  fi
  [[ $stage != guest ]] || podman_build kernels
  podman_build "$stage" "${ccache[@]}"
}
podman_build() {
  local stage=$1
  shift
  podman build --layers -f compose/Dockerfile --target "$stage" -t "localhost/ringside-lab-$stage" "$@" . >"$work/build-$stage.log" 2>&1 ||
    { tail -n 40 "$work/build-$stage.log" >&2; echo "test-lab: FAILED: the image of stage $stage does not build" >&2; exit 1; }
}

podman_works() {
  import_base_image >"$work/podman.log" 2>&1 || return 1
  podman run --rm --cap-drop ALL "$kBaseImage" true >"$work/podman.log" 2>&1
}

# Removes all but images with a name; says what would not go, and fails.
stop_podman() {
  local left=''
  kill "$podman_service" "$podman_health" 2>/dev/null || true
  wait "$podman_service" "$podman_health" 2>/dev/null || true
  # One that shares another's processes goes first; podman does not sort them.
  for _ in 1 2 3; do podman rm -af -t 0 >/dev/null 2>&1 && break; done
  buildah rm --all >/dev/null 2>&1 || true  # of a build that was interrupted
  # What watched a command that docker-compose ran in a container is kept for five minutes, for who asks how it ended.
  pkill -KILL -f "conmon .*$kPodmanCache/state" || true
  podman pod rm -af >/dev/null 2>&1 || true
  podman volume prune -f >/dev/null 2>&1 || true
  podman network prune -f >/dev/null 2>&1 || true
  podman image prune -f >/dev/null 2>&1 || true
  [[ -z $(podman ps -aq --external) ]] || left+=" containers"
  [[ -z $(podman volume ls -q) ]] || left+=" volumes"
  [[ $(podman network ls -q | wc -l) -le 1 ]] || left+=" networks"
  # netavark leaves its chains to the next network.
  [[ $had_netavark == yes ]] || iptables-save | grep -vi netavark | iptables-restore || left+=" firewall rules"
  # The overlay's own mount goes with it.
  umount "$kPodmanCache/storage/overlay" 2>/dev/null || true
  ! grep -q "$kPodmanCache" /proc/mounts || left+=" mounts"
  for _ in {1..50}; do
    pgrep -f "$kPodmanCache|$work" >/dev/null || break
    sleep 0.2
  done
  ! pgrep -f "$kPodmanCache|$work" >/dev/null || left+=" processes"
  rm -rf "$work"
  [[ -n $left ]] || rm -rf "$kPodmanCache/state"
  [[ -z $left ]] || { echo "test-lab: left behind:$left" >&2; return 1; }
}
