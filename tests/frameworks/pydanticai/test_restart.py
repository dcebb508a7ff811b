"""The example: an agent recalls in a new process what another was told, after the gateway was restarted."""

from pathlib import Path

from tests.frameworks.restarting import told_and_asked


async def test_an_agent_recalls_in_a_new_process_what_it_was_told_before_the_restart(tmp_path: Path) -> None:
    told, asked = await told_and_asked(
        "pydanticai", tmp_path, ("ada", "I love Python programming"), ("ada", "Which programming do I love?")
    )
    assert told == "I know nothing of you yet."
    assert asked == "You told me: I love Python programming"
