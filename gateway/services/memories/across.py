"""What can be done with memories of any owner that the caller may name, by a request that names none.

The operations are the ordinary ones, under the same roles and names; only the reach is wider. `ANYWHERE` is about one
memory by its id, or about owners themselves, so that not even what the route requires has to be named.
"""

from typing import Final

import msgspec

from gateway.services.call import Operation
from gateway.services.context import CONTEXT, Block, Prompting
from gateway.services.memories import past
from gateway.services.memories.reading import GET, LIST, Listing, Memories, One
from gateway.services.memories.removing import DELETE_ALL, Removal, Removed
from gateway.services.memories.searching import SEARCH, Results, Search
from gateway.services.views import Memory

SEARCH_ACROSS: Final[Operation[Search, Results]] = msgspec.structs.replace(SEARCH, across="optional")
CONTEXT_ACROSS: Final[Operation[Prompting, Block]] = msgspec.structs.replace(CONTEXT, across="optional")
LIST_ACROSS: Final[Operation[Listing, Memories]] = msgspec.structs.replace(LIST, across="optional")
DELETE_ACROSS: Final[Operation[Removal, Removed]] = msgspec.structs.replace(DELETE_ALL, across="optional")
DELETE_ANYWHERE: Final[Operation[Removal, Removed]] = msgspec.structs.replace(DELETE_ALL, across="all")
LIST_ANYWHERE: Final[Operation[Listing, Memories]] = msgspec.structs.replace(LIST, across="all")
GET_ANYWHERE: Final[Operation[One, Memory]] = msgspec.structs.replace(GET, across="all")
HISTORY_ANYWHERE: Final[Operation[One, past.Events]] = msgspec.structs.replace(past.OPERATION, across="all")
