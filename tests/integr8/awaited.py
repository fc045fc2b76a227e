"""Makes the async face of the client from the sync one. Run me after changing a resource:

python tests/integr8/awaited.py
"""

import re
import subprocess
import sys
from pathlib import Path

ROOM = Path(__file__).parents[2] / "bridge" / "integr8"
INSIDE = r"(?:(?!\n    def |\nclass ).)"  # anything that belongs to the method
METHOD = re.compile(rf"    def (\w+)\({INSIDE}*?await {INSIDE}*", re.DOTALL)
FACES = {"resources.py": "async_resources.py", "report_resources.py": "async_reporting.py"}


def awaited(text: str) -> str:
    """The same module, where whoever runs a flow is waited for."""
    text = text.replace(" of the sync client", " of the async client")
    text = text.replace("bridge.integr8.resources import", "bridge.integr8.async_resources import")
    text = re.sub(r"\bListing\b", "AsyncListing", text)
    text = text.replace("def fetch(", "async def fetch(").replace("return run(caller", "return await run(caller")
    text = text.replace("def run(", "async def run(")
    text = re.sub(r"(?<!await )self\._runner\.run\(", "await self._runner.run(", text)
    text = text.replace("return self._start(", "return await self._start(")
    return METHOD.sub(_waiting, text)


def _waiting(match: re.Match[str]) -> str:
    return match[0] if match[1] == "_listing" else match[0].replace("    def ", "    async def ", 1)


def formatted(text: str) -> str:
    """As ruff would have it; the longer words break lines elsewhere and sort elsewhere."""
    for command in (["check", "--select", "I", "--fix-only", "--quiet"], ["format"]):
        arguments = [sys.executable, "-m", "ruff", *command, "--stdin-filename", str(ROOM / "face.py"), "-"]
        text = subprocess.run(arguments, input=text, capture_output=True, text=True, check=True).stdout
    return text


if __name__ == "__main__":
    for source, target in FACES.items():
        (ROOM / target).write_text(formatted(awaited((ROOM / source).read_text())))
