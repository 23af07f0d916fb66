#!/bin/bash
# Makes hold.opus from the program in render/. Run it by hand after a change of the piece, and commit what it made.
#
#   apt-get install sox ffmpeg opus-tools
set -euo pipefail
cd "$(dirname "$0")"

readonly PCM=(-t raw -r 48000 -c 1 -e floating-point -b 32)
readonly LENGTH=2303688 # samples, as render makes them

# The gain brings the piece, which render leaves at full scale, to -26 LUFS.
go run ./render |
  sox -D "${PCM[@]}" - -t raw -b 16 -e signed-integer - \
    gain -9.7 highpass 60 reverb 45 60 80 100 12 -2 channels 1 gain -1.5 fade h 0.02 "${LENGTH}s" 1.5 |
  opusenc --quiet --raw --raw-rate 48000 --raw-chan 1 --raw-bits 16 --bitrate 32 --framesize 20 --music --comp 10 \
    --serial 1 --padding 0 --title "Epidaurus: before the first word" - hold.opus

ffmpeg -nostats -hide_banner -i hold.opus -af ebur128 -f null - 2>&1 | awk '$1 == "I:" { i = $2 } END { print i " LUFS" }'
