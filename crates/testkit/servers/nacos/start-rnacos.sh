#!/usr/bin/env bash
# Starts one rnacos (a Nacos server in Rust) for development and CI, and stays in the foreground until it is told to stop.
#
#   start-rnacos.sh BASE_DIR [PORT]          PORT = HTTP port, default 8848; gRPC listens on PORT+1000
#
# It prints one line "READY ..." when both ports answer. TERM or INT stop the server and end the script with status 0;
# if the server dies by itself, the script ends with status 1. Everything listens on 127.0.0.1 only. Data and log lie under BASE_DIR.
#
# Environment, all optional
#   TRUNKLINE_SERVER_CACHE   where the binary is kept (default: $TRUNKLINE_CACHE, else ~/.cache/trunkline, as for the tests). Absent there, it is built once: 5 minutes without optimisation, which
#                            is enough for tests (0.3 s to start); RNACOS_RELEASE=1 takes 8 minutes and 2 GB of memory.
#   RNACOS_FETCH_ONLY=1      build into the cache where absent, print the path of the binary, and leave
#   RNACOS_FETCH_NEVER=1     end with status 3 where absent
#   RNACOS_VERSION           default 0.8.8
#   NACOS_USER, NACOS_PASSWORD   set both to switch authentication on
#   RNACOS_PERSIST_METADATA  true = rnacos' own default, which serves the FIRST metadata ever seen for an ip:port; ours is false
#   RNACOS_HANG_SECONDS      after how long a silent client is dropped (default 15, as rnacos)
#   RNACOS_CONSOLE_PORT      default 0 = no web console
set -euo pipefail

base=${1:?usage: start-rnacos.sh BASE_DIR [PORT]}
port=${2:-8848}
version=${RNACOS_VERSION:-0.8.8}
mkdir -p "$base/data"
base=$(cd "$base" && pwd)
cache=${TRUNKLINE_SERVER_CACHE:-${TRUNKLINE_CACHE:-${XDG_CACHE_HOME:-${HOME:-$base}/.cache}/trunkline}}
root=$cache/rnacos-$version
binary=$root/bin/rnacos

if [ ! -x "$binary" ]; then
    if [ "${RNACOS_FETCH_NEVER:-}" = 1 ]; then
        echo "rnacos $version is not in $root: run \`cargo xtask test\`, or once" >&2
        echo "  RNACOS_FETCH_ONLY=1 TRUNKLINE_SERVER_CACHE=$cache $0 \$(mktemp -d)" >&2
        exit 3
    fi
    echo "building rnacos $version into $root" >&2
    mkdir -p "$root"
    # One builder at a time when several test runs share a cache; --root keeps it out of the user's own ~/.cargo/bin.
    exec 9>"$root/.lock"
    if command -v flock >/dev/null; then flock 9; fi
    how=(--debug)
    if [ -n "${RNACOS_RELEASE:-}" ]; then how=(); fi
    [ -x "$binary" ] || CARGO_PROFILE_DEV_DEBUG=0 cargo install rnacos --version "$version" --locked "${how[@]}" --root "$root" >&2
    exec 9>&-
fi
if [ "${RNACOS_FETCH_ONLY:-}" = 1 ]; then
    echo "$binary"
    exit 0
fi

# rnacos reads .env from its folder AND from every parent folder unless it is given a file.
: >"$base/rnacos.env"
export RNACOS_HTTP_PORT=$port RNACOS_GRPC_PORT=$((port + 1000)) RNACOS_HTTP_CONSOLE_PORT=${RNACOS_CONSOLE_PORT:-0}
export RNACOS_SDK_HOST=127.0.0.1 RNACOS_CONSOLE_HOST=127.0.0.1 RNACOS_HTTP_WORKERS=1
export RNACOS_DATA_DIR=$base/data
export RNACOS_NAMING_INSTANCE_METADATA_PERSISTENCE_ENABLE=${RNACOS_PERSIST_METADATA:-false}
export RNACOS_GRPC_DETECTION_TIMEOUT_SECOND=${RNACOS_HANG_SECONDS:-15}
export RUST_LOG=${RUST_LOG:-warn}
if [ -n "${NACOS_USER:-}" ] && [ -n "${NACOS_PASSWORD:-}" ]; then
    # The first start in an empty BASE_DIR makes this user the administrator; later starts keep what is in the data folder.
    export RNACOS_ENABLE_OPEN_API_AUTH=true RNACOS_INIT_ADMIN_USERNAME=$NACOS_USER RNACOS_INIT_ADMIN_PASSWORD=$NACOS_PASSWORD
fi

answers() { (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null; }
if answers "$port" || answers $((port + 1000)); then
    echo "port $port or $((port + 1000)) is taken" >&2
    exit 1
fi

# Where the system can do it, a script that is killed with KILL takes its server along instead of leaving it on the port.
launch=()
if setpriv --pdeathsig KILL true 2>/dev/null; then launch=(setpriv --pdeathsig KILL); fi

cd "$base"
"${launch[@]}" "$binary" -e "$base/rnacos.env" >"$base/rnacos.log" 2>&1 &
server=$!

stop() {
    trap - TERM INT
    kill -TERM "$server" 2>/dev/null || true
    for _ in $(seq 50); do
        kill -0 "$server" 2>/dev/null || break
        sleep 0.1
    done
    kill -KILL "$server" 2>/dev/null || true
    wait "$server" 2>/dev/null || true
    exit 0
}
trap stop TERM INT

healthy() {
    local line=
    exec 3<>"/dev/tcp/127.0.0.1/$port" || return 1
    printf 'GET /nacos/v1/console/health/readiness HTTP/1.0\r\nHost: 127.0.0.1\r\n\r\n' >&3
    IFS= read -r -t 2 line <&3 || true
    exec 3>&- 3<&-
    # With authentication on, rnacos answers 403 here: alive all the same.
    [[ $line == *" 200 "* || $line == *" 401 "* || $line == *" 403 "* ]]
}
for _ in $(seq 300); do
    if ! kill -0 "$server" 2>/dev/null; then
        echo "rnacos ended while starting; the end of $base/rnacos.log:" >&2
        tail -n 20 "$base/rnacos.log" >&2
        exit 1
    fi
    if (healthy) 2>/dev/null && answers $((port + 1000)); then
        echo "READY rnacos $version http=127.0.0.1:$port grpc=127.0.0.1:$((port + 1000)) pid=$server data=$base/data"
        wait "$server" || true
        echo "rnacos ended by itself; the end of $base/rnacos.log:" >&2
        tail -n 20 "$base/rnacos.log" >&2
        exit 1
    fi
    sleep 0.1
done
echo "rnacos is not ready after 30 s; the end of $base/rnacos.log:" >&2
tail -n 20 "$base/rnacos.log" >&2
kill -KILL "$server" 2>/dev/null || true
exit 1
