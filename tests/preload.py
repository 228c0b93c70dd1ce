"""Libraries of a few lines that are put in front of a server's own functions with LD_PRELOAD, compiled here and now."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path


def build(where: Path, name: str, source: str) -> Path | None:
    """The library `name`.so in the folder `where`, or None where it cannot be made: there is no C compiler."""
    compiler = shutil.which("cc") or shutil.which("gcc") or shutil.which("clang")
    if compiler is None:
        return None
    where.mkdir(parents=True, exist_ok=True)
    code, library = where / f"{name}.c", where / f"{name}.so"
    code.write_text(source)
    made = subprocess.run(
        [compiler, "-shared", "-fPIC", "-O2", "-o", str(library), str(code)], capture_output=True, check=False
    )
    return library if made.returncode == 0 else None
