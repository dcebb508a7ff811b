"""What the contract's clauses run against: this package's provider."""

from gateway.testing import Subject

SUBJECTS = (
    Subject(
        name="journal",
        plugin="memory_gateway_journal:Journal",
        against="real",
        options=lambda _place: {"path": "data/journal.log"},
    ),
)
