"""The example: a conversation goes on in a new process, after the gateway was restarted."""

from pathlib import Path

from tests.frameworks.restarting import told_and_asked


async def test_an_agent_recalls_in_a_new_process_what_it_was_told_before_the_restart(tmp_path: Path) -> None:
    told, asked = await told_and_asked(
        "tframex", tmp_path, ("ada", "support-1", "My name is Ada"), ("ada", "support-1", "What is my name?")
    )
    assert told == asked == "Your name is Ada."
