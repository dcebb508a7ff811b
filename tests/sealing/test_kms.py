"""A root key in AWS KMS, as moto speaks it: wraps and unwraps, and is bound to the place of what it wraps."""

import os
from collections.abc import Generator
from pathlib import Path
from typing import Any, cast

import pytest

from gateway.domain.errors import Tampered, Unavailable
from gateway.domain.units import Secret
from gateway.sealing.roots import RootSource, open_root
from gateway.sealing.safe import Safe
from tests.sealing.scene import Scene
from tests.servers.aws import KEYS, aws


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Generator[str]:
    with aws(tmp_path_factory.mktemp("aws")) as facts:
        yield facts["endpoint_url"]


async def source(url: str, key_id: str = "") -> RootSource:
    from aiobotocore import session as driver  # pyright: ignore[reportMissingTypeStubs] -- the driver has none

    client: Any = cast("Any", driver).get_session().create_client(
        "kms", region_name="eu-central-1", endpoint_url=url,
        aws_access_key_id=KEYS["access_key_id"], aws_secret_access_key=KEYS["secret_access_key"],
    )  # fmt: skip
    async with client as kms:
        made = key_id or (await kms.create_key())["KeyMetadata"]["KeyId"]
    return RootSource(
        type="aws-kms", key_id=made, region="eu-central-1", endpoint_url=url,
        access_key_id=Secret(KEYS["access_key_id"]), secret_access_key=Secret(KEYS["secret_access_key"]),
    )  # fmt: skip


async def test_a_root_in_kms_wraps_keys_that_another_worker_opens(url: str, tmp_path: Path) -> None:
    root = await open_root(await source(url), tmp_path, os.urandom)
    scene = Scene()
    first, second = (
        Safe("keyring.main", scene.store.provider, {root.id: root}, scene.clock, os.urandom) for _ in range(2)
    )
    made = await first.tenant_keys("acme")
    assert (await second.tenant_keys("acme")).keys == made.keys
    wrapped = await root.wrap(b"k" * 32, b"here")
    assert await root.unwrap(wrapped, b"here") == b"k" * 32
    with pytest.raises((Tampered, Unavailable)):
        await root.unwrap(wrapped, b"there")


async def test_kms_that_is_away_is_unavailable(tmp_path: Path) -> None:
    asked = await source("http://127.0.0.1:9", "some-key")
    root = await open_root(asked, tmp_path, os.urandom)
    with pytest.raises(Unavailable):
        await root.wrap(b"k" * 32, b"here")
