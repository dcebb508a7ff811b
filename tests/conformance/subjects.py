"""Every built-in provider, and every way of running it, that the clauses are held against: one line each."""

from gateway.testing.subjects import Subject
from tests.conformance.chains import CHAINS
from tests.servers import agentcore, aws, given, mem0_platform, mongo, openai, postgres, qdrant, redis, zep

SUBJECTS = (
    Subject(name="memory", plugin="gateway.providers.memory:Memory", against="real", options=lambda _: {}),
    Subject(
        name="custom",
        plugin="gateway.providers.custom:Custom",
        against="real",
        through="a class of forty lines",
        options=lambda _: {"provider": "tests.providers.custom.own:Own", "options": {"connection": "none"}},
    ),
    Subject(
        name="sqlite", plugin="gateway.providers.sqlite:Sqlite", against="real", options=lambda _: {"path": "data/m.db"}
    ),
    Subject(
        name="folder", plugin="gateway.providers.folder:Folder", against="real", options=lambda _: {"path": "archive"}
    ),
    Subject(
        name="s3",
        many=600,
        plugin="gateway.providers.s3:S3",
        against="stand-in",
        through="moto",
        options=lambda place: {
            **{key: place.server[key] for key in ("endpoint_url", "region")},
            **aws.KEYS,
            "bucket": place.token,
            "create_bucket": True,
            "prefix": "archive",
            "connect_timeout": 30,
            "timeout": 60,
        },
        server=aws.aws,
    ),
    Subject(
        name="agentcore",
        many=600,
        plugin="gateway.providers.agentcore:Agentcore",
        against="stand-in",
        through="our data plane from botocore's model",
        options=lambda place: {
            **{key: place.server[key] for key in ("endpoint_url", "region")},
            **agentcore.KEYS,
            "memory_id": f"conformance-{place.token[:10]:0<10}",
        },
        server=agentcore.agentcore,
    ),
    Subject(
        name="dynamodb",
        many=600,
        plugin="gateway.providers.dynamodb:Dynamodb",
        against="real" if given("DYNAMODB") else "stand-in",
        through="the server named in the environment" if given("DYNAMODB") else "moto",
        options=lambda place: {
            **{key: place.server[key] for key in ("endpoint_url", "region")},
            **aws.KEYS,
            "table_name": place.token,
            "connect_timeout": "30s",
            "timeout": "60s",  # the stand-in is slow where a machine is busy
        },
        server=aws.dynamodb,
    ),
    Subject(
        name="qdrant",
        plugin="gateway.providers.qdrant:Qdrant",
        against="real" if given("QDRANT") else "stand-in",
        through="the server named in the environment" if given("QDRANT") else "real Rust engine, REST layer ours",
        options=lambda place: {"url": place.server["url"], "collection": place.token},
        server=qdrant.qdrant,
    ),
    Subject(
        name="mem0",
        many=600,
        plugin="gateway.providers.mem0:Mem0",
        against="real",
        through="mem0ai in this process, embedded Qdrant, a model of ours",
        options=lambda place: {
            "config": openai.mem0_block(place.server["url"], f"{place.server['folder']}/{place.token}", place.token)
        },
        server=openai.openai,
    ),
    Subject(
        name="mem0-hosted",
        many=600,
        plugin="gateway.providers.mem0:Mem0",
        against="real" if given("MEM0") else "stand-in",
        through="mem0ai's client, a platform of ours",
        options=lambda place: {
            "api_key": place.server["api_key"] + ("" if given("MEM0") else place.token),
            "host": place.server["url"],
        },
        server=mem0_platform.mem0_platform,
    ),
    Subject(
        name="redis",
        plugin="gateway.providers.redis:Redis",
        against="real",
        through="the server named in the environment" if given("REDIS") else "valkey 9",
        options=lambda place: redis.options(place.server["url"], place.token),
        server=redis.redis,
    ),
    Subject(
        name="redis (debian)",
        themes=frozenset({"writing", "removing", "expiry", "processes"}),
        plugin="gateway.providers.redis:Redis",
        against="real",
        through="the system's redis-server",
        options=lambda place: redis.options(place.server["url"], place.token),
        server=redis.debian,
    ),
    Subject(
        name="redis (cluster)",
        themes=frozenset({"writing", "removing", "scopes", "paging", "processes"}),
        plugin="gateway.providers.redis:Redis",
        against="real",
        through="three nodes of valkey 9",
        options=lambda place: {**redis.options(place.server["url"], place.token), "cluster": True},
        server=redis.cluster,
    ),
    Subject(
        name="postgres",
        plugin="gateway.providers.postgres:Postgres",
        against="real",
        through="PostgreSQL 18 with pgvector",
        options=lambda place: {
            "url": f"postgresql://{place.server['authority']}",
            "table": place.token,
            "vectors": True,
        },
        server=postgres.postgres,
    ),
    Subject(
        name="postgres-plain",
        themes=frozenset({"writing", "facts", "search", "expiry"}),
        plugin="gateway.providers.postgres:Postgres",
        against="real",
        through="PostgreSQL 18, vectors left to the gateway",
        options=lambda place: {
            "url": f"postgresql://{place.server['authority']}",
            "table": place.token,
            "vectors": False,
        },
        server=postgres.postgres,
    ),
    Subject(
        name="zep",
        many=600,
        plugin="gateway.providers.zep:Zep",
        against="real" if given("ZEP") else "stand-in",
        through="Zep's cloud" if given("ZEP") else "our server from the models of Zep's client",
        options=lambda place: zep.options(place.server, place.token),
        server=zep.zep,
    ),
    Subject(
        name="mongodb",
        plugin="gateway.providers.mongodb:Mongodb",
        against="real" if given("MONGODB") else "stand-in",
        through="the server named in the environment" if given("MONGODB") else "our own wire server",
        options=lambda place: mongo.options(place.server, place.token),
        server=mongo.mongodb,
    ),
    Subject(
        name="mongodb-motor",
        themes=frozenset({"writing", "reading", "removing", "processes"}),
        many=600,
        plugin="gateway.providers.mongodb:Mongodb",
        against="real" if given("MONGODB") else "stand-in",
        through="the server named in the environment, Motor" if given("MONGODB") else "our own wire server, Motor",
        options=lambda place: {"url": place.server["url"], "collection": place.token, "driver": "motor"},
        server=mongo.mongodb,
    ),
    Subject(
        name="mongodb-nx",
        themes=frozenset({"writing", "reading", "removing", "paging", "filters"}),
        many=600,
        plugin="gateway.providers.mongodb:Mongodb",
        against="stand-in",
        through="nx-27017",
        options=lambda place: {"url": place.server["url"], "collection": place.token},
        server=mongo.nx,
    ),
    *CHAINS,
)
