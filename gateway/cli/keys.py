"""`memory-gateway keys`: `new` makes an API key, shown once, and the YAML line that lets it in; the rest is about the keys
that seal records.
"""

import os

import click

from gateway.auth.keys import new_key
from gateway.cli.callers_of import callers
from gateway.cli.keyrings import COMMANDS
from gateway.domain.principal import Role
from gateway.domain.record import Family


@click.group("keys")
def command() -> None:
    """API keys, and the keys that seal records."""


@command.command("new")
@click.option(
    "--role", "roles", multiple=True, type=click.Choice([role.value for role in Role]), help="May be repeated."
)
@click.option(
    "--kind", "kinds", multiple=True, type=click.Choice([kind.value for kind in Family]), help="All it may touch."
)
@click.option("--user", help="The only user the key may name.")
@click.option("--not-before", help="ISO 8601 time before which it is refused.")
@click.option("--expires", help="ISO 8601 time after which it is refused.")
@click.option("--label", help="A word for whoever reads the file later.")
def new(
    *,
    roles: tuple[str, ...],
    kinds: tuple[str, ...],
    user: str | None,
    not_before: str | None,
    expires: str | None,
    label: str | None,
) -> None:
    """Make a key. It is not stored anywhere: copy it now."""
    key = new_key(os.urandom)
    parts = [f"id: {key.id}", f'hash: "{key.hash}"', f"roles: [{', '.join(roles or ('reader', 'writer'))}]"]
    if kinds:
        parts.append(f"kinds: [{', '.join(kinds)}]")
    for name, value in (("user", user), ("not_before", not_before), ("expires", expires)):
        if value:
            parts.append(f"{name}: {_quoted(value)}")
    if label:
        parts.append(f"labels: {{name: {_quoted(label)}}}")
    click.echo("key, shown this once:", err=True)
    click.echo(key.text)
    click.echo("under auth.api_keys of the tenant:", err=True)
    click.echo(f"- {{{', '.join(parts)}}}", err=True)


command.add_command(callers)
for each in COMMANDS:
    command.add_command(each)


def _quoted(text: str) -> str:
    """A JSON string, which is a YAML string too."""
    import msgspec

    return msgspec.json.encode(text).decode()
