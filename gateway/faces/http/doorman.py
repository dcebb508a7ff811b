"""From a request's credential to its Principal, whatever the language it comes in; and who has failed too often.

The look-up of a key, and of a token that was seen before, is sync and is kept from nobody. What costs more is not done
for an address that has been refused too often. Only a token whose issuer's keys are being read waits, for a moment.
"""

from gateway.auth.tokens import Unsettled
from gateway.domain.errors import Forbidden, TooMany, Unauthenticated
from gateway.domain.principal import Principal
from gateway.runtime.running import Running
from gateway.runtime.snapshot import Snapshot


class Doorman:
    def __init__(self, running: Running) -> None:
        self._means = running.means

    def identify(self, snapshot: Snapshot, presented: str | None, address: str) -> Principal:
        """As the gate has it; TooMany in place of a refusal where `address` has been refused too often. Unsettled
        where `settled` is to be awaited.
        """
        failures, most = self._means.failures, snapshot.config.server.failed_auth
        wait = failures.wait(address, most) if failures else 0
        try:
            return snapshot.gate.identify(presented, self._means.clock(), verify=not wait)
        except (Unauthenticated, Forbidden):
            if presented is None:
                raise
            if wait:
                raise TooMany(
                    "too many refused credentials came from this address",
                    code="auth_failures",
                    headers={"Retry-After": str(wait)},
                ) from None
            failures.note(address, most)
            raise

    async def settled(self, snapshot: Snapshot, presented: str | None, address: str, unsettled: Unsettled) -> Principal:
        await unsettled.settle()
        return self.identify(snapshot, presented, address)
