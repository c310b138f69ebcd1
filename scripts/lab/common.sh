# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
# What the lab scripts share: the cache folder, messages, and an apt of their own.
#
# Packages of other suites and architectures are downloaded and unpacked, never installed. The private apt keeps its
# state below the cache and takes the mirror from the machine's own apt configuration; signatures are checked against
# the Debian keyring as usual.

lab_cache=${RINGSIDE_LAB_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/ringside/lab}
readonly kUnavailable=69  # EX_UNAVAILABLE: a requirement is missing; tests skip on it

say() { echo "lab: $*" >&2; }
unavailable() { echo "lab: not available: $*" >&2; exit "$kUnavailable"; }
need() { command -v "$1" >/dev/null || unavailable "the program '$1' (run scripts/install-deps)"; }

# One script at a time works in the cache; the lock goes with the process.
lock_cache() {
  mkdir -p "$lab_cache"
  exec {lab_lock}>"$lab_cache/lock"
  flock "$lab_lock"
}

# A folder for unfinished work on the cache's own file system, removed on exit, so that results appear by rename.
make_work_folder() {
  work=$(mktemp -d "$lab_cache/work.XXXXXX")
  trap 'rm -rf "$work"' EXIT
}

# The base URL of the Debian archive ("main") or of its security archive ("security"), as this machine's apt has it.
mirror() {
  local label=Debian url
  [[ $1 == security ]] && label=Debian-Security
  # shellcheck disable=SC2016  # apt expands these
  url=$(apt-get indextargets --format '$(ORIGIN)|$(LABEL)|$(REPO_URI)' 2>/dev/null |
    awk -F'|' -v label="$label" '$1 == "Debian" && $2 == label && !found++ { print $3 }')
  # Before the first `apt-get update` the labels are not known yet; the folder's name is.
  if [[ -z $url ]]; then
    local folder='/debian/?$'
    [[ $1 == security ]] && folder='/debian-security/?$'
    # shellcheck disable=SC2016
    url=$(apt-get indextargets --format '$(REPO_URI)' 2>/dev/null | awk -v f="$folder" '$0 ~ f && !found++')
  fi
  [[ -n $url ]] || unavailable "a Debian mirror: apt on this machine is not configured with one"
  echo "$url"
}

# private_apt_setup SUITE ARCH: points private_apt at one suite and one architecture.
private_apt_setup() {
  local suite=$1 arch=$2 url
  need apt-get
  local keyring=/usr/share/keyrings/debian-archive-keyring.gpg
  [[ -r $keyring ]] || unavailable "$keyring (package debian-archive-keyring)"
  if [[ $suite == *-security ]]; then url=$(mirror security); else url=$(mirror main); fi
  apt_folder=$lab_cache/apt/$suite-$arch
  mkdir -p "$apt_folder"/{state/lists/partial,cache/archives/partial}
  : >"$apt_folder/state/status"
  echo "deb [arch=$arch signed-by=$keyring] $url $suite main" >"$apt_folder/sources.list"
  apt_options=(-q=2 -o "APT::Architecture=$arch" -o "APT::Architectures=$arch"
    -o "Dir::State=$apt_folder/state" -o "Dir::State::status=$apt_folder/state/status"
    -o "Dir::Cache=$apt_folder/cache" -o "Dir::Etc::SourceList=$apt_folder/sources.list"
    -o Dir::Etc::SourceParts=/dev/null -o Dir::Etc::Preferences=/dev/null -o Dir::Etc::PreferencesParts=/dev/null
    -o APT::Sandbox::User=root -o Acquire::Check-Valid-Until=false -o Acquire::Languages=none
    -o Acquire::Retries=3)
}

private_apt() { apt-get "${apt_options[@]}" "$@"; }
private_apt_cache() { apt-cache "${apt_options[@]}" "$@"; }

# Refreshes the private lists, at most once an hour.
private_apt_update() {
  local stamp=$apt_folder/updated
  [[ -n $(find "$stamp" -mmin -60 2>/dev/null) ]] && return 0
  say "reading the package lists of $(basename "$apt_folder")"
  private_apt update >&2 || return 1
  touch "$stamp"
}

# private_unpack PACKAGE INTO: downloads one package and unpacks it.
private_unpack() {
  local package=$1 into=$2 folder
  folder=$(mktemp -d "$work/deb.XXXXXX")
  say "downloading $package"
  (cd "$folder" && private_apt download "$package" >&2) || return 1
  mkdir -p "$into"
  dpkg -x "$folder"/*.deb "$into"
  rm -rf "$folder"
}
