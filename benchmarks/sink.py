"""The server that the compared programs call: it counts calls, and remembers when each number came. `GET /` tells.

python -m benchmarks.sink PORT_FILE
"""

import asyncio
import json
import sys
import time
from pathlib import Path

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Type: application/json\r\n\r\n{}"
came: dict[str, float] = {}


class Sink(asyncio.Protocol):
    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport, self._buffer = transport, b""

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        head, separator, rest = self._buffer.partition(b"\r\n\r\n")
        if not separator:
            return
        if head.startswith(b"GET"):
            told = json.dumps(came if head.startswith(b"GET /times") else len(came)).encode()
            self._transport.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(told) + told)
            self._buffer = rest
            return
        length = int(head.lower().split(b"content-length:")[1].split(b"\r\n")[0])
        if len(rest) < length:
            return
        came[head.split(b" ", 2)[1].decode().rpartition("/")[2]] = time.time()
        self._transport.write(OK)
        self._buffer = rest[length:]


def main(port_file: Path) -> None:
    loop = asyncio.new_event_loop()
    server = loop.run_until_complete(loop.create_server(Sink, "127.0.0.1", 0))
    port_file.write_text(str(server.sockets[0].getsockname()[1]))
    loop.run_forever()


if __name__ == "__main__":
    main(Path(sys.argv[1]))
