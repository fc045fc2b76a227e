"""`python -m tasks worker ...`: Celery's command line for this application.

Celery's own command puts the current directory first on the import path while it loads an application: a file `h2.py`
or `tasks.py` that a user keeps there would be taken for a module. `Celery.start` is not asked either: it ends with 0
whatever became of the worker, and who supervises it takes an error for an intended end.
"""

import sys

from celery.bin.celery import celery as command

from tasks.app import celery

if __name__ == "__main__":
    command.params[0].default = celery
    sys.exit(command.main(args=sys.argv[1:], standalone_mode=False))
