#!/bin/sh
# Renders the speech of the tests: two synthetic voices as Ogg Opus with in-band redundancy, as browsers send it, and short pieces in
# the other packet durations. Needs espeak-ng and ffmpeg (with libopus).
set -eu
cd "$(dirname "$0")"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

espeak-ng -v en-us -s 150 -w "$work/ada.wav" "Good evening, and welcome to the harbour. Tonight we talk about ships, \
about the people who build them, and about the people who wait for them. Seventeen thousand of you are here already. \
Some of you listen on a train, some in a kitchen. Let us begin with the question that everybody asks first: why does a ship float?"
espeak-ng -v en-gb+f3 -s 165 -w "$work/grace.wav" "Because it is lighter than the water whose place it takes. \
But that is the easy half of the answer. The hard half is why it stays upright, when the wind pushes, when the cargo shifts, \
and when six hundred passengers all walk to the same side to see a whale. For that, somebody must do the sums."

opus() { # in out duration_ms bitrate seconds
	ffmpeg -v error -y -i "$1" -ar 48000 -ac 1 -t "$5" -af loudnorm=I=-23:TP=-3:LRA=11,aresample=48000 -c:a libopus -application voip \
		-b:a "$4" -vbr constrained -frame_duration "$3" -fec 1 -packet_loss 10 -bitexact "$2"
}
opus "$work/ada.wav" ada.ogg 20 32k 60
opus "$work/grace.wav" grace.ogg 20 32k 60
for ms in 2.5 10 40 60 120; do
	opus "$work/ada.wav" "ada-$ms.ogg" "$ms" 24k 3
done
