"""A real PostgreSQL on a unix socket, held by the test: Debian's, run as the user postgres where the tests are root."""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Self

import pytest

SKIP = "PostgreSQL is not installed; apt-get install postgresql"


def binaries() -> Path | None:
    """The folder with initdb and postgres, or None."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    return found[-1].parent if found else None


class PostgresServer:
    """Everything it writes is in `folder`, which must be short: a socket's path is."""

    def __init__(self, folder: Path) -> None:
        where = binaries()
        if where is None:
            pytest.skip(SKIP)
        self.bin = where
        self.folder = folder
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        """As config.yaml has it."""
        return f"postgresql://postgres@/postgres?host={self.folder}&port=5432"

    def _as_postgres(self, *command: str) -> Sequence[str]:
        return ["runuser", "-u", "postgres", "--", *command] if os.geteuid() == 0 else command

    def start(self) -> Self:
        """Make a cluster and start it. Blocks."""
        if os.geteuid() == 0:
            try:
                who = pwd.getpwnam("postgres")
            except KeyError:
                pytest.skip(SKIP)
            os.chown(self.folder, who.pw_uid, who.pw_gid)
        self.folder.chmod(0o700)
        data = self.folder / "data"
        subprocess.run(
            self._as_postgres(str(self.bin / "initdb"), "-D", str(data), "-A", "trust", "-U", "postgres", "-N"),
            check=True,
            capture_output=True,
            cwd="/",
        )
        self._process = subprocess.Popen(
            self._as_postgres(
                str(self.bin / "postgres"), "-D", str(data), "-k", str(self.folder), "-h", "", "-c", "fsync=off"
            ),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            cwd="/",
            start_new_session=True,
        )
        deadline = time.monotonic() + 30
        while subprocess.run(
            [str(self.bin / "pg_isready"), "-h", str(self.folder)], capture_output=True, check=False
        ).returncode:
            if time.monotonic() > deadline:
                raise RuntimeError("PostgreSQL did not come up")
            time.sleep(0.05)
        return self

    def close(self) -> None:
        """Stop it and remove what it wrote."""
        if self._process is not None:
            subprocess.run(
                self._as_postgres(
                    str(self.bin / "pg_ctl"), "-D", str(self.folder / "data"), "stop", "-m", "immediate", "-s"
                ),
                capture_output=True,
                check=False,
                cwd="/",
            )
            self._process.wait(20)
            self._process = None
        shutil.rmtree(self.folder, ignore_errors=True)
