#!/usr/bin/env bash
# A real Apache RocketMQ (name server + one broker) for tests and development: loopback only, own data folder.
#
#   start-rocketmq.sh BASE_DIR [NAMESRV_PORT] [BROKER_PORT]      (9876 10911; BROKER_PORT-2 is taken too)
#
# Runs in the foreground.  Prints "READY namesrv=127.0.0.1:PORT broker=127.0.0.1:PORT" once the broker is
# registered and accepts connections, and stops both on TERM or INT.  BASE_DIR keeps the data over restarts; remove it for a clean broker.
# Pids: BASE_DIR/namesrv.pid and BASE_DIR/broker.pid, for fault tests.  When one of the two dies this script stops the
# other and exits 1; with ROCKETMQ_RESTART=1 it starts the dead one again and prints READY once more.
#
# Environment: ROCKETMQ_ROLE   namesrv or broker: only that one, and READY ends with its pid; default both
#              ROCKETMQ_BROKER_NAME  default broker-a; several brokers of one name server need a name each
#              ROCKETMQ_CACHE  where the jars are kept (default: $TRUNKLINE_CACHE/rocketmq, else
#                              ~/.cache/trunkline/rocketmq, as for the tests); filled once, by Maven
#              ROCKETMQ_HEAP   the broker's heap, default 128m (64m is too little to start)
#              ROCKETMQ_BROKER_EXTRA  more lines for broker.conf; they win (autoCreateTopicEnable=false, ...)
#              ROCKETMQ_GRACE  seconds from TERM to KILL for the broker, default 3: a full shutdown takes it 10 to 20 s
#                              and saves nothing that a KILL loses (written data is in the page cache)
#              ROCKETMQ_BIND   the broker's own address, default 127.0.0.1, which it always announces; with another (127.0.0.2)
#                              a proxy can stand at the address that it announces
#              ROCKETMQ_FETCH_ONLY=1   fill the cache, print the folder of the jars, and leave
#              ROCKETMQ_FETCH_NEVER=1  exit 3 where the cache is not filled
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
[ $# -ge 1 ] || { sed -n '2,23p' "$0" >&2; exit 2; }
mkdir -p "$1"
base=$(cd "$1" && pwd)
ns_port=${2:-9876}
br_port=${3:-10911}
heap=${ROCKETMQ_HEAP:-128m}
role=${ROCKETMQ_ROLE:-both}
bind=${ROCKETMQ_BIND:-127.0.0.1}
name=${ROCKETMQ_BROKER_NAME:-broker-a}

# ---- jars: one folder for each version of pom.xml, filled under a lock, put in place by a rename
cache=${ROCKETMQ_CACHE:-${TRUNKLINE_CACHE:-${XDG_CACHE_HOME:-${HOME:-$base}/.cache}/trunkline}/rocketmq}
mkdir -p "$cache"
cache=$(cd "$cache" && pwd)
lib=$cache/$(cat "$here/pom.xml" "$here/NoReplicaHa.java" | cksum | cut -d' ' -f1)
(
  flock 9
  if [ ! -d "$lib" ]; then
    if [ "${ROCKETMQ_FETCH_NEVER:-}" = 1 ]; then
      echo "RocketMQ's jars are not in $lib: run \`cargo xtask test\`, or once" >&2
      echo "  ROCKETMQ_FETCH_ONLY=1 ROCKETMQ_CACHE=$cache $0 \$(mktemp -d)      (needs: apt-get install maven default-jdk-headless)" >&2
      exit 3
    fi
    tmp=$lib.part
    rm -rf "$tmp"
    mvn -q -B -f "$here/pom.xml" dependency:copy-dependencies -DincludeScope=runtime -DoutputDirectory="$tmp" >&2
    mkdir -p "$tmp/classes/META-INF/service"
    if command -v javac >/dev/null; then
      javac -nowarn -d "$tmp/classes" -cp "$tmp/*" "$here/NoReplicaHa.java"
      echo NoReplicaHa > "$tmp/classes/META-INF/service/org.apache.rocketmq.store.ha.HAService"
    else
      echo "no javac: the broker's replication port $((br_port + 1)) will listen on every interface" >&2
    fi
    mv "$tmp" "$lib"
  fi
) 9> "$cache/lock"
if [ "${ROCKETMQ_FETCH_ONLY:-}" = 1 ]; then echo "$lib"; exit 0; fi

# ---- settings
mkdir -p "$base/conf" "$base/logs" "$base/store" "$base/tmp"
[ "$role" = broker ] || cat > "$base/conf/namesrv.conf" <<EOF
bindAddress=127.0.0.1
listenPort=$ns_port
kvConfigPath=$base/store/kvConfig.json
configStorePath=$base/store/namesrv.properties
EOF
[ "$role" = namesrv ] || cat > "$base/conf/broker.conf" <<EOF
brokerClusterName=DefaultCluster
brokerName=$name
brokerId=0
brokerRole=ASYNC_MASTER
flushDiskType=ASYNC_FLUSH
namesrvAddr=127.0.0.1:$ns_port
brokerIP1=127.0.0.1
brokerIP2=127.0.0.1
bindAddress=$bind
listenPort=$br_port
haListenPort=$((br_port + 1))
storePathRootDir=$base/store
storePathCommitLog=$base/store/commitlog
mappedFileSizeCommitLog=67108864
mappedFileSizeConsumeQueue=600000
messageIndexEnable=false
autoCreateTopicEnable=true
autoCreateSubscriptionGroup=true
waitTimeMillsInSendQueue=3000
reviveQueueNum=1
# Without these two a fresh broker burns 0.3 to 0.6 of a core while idle: its timer wheel is flushed, and one thread spins until the interval has passed once.
timerWheelEnable=false
transactionMetricFlushInterval=1000
registerNameServerPeriod=10000
${ROCKETMQ_BROKER_EXTRA:-}
EOF
# Found first on the class path; without it the broker's own 39 kB file writes 30 log files.
cat > "$base/conf/rmq.logback.xml" <<'EOF'
<configuration>
  <statusListener class="org.apache.rocketmq.logging.ch.qos.logback.core.status.NopStatusListener"/>
  <appender name="FILE" class="org.apache.rocketmq.logging.ch.qos.logback.core.rolling.RollingFileAppender">
    <file>${ROCKETMQ_HOME}/logs/${rmq.role}.log</file>
    <rollingPolicy class="org.apache.rocketmq.logging.ch.qos.logback.core.rolling.FixedWindowRollingPolicy">
      <fileNamePattern>${ROCKETMQ_HOME}/logs/${rmq.role}.%i.log</fileNamePattern>
      <minIndex>1</minIndex>
      <maxIndex>1</maxIndex>
    </rollingPolicy>
    <triggeringPolicy class="org.apache.rocketmq.logging.ch.qos.logback.core.rolling.SizeBasedTriggeringPolicy">
      <maxFileSize>16MB</maxFileSize>
    </triggeringPolicy>
    <encoder><pattern>%d{HH:mm:ss.SSS} %p %c %t - %m%n</pattern></encoder>
  </appender>
  <appender name="STDOUT" class="org.apache.rocketmq.logging.ch.qos.logback.core.ConsoleAppender">
    <encoder><pattern>%m%n</pattern></encoder>
  </appender>
  <logger name="RocketmqConsole" level="INFO" additivity="false"><appender-ref ref="STDOUT"/></logger>
  <!-- the name server tries to reach itself at the host's own address, in vain when bound to loopback: noise -->
  <logger name="RocketmqRemoting" level="ERROR"/>
  <logger name="RocketmqTransaction" level="ERROR"/>
  <root level="WARN"><appender-ref ref="FILE"/></root>
</configuration>
EOF

# ---- start
export ROCKETMQ_HOME=$base
java_common=(-XX:+UseSerialGC -XX:TieredStopAtLevel=1 -XX:-UsePerfData -Dtls.server.mode=disabled -Duser.home="$base" -Djava.io.tmpdir="$base/tmp")
# Where the system can do it, a script that is killed with KILL takes its servers along instead of leaving them on their ports.
launch=()
if setpriv --pdeathsig KILL true 2>/dev/null; then launch=(setpriv --pdeathsig KILL); fi
ns_pid= br_pid=
stop_one() { # pid seconds
  [ -n "$1" ] && kill -TERM "$1" 2>/dev/null || return 0
  for _ in $(seq $(($2 * 10))); do kill -0 "$1" 2>/dev/null || return 0; sleep 0.1; done
  kill -KILL "$1" 2>/dev/null || true
  wait "$1" 2>/dev/null || true # until it is gone its port is taken
}
stopping=0
stop() {
  stopping=1
  stop_one "$br_pid" "${ROCKETMQ_GRACE:-3}"
  stop_one "$ns_pid" 1
  [ -z "$br_pid" ] || rm -f "$base/broker.pid"
  [ -z "$ns_pid" ] || rm -f "$base/namesrv.pid"
}
trap 'stop; exit 0' TERM INT
trap '[ $stopping = 1 ] || stop' EXIT

port_open() { (exec 3<>"/dev/tcp/$1/$2") 2>/dev/null; }
refuse_taken() { if port_open "$1" "$2"; then echo "port $2 is taken" >&2; exit 1; fi; }
[ "$role" = broker ] || refuse_taken 127.0.0.1 "$ns_port"
[ "$role" = namesrv ] || { refuse_taken "$bind" "$br_port"; refuse_taken "$bind" "$((br_port - 2))"; }
# One frame: the route (code 105) of the topic that every broker has under its own name; the answer names the broker
# once it has registered.
registered() {
  local head='{"code":105,"language":"OTHER","version":475,"opaque":1,"flag":0,"extFields":{"topic":"'$name'"}}' n rc=0
  n=${#head}
  { exec 3<>"/dev/tcp/127.0.0.1/$ns_port"; } 2>/dev/null || return 1
  printf "\\x00\\x00\\x00\\x$(printf %02x $((n + 4)))\\x00\\x00\\x00\\x$(printf %02x "$n")%s" "$head" >&3
  timeout 1 head -c 200 <&3 2>/dev/null | grep -aq "127.0.0.1:$br_port" || rc=1
  exec 3>&-
  return $rc
}
start_namesrv() {
  "${launch[@]}" java -Xms32m -Xmx64m "${java_common[@]}" -Drmq.role=namesrv \
    -cp "$base/conf:$lib/*" org.apache.rocketmq.namesrv.NamesrvStartup -c "$base/conf/namesrv.conf" > "$base/logs/namesrv.out" 2>&1 9>&- &
  ns_pid=$!
  echo "$ns_pid" > "$base/namesrv.pid"
}
start_broker() {
  "${launch[@]}" java -Xms64m -Xmx"$heap" -XX:MaxDirectMemorySize=128m "${java_common[@]}" -Drmq.role=broker \
    -cp "$base/conf:$lib/classes:$lib/*" org.apache.rocketmq.broker.BrokerStartup -c "$base/conf/broker.conf" > "$base/logs/broker.out" 2>&1 9>&- &
  br_pid=$!
  echo "$br_pid" > "$base/broker.pid"
}
alive() { [ -z "$1" ] || kill -0 "$1" 2>/dev/null; }
ready() {
  case $role in
    namesrv) port_open 127.0.0.1 "$ns_port" ;;
    *) port_open "$bind" "$br_port" && registered ;;
  esac
}
wait_ready() {
  for _ in $(seq 600); do
    alive "$ns_pid" || { echo "the name server died:" >&2; tail -5 "$base/logs/namesrv.out" >&2; exit 1; }
    alive "$br_pid" || { echo "the broker died:" >&2; tail -5 "$base/logs/broker.out" >&2; exit 1; }
    if ready; then
      case $role in
        namesrv) echo "READY namesrv=127.0.0.1:$ns_port pid=$ns_pid" ;;
        broker) echo "READY broker=$bind:$br_port pid=$br_pid" ;;
        both) echo "READY namesrv=127.0.0.1:$ns_port broker=$bind:$br_port" ;;
      esac
      return
    fi
    sleep 0.1
  done
  echo "not ready after a minute" >&2
  exit 1
}
[ "$role" = broker ] || start_namesrv
[ "$role" = namesrv ] || start_broker
wait_ready
while :; do
  wait -n $ns_pid $br_pid || true
  [ "${ROCKETMQ_RESTART:-}" = 1 ] || { echo "a server ended by itself" >&2; exit 1; }
  alive "$ns_pid" || start_namesrv
  alive "$br_pid" || start_broker
  wait_ready
done
