"""Sessions of any owner that the caller may name, for a request that names none.

The operation is the ordinary one, under the same role and name; only the reach is wider. `FIND_ANYWHERE` is about one
session by its id, so that not even what the route requires has to be named.
"""

from typing import Final

import msgspec

from gateway.services.call import Operation
from gateway.services.sessions.listing import LIST, SessionListing, Sessions, listed

LIST_ACROSS: Final[Operation[SessionListing, Sessions]] = msgspec.structs.replace(LIST, run=listed, across="optional")
FIND_ANYWHERE: Final[Operation[SessionListing, Sessions]] = msgspec.structs.replace(LIST, across="all")
