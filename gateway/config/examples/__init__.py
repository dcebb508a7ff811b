"""For each code what to do, a broken example and its correction. One block of codes in each file.

Every example is compiled by the test suite: the broken one has its code, the mended one has none.
"""

from collections.abc import Mapping
from typing import Final

from gateway.config.examples import credentials, environment, meaning, naming, references, structure, syntax
from gateway.config.examples.example import Example

EXAMPLES: Final[Mapping[str, Example]] = {
    **syntax.EXAMPLES,
    **references.EXAMPLES,
    **structure.EXAMPLES,
    **naming.EXAMPLES,
    **meaning.EXAMPLES,
    **credentials.EXAMPLES,
    **environment.EXAMPLES,
}
