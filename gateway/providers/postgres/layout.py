"""What is made in the database, and how an older layout becomes a newer one.

Statements are built from checked and quoted names alone. Whatever changes rows, a program or a person with SQL, the
triggers keep each scope's revision and the census true in the same transaction. Knows no records.
"""

# ruff: noqa: S608 -- statements are joined from checked and quoted names

from typing import Final

from gateway.providers.postgres.names import Names, quoted

TENANT: Final = "memory_gateway.tenant"  # the setting that says whose rows a transaction may see
EVERY: Final = "memory_gateway.tenants"  # "all" for sweeping, counting and moving, which nobody's request does

_PARTS: Final = "tenant, space, user_id, agent_id, run_id"
_CHANGES: Final = {
    "insert": ("NEW TABLE AS came", "SELECT {columns}, 1 AS n FROM came", ""),
    "delete": ("OLD TABLE AS went", "SELECT {columns}, -1 AS n FROM went", "went"),
    "update": (
        "OLD TABLE AS went NEW TABLE AS came",
        "SELECT {columns}, 1 AS n FROM came UNION ALL SELECT {columns}, -1 AS n FROM went",
        "went",
    ),
}
_SLOTS: Final = 32  # rows that share a kind's count, so that writers of different scopes seldom wait for each other


def first(names: Names) -> list[str]:
    """Layout 1. Terms are kept as an array beside how often each occurs: what BM25 needs, which tsvector does not keep."""
    return [
        f"""CREATE TABLE {names.records} (
            tenant text COLLATE "C" NOT NULL, id text COLLATE "C" NOT NULL, kind text COLLATE "C" NOT NULL,
            space text COLLATE "C" NOT NULL, user_id text COLLATE "C" NOT NULL, agent_id text COLLATE "C" NOT NULL,
            run_id text COLLATE "C" NOT NULL, scope bytea NOT NULL, role text COLLATE "C" NOT NULL,
            content text COLLATE "C" NOT NULL, body bytea, metadata jsonb NOT NULL, provenance jsonb NOT NULL,
            created_at timestamptz NOT NULL, updated_at timestamptz NOT NULL, expires_at timestamptz,
            version bigint NOT NULL, exact bytea, size bigint NOT NULL, words bigint NOT NULL,
            terms text[] COLLATE "C" NOT NULL, times integer[] NOT NULL, vector bytea,
            PRIMARY KEY (tenant, id)
        )""",
        f"CREATE INDEX {names.index('scope')} ON {names.records} (scope, kind, created_at, id)",
        f"CREATE INDEX {names.index('tenant')} ON {names.records} (tenant, created_at, id)",
        f"CREATE INDEX {names.index('user')} ON {names.records} (tenant, user_id, created_at, id) WHERE user_id <> ''",
        f"CREATE INDEX {names.index('expiry')} ON {names.records} (expires_at) WHERE expires_at IS NOT NULL",
        f"CREATE INDEX {names.index('terms')} ON {names.records} USING gin (terms)",
        f"""CREATE TABLE {names.scopes} (
            scope bytea PRIMARY KEY, tenant text COLLATE "C" NOT NULL, space text COLLATE "C" NOT NULL,
            user_id text COLLATE "C" NOT NULL, agent_id text COLLATE "C" NOT NULL, run_id text COLLATE "C" NOT NULL,
            revision bigint NOT NULL, records bigint NOT NULL, words bigint NOT NULL
        ) WITH (fillfactor = 70)""",
        f"CREATE INDEX {names.index('scopes_user')} ON {names.scopes} (tenant, user_id)",
        f"""CREATE TABLE {names.census} (
            slot integer, kind text COLLATE "C", records bigint NOT NULL, bytes bigint NOT NULL, PRIMARY KEY (slot, kind)
        ) WITH (fillfactor = 50)""",
        f"CREATE SEQUENCE {names.revisions}",
        f"""CREATE TABLE {names.adopted} (
            source text COLLATE "C" NOT NULL, tenant text COLLATE "C" NOT NULL, space text COLLATE "C" NOT NULL,
            last text COLLATE "C" NOT NULL, PRIMARY KEY (source, tenant, space)
        )""",
        *[statement for event in _CHANGES for statement in _counting(names, event)],
        f"""CREATE TABLE {names.meta} (
            one boolean PRIMARY KEY DEFAULT true CHECK (one), layout integer NOT NULL, epoch text NOT NULL,
            unembedded boolean NOT NULL
        )""",
        f"INSERT INTO {names.meta} (layout, epoch, unembedded) VALUES (0, gen_random_uuid()::text, true)",
    ]


