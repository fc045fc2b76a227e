"""`make chaos` ends with this: the table goes into the page that is named."""

import sys
from pathlib import Path

from chaos import table

table.write(Path("build/chaos"), Path(sys.argv[1]))
