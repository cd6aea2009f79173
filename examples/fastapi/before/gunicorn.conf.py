"""gunicorn's settings; docker-entrypoint.sh names this file."""

import os
import shutil
import tempfile
from typing import Any

bind = f"{os.environ.get('HOST', '127.0.0.1')}:{os.environ.get('PORT', '8000')}"
workers = int(os.environ.get("WORKER_COUNT") or 4)
worker_class = "app.worker.Worker"
timeout = 120
graceful_timeout = int(os.environ.get("GRACEFUL_TIMEOUT") or 30)
backlog = 2048
control_socket_disable = True


def on_starting(server: Any) -> None:
    """The workers share a directory, a temporary one if none is named."""
    if not os.environ.get("STATE_DIR"):
        base = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None
        directory = tempfile.mkdtemp(prefix="cars-", dir=base)
        os.environ["STATE_DIR"] = os.environ["TEMPORARY_STATE_DIR"] = directory


def on_exit(server: Any) -> None:
    """Nobody needs it any more."""
    if directory := os.environ.get("TEMPORARY_STATE_DIR"):
        shutil.rmtree(directory, ignore_errors=True)


def post_fork(server: Any, worker: Any) -> None:
    """Each worker draws latencies of its own from the one seed."""
    os.environ["WORKER_NUMBER"] = str(worker.age)
