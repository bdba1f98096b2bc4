"""Virtual environments with pinned packages, outside the checkout; made anew when the pins change."""

import os
import shutil
import subprocess
import sys
import venv


def ready(cache, here, name):
    """The Python of the environment `name`, which `environments/<name>.txt` describes."""
    pins = os.path.join(here, "environments", f"{name}.txt")
    folder = os.path.join(cache, f"environment-{name}")
    stamp, python = os.path.join(folder, "pins.txt"), os.path.join(folder, "bin", "python")
    if _read(stamp) == _read(pins):
        return python
    print(f"environment {name}: {folder}", file=sys.stderr)
    shutil.rmtree(folder, ignore_errors=True)
    venv.create(folder, with_pip=True)
    install = [python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--requirement", pins]
    subprocess.run(install, check=True, stdout=sys.stderr)
    shutil.copy(pins, stamp)
    return python


def _read(path):
    try:
        with open(path, encoding="utf-8") as file:
            return file.read()
    except FileNotFoundError:
        return None
