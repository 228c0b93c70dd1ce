"""`relay healthy`: for health checks of containers; asks the port that the configuration names."""

from __future__ import annotations

import urllib.error
import urllib.request

import click
from rich.text import Text

from relay.cli.console import err
from relay.cli.options import config_of, config_option

TIMEOUT_S = 4.0


@click.command("healthy")
@config_option
@click.option("--ready", is_flag=True, help="Ask whether it is ready (/readyz), not only alive.")
@click.pass_context
def command(ctx: click.Context, ready: bool) -> int:
    """Exit status 0 when the relay of this configuration answers on this machine; for health checks."""
    url = config_of(ctx).local_url + ("/readyz" if ready else "/healthz")
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))  # our own machine is behind no proxy
    try:
        with opener.open(url, timeout=TIMEOUT_S):
            return 0
    except urllib.error.HTTPError as e:
        err().print(Text(f"{url} answers {e.code}."))
    except OSError as e:
        err().print(Text(f"{url} does not answer: {getattr(e, 'reason', e)}"))
    return 1
