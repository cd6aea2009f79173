#!/bin/sh
# Build the wheel, install it into an empty virtual environment, import it. check_wheel.sh SOURCE BUILD PYTHON
# Without build isolation: the build packages are pinned in python/requirements-dev.txt, and ccache gets hits.
set -eu
source=$1 build=$2 python=$3
work=$build/wheel-test
rm -rf "$work"
mkdir -p "$work"
trap 'rm -rf "$work"' EXIT
unset PYTHONPATH

"$python" -m pip wheel -q --no-build-isolation --no-deps -w "$work" \
  --config-settings build-dir="$work/build" "$source"
"$python" -m venv "$work/venv"
"$work/venv/bin/python" -m pip install -q --no-index --no-deps "$work"/tidegate-*.whl
cd "$work"
"$work/venv/bin/python" -c "import tidegate; print(tidegate.__version__, tidegate.__file__)"
# Nothing but the package is in the wheel.
"$python" -m zipfile -l "$work"/tidegate-*.whl | awk 'NR > 1 {print $1}' |
  { ! grep -v '^tidegate[-/]'; }
