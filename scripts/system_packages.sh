#!/bin/sh
# Installs the Debian packages named as arguments where that may be done without asking; says what is missing elsewhere.
# Never fails: without PortAudio the monitor plays files, and tests that need a missing program skip and say so.
# A failed try is not repeated until .venv is made anew. Speaks on standard error: standard output is for events.
PATH=$PATH:/usr/sbin:/sbin
tried=.venv/.apt-tried
missing=""
for package in "$@"; do
    case "$package" in
        libportaudio2) [ "$(uname)" = Darwin ] || ldconfig -p 2>/dev/null | grep -q libportaudio || missing="$missing $package" ;;
        libasound2-plugins) ls /usr/lib/*/alsa-lib/libasound_module_pcm_pulse.so >/dev/null 2>&1 || missing="$missing $package" ;;
        mosquitto-clients) command -v mosquitto_sub >/dev/null || missing="$missing $package" ;;
        pulseaudio-utils) command -v paplay >/dev/null || missing="$missing $package" ;;
        *) command -v "$package" >/dev/null || missing="$missing $package" ;;
    esac
done
[ -n "$missing" ] || exit 0
if [ "$(cat "$tried" 2>/dev/null)" != "$missing" ] && command -v apt-get >/dev/null; then
    if [ "$(id -u)" = 0 ]; then as_root=""; elif sudo -n true 2>/dev/null; then as_root="sudo -n"; else as_root="no"; fi
    if [ "$as_root" != no ]; then
        echo "Installing system packages:$missing" >&2
        $as_root apt-get update -qq >&2 && DEBIAN_FRONTEND=noninteractive $as_root apt-get install -y -qq \
            --no-install-recommends $missing >&2 && exit 0
        echo "$missing" >"$tried"
    fi
fi
echo "Missing system packages:$missing (install them to use all parts; going on without)" >&2
exit 0
