"""`python -m tasks worker ...` and `python -m tasks beat ...`: Celery's worker and beat for this application.

The options that our own files use are read here; for all others Celery's command line is loaded. It takes ten megabytes
in each process, most of it for an interactive prompt and colours.

Celery's own command puts the current directory first on the import path while it loads an application: a file `h2.py`
or `tasks.py` that a user keeps there would be taken for a module. `Celery.start` is not asked either: it ends with 0
whatever became of the worker, and who supervises it takes an error for an intended end.
"""

import sys
from collections.abc import Callable, Mapping, Sequence
from importlib import import_module
from typing import Any

from celery.utils.nodenames import default_nodename, host_format

from tasks.app import celery

FLAGS = ("--quiet", "--without-gossip", "--without-mingle")
OPTIONS: Mapping[str, Callable[[str], Any]] = {
    "--autoscale": lambda text: [int(number) for number in text.split(",")],
    "--concurrency": int,
    "--hostname": lambda text: host_format(default_nodename(text)),
    "--loglevel": str,
    "--pidfile": lambda text: text or None,
    "--queues": lambda text: text.split(","),
}


def understood(arguments: Sequence[str]) -> tuple[str, dict[str, Any]] | None:
    """Return `worker` or `beat` and its options; None if anything in these arguments is for Celery's command line."""
    words, found, left = [], dict[str, Any](), iter(arguments)
    try:
        for argument in left:
            name, equals, value = argument.partition("=")
            if argument in FLAGS:
                found[_key(name)] = True
            elif name in OPTIONS:
                found[_key(name)] = OPTIONS[name](value if equals else next(left))
            else:
                words.append(argument)
    except (ValueError, StopIteration):
        return None
    return (words[0], found) if words in (["worker"], ["beat"]) else None


def _key(option: str) -> str:
    return option.removeprefix("--").replace("-", "_")


def main(arguments: Sequence[str]) -> int:
    known = understood(arguments)
    if known is None:
        command = import_module("celery.bin.celery").celery
        command.params[0].default = celery
        return int(command.main(args=list(arguments), standalone_mode=False) or 0)
    name, options = known
    if name == "beat":
        celery.Beat(**options).run()
        return 0
    options.setdefault("hostname", host_format(default_nodename("")))
    worker = celery.Worker(**options)
    worker.start()
    return int(worker.exitcode or 0)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