STEPS: Final = (first,)  # what makes a layout n one of n + 1
VERSION: Final = len(STEPS)


def messages(names: Names, server: int) -> str:
    """A view of the messages in the columns that programs written for a plain table of messages read."""
    invoker = " WITH (security_invoker = true)" if server >= 150_000 else ""
    return f"""CREATE OR REPLACE VIEW {names.messages}{invoker} AS
        SELECT id, run_id AS session_id, role, content, created_at AS "timestamp", metadata,
            tenant, space, user_id, agent_id
        FROM {names.records} WHERE kind = 'message'"""


def fences(names: Names) -> list[str]:
    """The second fence: rows of no other tenant, for the owner of the tables too. Superusers pass every fence."""
    allowed = f"tenant = current_setting('{TENANT}', true) OR current_setting('{EVERY}', true) = 'all'"
    return [
        statement
        for table in (names.records, names.scopes)
        for statement in (
            f"DROP POLICY IF EXISTS memory_gateway_tenant ON {table}",
            f"CREATE POLICY memory_gateway_tenant ON {table} USING ({allowed})",
            f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY",
            f"ALTER TABLE {table} FORCE ROW LEVEL SECURITY",
        )
    ]


def embedding(names: Names, schema: str) -> str:
    """The column of pgvector's type; of any length, as embedders may change."""
    return f"ALTER TABLE {names.records} ADD COLUMN IF NOT EXISTS embedding {quoted(schema)}.vector"


def hnsw(names: Names, schema: str, dimension: int) -> str:
    """Vectors have unit length, so the inner product orders as the cosine does, and a vector of zeros does no harm."""
    return (
        f"CREATE INDEX IF NOT EXISTS {names.index(f'hnsw_{dimension:d}')} ON {names.records} "
        f"USING hnsw ((embedding::{quoted(schema)}.vector({dimension:d})) {quoted(schema)}.vector_ip_ops) "
        f"WHERE {quoted(schema)}.vector_dims(embedding) = {dimension:d}"
    )


def _counting(names: Names, event: str) -> list[str]:
    """The trigger of one event: revisions never repeat, and a scope that holds nothing leaves no trace.

    Rows are locked in one order by every transaction: records by id, then scopes, then the census.
    """
    tables, changes, went = _CHANGES[event]
    changed = changes.format(columns=f"scope, {_PARTS}, kind, size, words")
    gone = f"DELETE FROM {names.scopes} WHERE records <= 0 AND scope IN (SELECT scope FROM {went});" if went else ""
    return [
        f"""CREATE FUNCTION {names.counting(event)}() RETURNS trigger LANGUAGE plpgsql AS $body$
        BEGIN
            INSERT INTO {names.scopes} AS s (scope, {_PARTS}, revision, records, words)
            SELECT c.scope, c.tenant, c.space, c.user_id, c.agent_id, c.run_id,
                nextval('{names.revisions}'), c.records, c.words
            FROM (
                SELECT scope, {_PARTS}, sum(n) AS records, sum(n * words) AS words FROM ({changed}) AS each
                GROUP BY scope, {_PARTS} ORDER BY scope
            ) AS c
            ON CONFLICT (scope) DO UPDATE SET revision = excluded.revision,
                records = s.records + excluded.records, words = s.words + excluded.words;
            {gone}
            INSERT INTO {names.census} AS k (slot, kind, records, bytes)
            SELECT get_byte(scope, 0) % {_SLOTS}, kind, sum(n), sum(n * size) FROM ({changed}) AS each
            GROUP BY 1, 2 ORDER BY 1, 2
            ON CONFLICT (slot, kind) DO UPDATE SET records = k.records + excluded.records, bytes = k.bytes + excluded.bytes;
            RETURN NULL;
        END $body$""",
        f"""CREATE TRIGGER {quoted(f"count_{event}")} AFTER {event.upper()} ON {names.records}
        REFERENCING {tables} FOR EACH STATEMENT EXECUTE FUNCTION {names.counting(event)}()""",
    ]
