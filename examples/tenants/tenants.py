"""Two tenants with a user of the same name: neither finds, reads, changes or deletes what the other keeps.

memory-gateway serve examples/tenants/gateway.yaml      # with keys of your own: memory-gateway keys new
ACME_KEY=... ANN_KEY=... GLOBEX_KEY=... python examples/tenants/tenants.py http://127.0.0.1:8080
"""

import os
import sys

from gateway.client import Forbidden, Gateway, NotFound, Unauthenticated


def main(url: str) -> None:
    with (
        Gateway(url, api_key=os.environ["ACME_KEY"], user_id="ann") as acme,
        Gateway(url, api_key=os.environ["GLOBEX_KEY"], user_id="ann") as globex,
        Gateway(url, api_key=os.environ["ANN_KEY"]) as ann,
        Gateway(url, api_key="mgk_nobody", user_id="ann") as nobody,
    ):
        secret = acme.memories.add("Ann's badge number is 4711")
        globex.memories.add("Ann collects stamps")

        print("acme finds:", [each.content for each in acme.memories.search("badge number of Ann", top_k=1)])
        print("globex lists:", [each.content for each in globex.memories.list()])
        try:
            globex.memories.get(secret.id)
        except NotFound as error:
            print("globex, with the id:", error.code)
        print("globex deletes, with the id:", globex.memories.delete(secret.id).deleted)

        # a key that is bound to a user needs to name nobody, and may name nobody else
        print("ann's own key lists:", [each.content for each in ann.memories.list()])
        try:
            ann.memories.list(user_id="bob")
        except Forbidden as error:
            print("ann's own key, as Bob:", error.code)
        try:
            nobody.memories.list()
        except Unauthenticated as error:
            print("without a key of anybody's:", error.code)
        print("still there:", acme.memories.get(secret.id).content)


if __name__ == "__main__":
    main(sys.argv[1])
