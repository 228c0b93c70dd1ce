"""`python3 requirements/install.py run|dev`: a virtual environment in .venv with the pinned dependencies and ourselves.

Safe to run again (does nothing when nothing changed) and several times at once (`make run` and `make test` in two
terminals of a fresh clone): one installs, the others wait. Speaks in sentences when Python is too old or lacks venv,
so this file must stay readable for old versions of Python 3.
"""
# ruff: noqa: S603, S606 (the programs it starts are Python itself)

import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / ".venv"
BIN = VENV / "bin" / "python"
OLDEST = (3, 11)
OTHERS = ("python3.13", "python3.12", "python3.11", "python3.14")


def main():
    """Exit status 0 when all is installed."""
    what = sys.argv[1] if len(sys.argv) == 2 else ""
    if what not in ("run", "dev"):
        sys.exit("Say what to install: `python3 requirements/install.py run`, or `dev` for tests and checks, too.")
    if sys.version_info < OLDEST:
        try_another_python()
    with Path(__file__).open() as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        install(what)


def try_another_python():
    """Does not return: goes on under a newer Python where there is one, else ends with a sentence."""
    for name in OTHERS:
        path = shutil.which(name)
        if path and version_of(path) >= OLDEST:
            os.execv(path, [path, *sys.argv])
    found = ".".join(map(str, sys.version_info[:3]))
    sys.exit(
        f"The relay needs Python 3.11 or newer; {sys.executable} is {found}, and no newer one was found. "
        "Install one, or name it: `make run PYTHON=/path/to/python3.12`."
    )


def version_of(python):
    """(3, 12), or (0, 0) for what cannot be run."""
    try:
        shown = subprocess.run(
            [str(python), "-c", "import sys; print(*sys.version_info[:2])"],
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            check=True,
        ).stdout
        major, minor = shown.split()
        return int(major), int(minor)
    except (OSError, subprocess.CalledProcessError, ValueError):
        return 0, 0


def install(what):
    """Bring .venv up to date for `what`."""
    if version_of(BIN) < OLDEST:
        print(f"Making a virtual environment in {VENV} ...", flush=True)
        if subprocess.run([sys.executable, "-m", "venv", "--clear", str(VENV)], check=False).returncode:
            sys.exit(
                "Python could not make a virtual environment. On Debian and Ubuntu it comes in a package of its own: "
                "`apt install python3-venv`."
            )
    stamp = VENV / f"{what}.stamp"
    wanted = digest(what)
    if not (stamp.exists() and stamp.read_text() == wanted):
        print(f"Installing the pinned dependencies ({what}); this is done once ...", flush=True)
        say("the dependencies of the relay, half a minute")
        pip("--require-hashes", "-r", str(ROOT / "requirements" / "run.txt"))
        if what == "dev":
            say("the tools for tests and checks, another half minute")
            # One of these comes as source. It is built with the setuptools that run.txt has pinned, not the newest.
            pip("--require-hashes", "--no-build-isolation", "-r", str(ROOT / "requirements" / "dev.txt"))
        say("the relay itself")
        pip("--no-deps", "--no-build-isolation", "-e", str(ROOT))
        if what == "dev":  # which holds all that `run` needs
            (VENV / "run.stamp").write_text(digest("run"))
    stamp.write_text(wanted)  # also when nothing changed: make goes by the time


def say(what):
    """A line a step: on a slow machine somebody waits here for a minute."""
    print(f"  {what} ...", flush=True)


def digest(what):
    """Of all that decides what is installed."""
    parts = [Path(name).read_bytes() for name in (ROOT / "requirements" / f"{what}.txt", ROOT / "pyproject.toml")]
    return hashlib.sha256(b"\0".join([*parts, str(version_of(BIN)).encode()])).hexdigest()


def pip(*arguments):
    """`pip install`, or the end."""
    command = [
        str(BIN),
        "-m",
        "pip",
        "install",
        *(["-q"] if sys.stderr.isatty() else ["-qq"]),
        "--no-input",
        "--disable-pip-version-check",
        *arguments,
    ]
    if subprocess.run(command, cwd=ROOT, check=False).returncode:
        sys.exit("pip could not install the dependencies; its own words are above. Once that is fixed, run make again.")


if __name__ == "__main__":
    main()
