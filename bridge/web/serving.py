"""gunicorn's configuration beside its command line: `--config python:bridge.web.serving`.

Loaded in the parent, before it forks: the web processes of one gunicorn count together, so that a scrape says the
same whichever of them answers it.
"""

from bridge import tallies

tallies.share()
