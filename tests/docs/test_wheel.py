"""What `pip install .` gives: a wheel with every file that is not Python, and a command that works from it."""

import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from bridge.version import VERSION

pytestmark = pytest.mark.journey

ROOT = Path(__file__).parents[2]
IGNORED = {"__pycache__"}


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    """Built by the build back end that pyproject.toml names, without asking any index."""
    where = tmp_path_factory.mktemp("wheel")
    script = f"import sys, hatchling.build as build; print(build.build_wheel({str(where)!r}))"
    built = subprocess.run([sys.executable, "-c", script], cwd=ROOT, check=True, capture_output=True, text=True)
    return where / built.stdout.split()[-1]


def test_the_wheel_carries_the_version(wheel):
    assert wheel.name == f"integr8_bridge-{VERSION}-py3-none-any.whl"


def test_the_wheel_has_every_file_of_the_packages(wheel):
    packed = set(zipfile.ZipFile(wheel).namelist())
    files = [
        str(path.relative_to(ROOT))
        for package in ("bridge", "rules", "tasks")
        for path in (ROOT / package).rglob("*")
        if path.is_file() and not IGNORED & set(path.parts)
    ]
    assert sorted(set(files) - packed) == []


def test_the_command_works_from_the_installed_wheel(wheel, tmp_path):
    """Unpacked as pip would, and put before the checkout on the path."""
    zipfile.ZipFile(wheel).extractall(tmp_path / "site")
    home = tmp_path / "home"
    script = f"import sys; sys.path.insert(0, {str(tmp_path / 'site')!r}); import bridge; print(bridge.__file__); "
    start = f"from bridge.cli import main; sys.argv = ['integr8-bridge', 'init', {str(home)!r}]; main()"
    command = [sys.executable, "-c", script + start]
    done = subprocess.run(command, cwd=tmp_path, check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith(str(tmp_path / "site"))
    assert (home / "rules" / "low-conversion-rate.yaml").is_file()
