"""Two agents and what they share: a user's notes, the team's facts, and, for comparison, drafts of their own.

    memory-gateway serve examples/shared/gateway.yaml
    python examples/shared/agents.py http://127.0.0.1:8080

What is shared is decided in the file, by the `scope` of each route; the agents only say who they are.
"""

import sys

from gateway.client import Gateway


class Agent:
    """One of several that serve the same people."""

    def __init__(self, gateway: Gateway, name: str) -> None:
        self.name = name
        self.notes = gateway.scoped(agent_id=name).memories
        self.facts = gateway.scoped(agent_id=name, route="facts").memories
        self.drafts = gateway.scoped(agent_id=name, route="drafts").memories

    def sees(self, what: str, user: str) -> list[str]:
        return sorted(each.content for each in getattr(self, what).list(user_id=user))


def main(url: str) -> None:
    with Gateway(url) as gateway:
        planner, booker = Agent(gateway, "planner"), Agent(gateway, "booker")

        planner.notes.add("Ann wants a window seat", user_id="ann")
        planner.drafts.add("Lisbon in May?", user_id="ann")
        booker.facts.add("The airline's desk is closed on Sundays", user_id="bob")

        print("booker, for Ann, notes:", booker.sees("notes", "ann"))
        print("booker, for Bob, notes:", booker.sees("notes", "bob"))
        print("planner, for Ann, facts:", planner.sees("facts", "ann"))
        print("booker, for Ann, drafts:", booker.sees("drafts", "ann"))

        (wish,) = booker.notes.search("where does she like to sit?", user_id="ann", top_k=1)
        booker.notes.update(wish.id, content="Ann wants an aisle seat", user_id="ann")
        print("planner, for Ann, notes:", planner.sees("notes", "ann"))


if __name__ == "__main__":
    main(sys.argv[1])
