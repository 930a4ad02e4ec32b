#!/usr/bin/env bash
# Starts one RabbitMQ of the system's package for development and CI, and stays in the foreground until it is told to stop.
#
#   start-rabbitmq.sh BASE_DIR [PORT [DISTRIBUTION_PORT [EPMD_PORT]]]        defaults 5672, PORT+20000 and 4369
#
# It prints one line "READY ... pid=PID" when it answers. TERM or INT stop the server and end the script with status 0;
# if the server dies by itself, the script ends with status 1. Everything listens on 127.0.0.1 only: the broker, its
# distribution port and an epmd of its own. Data, log and the Erlang cookie lie under BASE_DIR, which a second start finds again.
# Works as any user, root too: Debian's wrapper, which wants to be root and become `rabbitmq`, is passed by.
#
# Environment, all optional
#   RABBITMQ_LINES   more lines for rabbitmq.conf; they win
#   RABBITMQ_LIB     where the package lies, default /usr/lib/rabbitmq
set -euo pipefail

base=${1:?usage: start-rabbitmq.sh BASE_DIR [PORT [DISTRIBUTION_PORT [EPMD_PORT]]]}
port=${2:-5672}
distribution=${3:-$((port + 20000))}
epmd_port=${4:-4369}
lib=${RABBITMQ_LIB:-/usr/lib/rabbitmq}
if [ ! -x "$lib/bin/rabbitmq-server" ] || ! command -v epmd >/dev/null; then
    echo "RabbitMQ is not installed: apt-get install --no-install-recommends rabbitmq-server" >&2
    exit 3
fi
mkdir -p "$base/home" "$base/log"
base=$(cd "$base" && pwd)

cat >"$base/environment" <<END
export HOME='$base/home' LANG=C.UTF-8
export RABBITMQ_NODENAME=trunkline-$port@localhost
export RABBITMQ_NODE_IP_ADDRESS=127.0.0.1 RABBITMQ_NODE_PORT=$port RABBITMQ_DIST_PORT=$distribution
export RABBITMQ_MNESIA_BASE='$base/data' RABBITMQ_LOG_BASE='$base/log' RABBITMQ_CONFIG_FILE='$base/rabbitmq'
export RABBITMQ_CONF_ENV_FILE='$base/no-such-file' RABBITMQ_ENABLED_PLUGINS_FILE='$base/enabled_plugins' RABBITMQ_PID_FILE='$base/pid'
export ERL_EPMD_ADDRESS=127.0.0.1 ERL_EPMD_PORT=$epmd_port
export RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS='-kernel inet_dist_use_interface {127,0,0,1}'
END
# shellcheck source=/dev/null
. "$base/environment"
echo '[].' >"$base/enabled_plugins"
cat >"$base/rabbitmq.conf" <<END
listeners.tcp.default = 127.0.0.1:$port
vm_memory_high_watermark.absolute = 512MB
disk_free_limit.absolute = 50MB
log.file.level = warning
${RABBITMQ_LINES:-}
END

answers() { (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null; }
for taken in "$port" "$distribution" "$epmd_port"; do
    if answers "$taken"; then
        echo "port $taken is taken" >&2
        exit 1
    fi
done

# Where the system can do it, a script that is killed with KILL takes its servers along instead of leaving them on their ports.
launch=()
if setpriv --pdeathsig KILL true 2>/dev/null; then launch=(setpriv --pdeathsig KILL); fi

cd "$base"
"${launch[@]}" epmd -address 127.0.0.1 -port "$epmd_port" >"$base/log/epmd.out" 2>&1 &
epmd=$!
for _ in $(seq 100); do
    if answers "$epmd_port"; then break; fi
    sleep 0.05
done
# As a service manager's child the start script becomes the server, so the pid is the server's own.
RUNNING_UNDER_SYSTEMD=true "${launch[@]}" "$lib/bin/rabbitmq-server" >"$base/log/server.out" 2>&1 &
server=$!

end_epmd() {
    kill -KILL "$epmd" 2>/dev/null || true
    wait "$epmd" 2>/dev/null || true
}
stop() {
    trap - TERM INT
    kill -TERM "$server" 2>/dev/null || true
    for _ in $(seq 100); do
        kill -0 "$server" 2>/dev/null || break
        sleep 0.1
    done
    kill -KILL "$server" 2>/dev/null || true
    wait "$server" 2>/dev/null || true
    end_epmd
    exit 0
}
trap stop TERM INT

# It says hello to whoever says which protocol is spoken: a frame of a method, which begins with 1.
greets() {
    local first=
    exec 3<>"/dev/tcp/127.0.0.1/$port" || return 1
    printf 'AMQP\x00\x00\x09\x01' >&3
    first=$(timeout 2 head -c 1 <&3 | od -An -tu1 | tr -d ' ')
    exec 3>&- 3<&-
    [ "$first" = 1 ]
}
fail() {
    echo "RabbitMQ $1; the end of its output and of its log:" >&2
    tail -n 10 "$base/log/server.out" >&2 || true
    tail -n 10 "$base/log/trunkline-$port@localhost.log" >&2 || true
    kill -KILL "$server" 2>/dev/null || true
    end_epmd
    exit 1
}
for _ in $(seq 1700); do
    kill -0 "$server" 2>/dev/null || fail "ended while starting"
    if (greets) 2>/dev/null; then
        echo "READY rabbitmq=127.0.0.1:$port pid=$server"
        wait "$server" || true
        fail "ended by itself"
    fi
    sleep 0.1
done
fail "is not ready after 170 s"
