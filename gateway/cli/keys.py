"""`memory-gateway keys`: `new` makes an API key, shown once, and the YAML line that lets it in; the rest is about the keys
that seal records.
"""

import os

import click

from gateway.auth.keys import new_key
from gateway.cli.keyrings import COMMANDS
from gateway.domain.principal import Role


@click.group("keys")
def command() -> None:
    """API keys, and the keys that seal records."""


@command.command("new")
@click.option(
    "--role", "roles", multiple=True, type=click.Choice([role.value for role in Role]), help="May be repeated."
)
@click.option("--user", help="The only user the key may name.")
@click.option("--label", help="A word for whoever reads the file later.")
def new(roles: tuple[str, ...], user: str | None, label: str | None) -> None:
    """Make a key. It is not stored anywhere: copy it now."""
    key = new_key(os.urandom)
    parts = [f"id: {key.id}", f'hash: "{key.hash}"', f"roles: [{', '.join(roles or ('reader', 'writer'))}]"]
    if user:
        parts.append(f"user: {_quoted(user)}")
    if label:
        parts.append(f"labels: {{name: {_quoted(label)}}}")
    click.echo("key, shown this once:", err=True)
    click.echo(key.text)
    click.echo("under auth.api_keys of the tenant:", err=True)
    click.echo(f"- {{{', '.join(parts)}}}", err=True)


for each in COMMANDS:
    command.add_command(each)


def _quoted(text: str) -> str:
    """A JSON string, which is a YAML string too."""
    import msgspec

    return msgspec.json.encode(text).decode()
