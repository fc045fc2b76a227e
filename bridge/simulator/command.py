"""`simulator`: the command. It stands here so that `python -m bridge.simulator` needs no other command."""

from pathlib import Path

import click
import orjson

from bridge.simulator.app import create_app
from bridge.simulator.errors import Refusal
from bridge.simulator.scenarios import SCENARIOS, play
from bridge.simulator.server import serve
from bridge.simulator.world import API_KEY, INTEGRATION, World


def _pairs(_context: click.Context, _parameter: click.Parameter, texts: tuple[str, ...]) -> dict[str, object]:
    """Parse `name=value`; the value is parsed as JSON if it is JSON."""
    found: dict[str, object] = {}
    for text in texts:
        name, equals, value = text.partition("=")
        if not equals:
            raise click.BadParameter(f"{text!r}; write it like bad=40")
        try:
            found[name] = orjson.loads(value)
        except orjson.JSONDecodeError:
            found[name] = value
    return found


@click.command("simulator")
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option("--port", default=0, show_default=True, help="Port to listen on; 0 picks a free one.")
@click.option(
    "--port-file",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Write the port here once connections are accepted.",
)
@click.option("--seed", default=1, show_default=True, help="Same seed, same ids and same traffic.")
@click.option("--api-key", default=API_KEY, show_default=True, help="A key that may do everything.")
@click.option(
    "--integration", multiple=True, default=(INTEGRATION,), show_default=True, help="Integration id; repeatable."
)
@click.option("--strict", is_flag=True, help="Only canonical routes; refuse what the reference does not know.")
@click.option("--rate", "rate_per_second", default=0, help="Requests per second before 429; 0 is no limit.")
@click.option("--scenario", type=click.Choice(sorted(SCENARIOS)), help="Start with a ready-made situation.")
@click.option("--with", "numbers", multiple=True, callback=_pairs, help="Number of the scenario: --with bad=40")
@click.option("--set", "settings", multiple=True, callback=_pairs, help="A setting: --set exports_per_day=2")
def simulator(  # noqa: PLR0917 - click hands every option over by name
    host: str,
    port: int,
    port_file: Path | None,
    seed: int,
    api_key: str,
    integration: tuple[str, ...],
    strict: bool,  # noqa: FBT001
    rate_per_second: int,
    scenario: str | None,
    numbers: dict[str, object],
    settings: dict[str, object],
) -> None:
    """Run a stateful Integr8 on this machine, for tests, demos and rehearsals.

    \b
    Examples:
      integr8-bridge simulator --port 8090 --scenario collapse --with bad=40 --with clicks=60
      integr8-bridge simulator --rate 5 --strict
      curl -s localhost:8090/_sim/            # what can be switched while it runs
    """  # noqa: D301 - click reads \b
    world = World(seed=seed, api_key=api_key, integrations=integration)
    try:
        app = create_app(world, strict=strict, rate_per_second=rate_per_second, **settings)
        if scenario:
            play(world, scenario, numbers)
    except Refusal as refusal:
        raise click.UsageError(refusal.words) from None
    serve(app, host=host, port=port, port_file=port_file, announce=click.echo)
