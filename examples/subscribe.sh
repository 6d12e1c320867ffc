#!/bin/sh
# One line per reading, with the whole distribution. Arguments are those of mosquitto_sub:
#   sh examples/subscribe.sh -h broker.lan -p 8883 --cafile server.crt -u reader -P "$(cat reader.password)"
# Better, since others can read command lines: put them into ~/.config/mosquitto_sub, see docs/mqtt.md.
mosquitto_sub -q 1 -t 'emotion/+/+/utterance' -F '{"topic": "%t", "event": %p}' "$@" | jq --unbuffered -r '
  (.topic | split("/")[1]) as $node | .event
  | if .status == "ok"
    then "\($node) \(.start_s)-\(.end_s)s  \(.distribution | to_entries | sort_by(-.value) | map("\(.key) \(.value * 100 | round)%") | join(", "))"
    else "\($node) \(.start_s)-\(.end_s)s  no reading: \(.reason)"
    end'
