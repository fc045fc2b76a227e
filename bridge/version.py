"""The version of the installed package: pyproject.toml is the only place where it is written."""

from importlib.metadata import version

VERSION = version("integr8-bridge")
