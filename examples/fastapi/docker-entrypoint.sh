#!/bin/sh
# Runs one of the two applications: docker-entrypoint.sh before|after [gunicorn's options].
#
#   WORKER_COUNT  workers, 4           HOST, PORT  the address, 127.0.0.1:8000
#   REDIS_URL     no cache without     CARS_DB     the listings
#   CUSTOMS_URL   no duties without     STATE_DIR  what the workers share, a temporary directory
#   ENCAR_URL     no Encar without, and none before
#
# before/app/settings.py has the others. The 1,000 connections per worker are limit_concurrency in
# before/app/worker.py, timeout 120 s and backlog 2,048 stand in before/gunicorn.conf.py.
set -eu
here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd)
which=${1:-after}
[ $# -eq 0 ] || shift

# What after/ does not change, it takes from before/.
case $which in
  before) path=$here/before ;;
  after) path=$here/after:$here/before ;;
  *) echo "docker-entrypoint.sh: before or after, not '$which'" >&2; exit 2 ;;
esac
export PYTHONPATH="$path${PYTHONPATH:+:$PYTHONPATH}"
exec "${PYTHON:-python3}" -m gunicorn --config "$here/before/gunicorn.conf.py" "$@" app.main:app
