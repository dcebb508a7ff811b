"""The contract of providers as a suite that anybody's provider can be held against.

    pytest -p gateway.testing.report --pyargs gateway.testing.clauses --conformance-subjects=my_package.subjects:SUBJECTS

where SUBJECTS is a tuple of `Subject`. Needs the extra `testing`. Nothing that serves imports it.
"""

from gateway.testing.subjects import Absent, Place, Subject

__all__ = ["Absent", "Place", "Subject"]
