"""A moto server in its own process: DynamoDB, S3 and other services of AWS, kept in memory. A stand-in, not AWS.

A killed one has lost everything. GATEWAY_TEST_AWS_URL names a server that runs elsewhere.
"""

import os
import subprocess
import sys
import time
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from urllib.error import URLError
from urllib.request import urlopen

from . import Absent, free_port, given

START_SECONDS = 30
REGION = "eu-central-1"
KEYS = {"access_key_id": "testing", "secret_access_key": "testing"}  # what moto takes for credentials: anything


@contextmanager
def aws(home: Path) -> Generator[Mapping[str, str]]:
    """`endpoint_url`, `region` and `pid` ("" where it runs elsewhere)."""
    elsewhere = given("AWS")
    if elsewhere:
        yield {"endpoint_url": elsewhere, "region": REGION, "pid": ""}
        return
    if find_spec("moto") is None:
        raise Absent("moto is not installed: pip install 'moto[dynamodb,s3,server]'")
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    root = Path(__file__).parent.parent.parent
    home.mkdir(parents=True, exist_ok=True)
    with (home / "moto.log").open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "tests.servers.aws_process", str(port)],
            stdout=log,
            stderr=log,
            cwd=root,
            env={**os.environ, "PYTHONPATH": str(root)},
        )
    try:
        _wait(process, url)
        yield {"endpoint_url": url, "region": REGION, "pid": str(process.pid)}
    finally:
        process.terminate()
        try:
            process.wait(5)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


@contextmanager
def dynamodb(home: Path) -> Generator[Mapping[str, str]]:
    """The same, unless GATEWAY_TEST_DYNAMODB_URL names another server of DynamoDB alone."""
    elsewhere = given("DYNAMODB")
    if elsewhere:
        yield {"endpoint_url": elsewhere, "region": REGION, "pid": ""}
        return
    with aws(home) as facts:
        yield facts


def _wait(process: subprocess.Popen[bytes], url: str) -> None:
    until = time.monotonic() + START_SECONDS
    while process.poll() is None and time.monotonic() < until:
        try:
            with urlopen(f"{url}/moto-api/", timeout=1):
                return
        except (URLError, OSError):
            time.sleep(0.05)
    raise Absent("moto did not start: pip install 'moto[dynamodb,s3,server]'")
