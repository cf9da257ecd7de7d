#!/usr/bin/env bash
# Runs the twin inside a container until it is asked to stop. The twin listens on loopback only, which no published port
# reaches: the two forwarders below listen on the container's own address, and the engine publishes those to 127.0.0.1.
set -euo pipefail
cd "$(dirname "$0")/.."

trap 'bin/twin down; exit 0' TERM INT

bin/twin up & wait $!

own=$(hostname -i | cut -d' ' -f1)
app=$(<.twin/app-url) app=${app#https://}
port=443
case "$app" in *:*) port=${app##*:} ;; esac
socat "TCP-LISTEN:4566,bind=$own,fork,reuseaddr" TCP:127.0.0.1:4566 &
socat "TCP-LISTEN:8443,bind=$own,fork,reuseaddr" "TCP:${app%%:*}:$port" &

# The lock names the keeper; when it ends, so does the container.
while kill -0 "$(<.twin/run/lock)" 2>/dev/null; do sleep 2 & wait $!; done
echo "the twin ended by itself; see .twin/logs" >&2
exit 1
