"""The example: a fact of one thread is found by another one, in a new process, after the gateway was restarted."""

from pathlib import Path

from tests.frameworks.restarting import told_and_asked


async def test_a_graph_knows_in_a_new_process_what_it_was_told_before_the_restart(tmp_path: Path) -> None:
    told, asked = await told_and_asked(
        "langgraph",
        tmp_path,
        ("ada", "monday", "I like strong coffee"),
        ("ada", "monday", "What do I like to drink, coffee?"),
    )
    assert told == "1 said in this thread; I know: I like strong coffee"
    assert asked == "2 said in this thread; I know: I like strong coffee"
