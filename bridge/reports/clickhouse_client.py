"""Query ClickHouse.

Each failure is raised as ObservationsAway, in words without a password.

The package is loaded with the first question, and the connection is made then: a process that never needs rows of
ClickHouse never speaks to it. After a failure nobody asks again for a moment, so that many rules do not wait for the
same silence one after the other.
"""

import os
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import structlog

from bridge.config.clickhouse_address import ClickHouseAddress
from bridge.store.observations_away import ObservationsAway

if TYPE_CHECKING:
    from clickhouse_connect.driver.client import Client

log = structlog.get_logger()

CONNECT_SECONDS = 5  # seconds to wait for a connection
ANSWER_SECONDS = 60  # seconds to wait for an answer
REST_SECONDS = 10.0  # seconds after a failure in which nobody asks again
MAX_QUERY_BYTES = 64 << 20  # a question may name many batches
#: Texts may hold what is not UTF-8 (half of a surrogate pair): such a value would come back as its hex digits.
TEXTS_AS_BYTES = {"String": "bytes"}

Columns = Sequence[Any]


class ClickHouse:
    """A server, or a cluster behind one address. Several threads may use it; do not share it across a fork."""

    def __init__(self, address: ClickHouseAddress) -> None:
        self.address = address
        self._client: Client | None = None
        self._process = os.getpid()
        self._making = threading.Lock()
        self._failed_at: float | None = None
        self.failure: ObservationsAway | None = None  # the last failure, until a question is answered

    def columns(self, query: str) -> Columns:
        """Return the columns of an answer. Texts are bytes. Raises ObservationsAway."""
        found: Columns = self._ask(
            lambda client: client.query(query, column_oriented=True, query_formats=TEXTS_AS_BYTES).result_columns
        )
        return found

    def blocks(self, query: str) -> Iterator[Columns]:
        """Yield the same a few ten thousand rows at a time, so that a long answer needs no memory."""
        with self._translated():
            stream = self._connected().query_column_block_stream(query, query_formats=TEXTS_AS_BYTES)
            with stream as found:
                yield from found

    def insert(self, table: str, columns: Mapping[str, Any]) -> None:
        """Write rows. Raises ObservationsAway, even if the rows may have been written."""
        # Rows that are told of before they are there would be missed by the count that follows.
        settings = {"async_insert": 0, "max_partitions_per_insert_block": 0}
        names = list(columns)
        self._ask(
            lambda client: client.insert(
                table, list(columns.values()), column_names=names, column_oriented=True, settings=settings
            )
        )

    def command(self, statement: str, **settings: Any) -> None:
        """Execute a statement. Raises ObservationsAway."""
        self._ask(lambda client: client.command(statement, settings=settings or None))

    def close(self) -> None:
        if self._client is not None and self._process == os.getpid():
            self._client.close()
        self._client = None

    def _ask(self, question: "Callable[[Client], Any]") -> Any:
        with self._translated():
            return question(self._connected())

    def _connected(self) -> "Client":
        with self._making:
            if self._client is None or self._process != os.getpid():
                self._client, self._process = self._connect(), os.getpid()
            return self._client

    def _connect(self) -> "Client":
        try:
            import clickhouse_connect  # noqa: PLC0415 - an extra, and heavy: only who asks has it loaded
        except ImportError as error:
            raise ObservationsAway(f"{error}; run: pip install 'integr8-bridge[clickhouse]'") from error
        address = self.address
        return clickhouse_connect.get_client(
            host=address.host,
            port=address.port,
            username=address.user,
            password=address.password,
            database=address.database,
            interface="https" if address.secure else "http",
            connect_timeout=CONNECT_SECONDS,
            send_receive_timeout=ANSWER_SECONDS,
            autogenerate_session_id=False,  # a session would take one question at a time
            settings={"max_query_size": MAX_QUERY_BYTES, **address.settings},
        )

    @contextmanager
    def _translated(self) -> Iterator[None]:
        self._rest()
        try:
            yield
        except ObservationsAway as error:
            self._note(error)
            raise
        except (GeneratorExit, KeyboardInterrupt, SystemExit):
            raise
        except Exception as error:  # noqa: BLE001 - of the client, of urllib3, of the socket
            found = ObservationsAway(self._words(error))
            self._note(found)
            raise found from None  # the original's text may hold the address with its password
        if self.failure is not None:
            log.info("ClickHouse answers again", place=self.address.place)
        self.failure = self._failed_at = None

    def _rest(self) -> None:
        if self._failed_at is not None and time.monotonic() < self._failed_at + REST_SECONDS:
            raise ObservationsAway(str(self.failure))

    def _note(self, error: ObservationsAway) -> None:
        if self.failure is None:
            log.warning("ClickHouse does not answer", place=self.address.place, why=str(error))
        self.failure, self._failed_at = error, time.monotonic()

    def _words(self, error: Exception) -> str:
        text = f"{type(error).__name__}: {error}".partition("\n")[0][:300]
        if self.address.password:
            text = text.replace(self.address.password, "…")
        return f"ClickHouse at {self.address.place}: {text}"
