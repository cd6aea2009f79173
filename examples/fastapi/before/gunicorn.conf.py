"""gunicorn's settings; docker-entrypoint.sh names this file."""

import os
import shutil
from typing import Any

bind = f"{os.environ.get('HOST', '127.0.0.1')}:{os.environ.get('PORT', '8000')}"
workers = int(os.environ.get("WORKER_COUNT") or 4)
worker_class = "app.worker.Worker"
timeout = 120
graceful_timeout = int(os.environ.get("GRACEFUL_TIMEOUT") or 30)
backlog = 2048
control_socket_disable = True


def on_exit(server: Any) -> None:
    """Nobody needs it any more."""
    if directory := os.environ.get("TEMPORARY_STATE_DIR"):
        shutil.rmtree(directory, ignore_errors=True)


def post_fork(server: Any, worker: Any) -> None:
    """Each worker draws latencies of its own from the one seed."""
    os.environ["WORKER_NUMBER"] = str(worker.age)
