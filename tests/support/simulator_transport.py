"""The simulated Integr8 in the same process, for a client of httpx."""

import httpx

from bridge.simulator.app import create_app


def simulator_transport(world, **options):
    """httpx gives an application the path as text, where PEP 3333 wants each byte of it as a character."""
    app = create_app(world, **options)

    def answer(environ, start_response):
        path = environ["PATH_INFO"].encode().decode("latin-1")
        return app({**environ, "PATH_INFO": path}, start_response)

    return httpx.WSGITransport(app=answer)
