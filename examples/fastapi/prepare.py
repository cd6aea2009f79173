"""Builds the listings that the application asks, unless they are there: prepare.py SERVER DATABASE.

The example server knows how: it is started on a free port, and told to end as soon as it serves.
"""

import subprocess
import sys

server, database = sys.argv[1:]
command = [server, "--port=0", f"--database={database}"]
with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
    assert process.stdout is not None
    for line in process.stdout:
        if "Ctrl-C" in line:
            process.terminate()
sys.exit(process.returncode)
