"""`python -m tasks worker ...`: Celery's command line for this application.

Celery's own command puts the current directory first on the import path while it loads an application: a file `h2.py`
or `tasks.py` that a user keeps there would be taken for a module.
"""

import sys

from tasks.app import celery

if __name__ == "__main__":
    sys.exit(celery.start(sys.argv[1:]))
