"""Files of finished exports, and the signed, short-lived addresses under which they can be fetched."""

import hashlib
import hmac
import shutil
import tempfile
import weakref
from collections.abc import Iterable
from pathlib import Path
from urllib.parse import urlencode

from bridge.simulator.errors import Refusal

FILES_PREFIX = "/_files/"


class Files:
    """The simulator's own folder, created when first needed and removed with the world."""

    def __init__(self, secret: str) -> None:
        self._secret = secret.encode()
        self._folder: Path | None = None

    def write(self, name: str, chunks: Iterable[str]) -> int:
        """Write the file and return its size in bytes."""
        path = self.path(name)
        with path.open("w", encoding="utf-8", newline="") as file:
            file.writelines(chunks)
        return path.stat().st_size

    def path(self, name: str) -> Path:
        if self._folder is None:
            self._folder = Path(tempfile.mkdtemp(prefix="integr8-simulator-"))
            weakref.finalize(self, shutil.rmtree, self._folder, ignore_errors=True)
        return self._folder / Path(name).name

    def remove(self, name: str) -> None:
        self.path(name).unlink(missing_ok=True)

    def address(self, host: str, name: str, *, expires: int) -> str:
        query = urlencode({"expires": expires, "signature": self._sign(name, expires)})
        return f"{host.rstrip('/')}{FILES_PREFIX}{name}?{query}"

    def check(self, name: str, expires: str, signature: str, *, now: float) -> Path:
        """Return the file behind a valid address; otherwise raise 403, as object stores do."""
        valid = expires.isdigit() and hmac.compare_digest(signature, self._sign(name, int(expires)))
        if not valid or now > int(expires):
            raise Refusal(403, "the address is not valid, or no longer")
        path = self.path(name)
        if not path.is_file():
            raise Refusal(404, "the file is gone")
        return path

    def _sign(self, name: str, expires: int) -> str:
        return hmac.new(self._secret, f"{name}\n{expires}".encode(), hashlib.sha256).hexdigest()
