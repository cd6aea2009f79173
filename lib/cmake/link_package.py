"""Mirror a Python package as symbolic links: link_package.py SOURCE TARGET.

Runs in every build, so that a new file counts without configuring again and a deleted one goes.
"""

import sys
from pathlib import Path

source, target = (Path(argument) for argument in sys.argv[1:])
target.mkdir(parents=True, exist_ok=True)
wanted = {p.name: p for p in source.iterdir() if p.name != "__pycache__"} if source.is_dir() else {}
for link in target.iterdir():
    if link.is_symlink() and wanted.get(link.name) != link.readlink():
        link.unlink()
for name, path in wanted.items():
    if not (target / name).is_symlink():
        (target / name).symlink_to(path)
