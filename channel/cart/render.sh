#!/bin/bash
# Makes the carts from the program in render/. Run it by hand after a change of a piece, and commit what it made.
#
#   apt-get install opus-tools
set -euo pipefail
cd "$(dirname "$0")"

for name in intro jingle apology tone; do
  go run ./render "$name" |
    opusenc --quiet --raw --raw-bits 16 --raw-rate 48000 --raw-chan 1 --bitrate 32 --framesize 20 --music --comp 10 \
      --serial 1 --padding 0 --title "Epidaurus: $name" - "$name.opus"
done
