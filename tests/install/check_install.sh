#!/bin/sh
# Install into a staging folder, then build and run three consumers against it:
# CMake with C++, CMake with C, pkg-config with C. check_install.sh SOURCE BUILD CMAKE
set -eu
source=$1 build=$2 cmake=$3
work=$build/install-test
rm -rf "$work"
trap 'rm -rf "$work"' EXIT

"$cmake" --install "$build" --component library --prefix "$work/stage" >/dev/null

for language in cpp c; do
  "$cmake" -S "$source/tests/install/$language" -B "$work/$language" -G Ninja \
    -DCMAKE_PREFIX_PATH="$work/stage" >/dev/null
  "$cmake" --build "$work/$language"
  "$work/$language/consumer"
done

lib=$(dirname "$(find "$work/stage" -name libtidegate-c.so)")
# The staged .pc files carry the prefix of the configuration, so pkg-config is told the real one.
flags=$(PKG_CONFIG_PATH=$lib/pkgconfig pkg-config --define-variable=prefix="$work/stage" \
  --define-variable=libdir="$lib" --define-variable=includedir="$work/stage/include" \
  --cflags --libs tidegate-c)
# shellcheck disable=SC2086  # one word per flag
cc -std=c99 -Wall -Werror "$source/tests/install/c/main.c" $flags -o "$work/consumer"
LD_LIBRARY_PATH=$lib "$work/consumer"

# Whatever is exported is ours and versioned.
foreign=$(nm -D --defined-only "$lib/libtidegate-c.so" | awk '{print $3}' | grep -v '^tidegate_.*@@TIDEGATE_1$' |
  grep -v '^TIDEGATE_1' || true)
[ -z "$foreign" ] || { echo "exported, but not ours: $foreign"; exit 1; }
[ "$(objdump -p "$lib/libtidegate-c.so" | awk '/SONAME/ {print $2}')" = libtidegate-c.so.0 ]
