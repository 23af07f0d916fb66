#!/bin/bash
# Makes voices/host.opus and voices/guest.opus from script.txt: two mono Opus files of equal length, each silent while the other
# speaks, which loop together. Run it by hand after a change of the script, and commit what it made.
#
#   apt-get install flite festival festvox-us-slt-hts sox ffmpeg opus-tools
#
# The host is flite's rms; the guest is Festival's slt (HTS, 32 kHz). See NOTICE for their licences.
set -euo pipefail
cd "$(dirname "$0")"

readonly RATE=48000 FRAME=960
readonly PRESKIP=312        # opusenc's look-ahead: sound and pre-skip together fill whole frames
readonly TAIL=0.9           # quiet seconds before the loop begins again
readonly HOST_LUFS=-19 GUEST_LUFS=-23   # apart on purpose, so that the room's levelling is heard at work
readonly BITRATE=28

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# speak VOICE FILE TEXT: one turn as 48 kHz mono, without the silence around it.
speak() {
  local voice=$1 file=$2 text=$3
  case $voice:$text in
    host:Mm-hm.) flite -voice rms -p 'pau m m m hh m m m pau' "$work/raw.wav" ;;
    guest:Mm-hm.) text2wave -eval '(voice_cmu_us_slt_arctic_hts)' -o "$work/raw.wav" <<<"mhm hmm." ;;
    host:*) flite -voice rms --setf duration_stretch=0.96 -t "$text" "$work/raw.wav" ;;
    # The lexicon does not know the place; this spelling is said as it should be.
    guest:*) text2wave -eval '(voice_cmu_us_slt_arctic_hts)' -o "$work/raw.wav" <<<"${text//Epidaurus/Epidorus}" ;;
    *) echo "render.sh: unknown voice \"$voice\" in script.txt" >&2; return 1 ;;
  esac
  sox -D "$work/raw.wav" -b 16 "$file" gain -3 rate -v $RATE \
    silence 1 0.01 0.2% fade q 0.005 reverse silence 1 0.01 0.2% fade q 0.02 reverse
}

# duration FILE: its length in samples.
duration() { soxi -s "$1"; }

# gap SAMPLES FILE: silence.
gap() { sox -D -n -r $RATE -c 1 -b 16 "$2" trim 0 "$1s"; }

# place START VOICE FILE: puts a turn behind what the voice said so far.
declare -A end=([host]=0 [guest]=0) parts=([host]="" [guest]="")
place() {
  local start=$1 voice=$2 file=$3
  local wait=$((start - end[$voice]))
  if ((wait < 0)); then
    echo "render.sh: $voice would speak over himself: $(basename "$file")" >&2
    return 1
  fi
  if ((wait > 0)); then
    gap $wait "$file.gap.wav"
    parts[$voice]+=" $file.gap.wav"
  fi
  parts[$voice]+=" $file"
  end[$voice]=$((start + $(duration "$file")))
}

# samples SECONDS: the whole number of samples in a signed decimal number of seconds.
samples() { awk -v s="$1" -v r=$RATE 'BEGIN { printf "%d", s * r }'; }

# arrange: reads script.txt and places every turn; sets `length` to the end of the last one.
arrange() {
  local n=0 turn_start=0 turn_end=0 when voice text start file
  while read -r when voice text; do
    [[ -z $when || $when == \#* ]] && continue
    file=$work/$((n += 1)).wav
    speak "$voice" "$file" "$text"
    if [[ $when == @* ]]; then
      place $((turn_start + $(samples "${when#@}"))) "$voice" "$file"
      continue
    fi
    start=$((turn_end + $(samples "$when")))
    place $start "$voice" "$file"
    turn_start=$start turn_end=${end[$voice]}
  done <script.txt
  length=$turn_end
}

# loudness FILE: gated loudness (EBU R 128), so that the silences do not count.
loudness() {
  ffmpeg -nostats -hide_banner -i "$1" -af ebur128 -f null - 2>&1 | awk '$1 == "I:" { i = $2 } END { print i }'
}

# finish VOICE LUFS EFFECTS…: joins the turns, gives them a room, sets the loudness, encodes.
finish() {
  local voice=$1 lufs=$2; shift 2
  gap $((length - end[$voice])) "$work/rest.wav"
  # shellcheck disable=SC2086 # a list of files without blanks
  sox -D ${parts[$voice]} "$work/rest.wav" -b 24 "$work/$voice.room.wav" gain -6 "$@" \
    compand 0.005,0.15 6:-60,-60,-35,-26,-18,-14,0,-6 0 -60 0.01 reverb 14 60 18 100 4 -3 channels 1
  local delta
  delta=$(awk -v want="$lufs" -v is="$(loudness "$work/$voice.room.wav")" 'BEGIN { print want - is }')
  sox -D "$work/$voice.room.wav" -b 16 "$work/$voice.wav" gain -l "$delta"
  opusenc --quiet --bitrate $BITRATE --framesize 20 --speech --comp 10 --serial 1 --padding 0 \
    --title "Epidaurus demo: the $voice" "$work/$voice.wav" "voices/$voice.opus"
  echo "$voice: $(loudness "voices/$voice.opus") LUFS, $(stat -c %s "voices/$voice.opus") bytes"
}

arrange
length=$((length + $(samples $TAIL)))
length=$(((length + PRESKIP + FRAME - 1) / FRAME * FRAME - PRESKIP))
finish host $HOST_LUFS highpass 70 equalizer 180 0.9q 2 equalizer 3200 1q 2 treble 4 6000
finish guest $GUEST_LUFS highpass 110 equalizer 250 0.9q 1.5 equalizer 2600 1q -1.5 lowpass 15000
echo "$(((length + PRESKIP) / FRAME)) frames"
