"""Takes what names a person or opens a door out of what is written, asked and shown: e-mail addresses, phone and card
numbers, IBANs, keys and more, by their form. What it takes out is never stored, embedded or logged. It finds no names.
"""

import asyncio
from collections.abc import Callable, Sequence
from contextlib import AsyncExitStack
from functools import partial
from typing import Annotated, Any, ClassVar, Final, Literal, TypeAlias, cast, get_args

import msgspec
from msgspec import Meta

from gateway.domain.hooking import (  # fmt: skip
    READS,
    WRITES,
    Event,
    HookContext,
    Moment,
    Outcome,
    Result,
    after,
    before,
    modify,
    proceed,
    reject,
)
from gateway.domain.ports import Kit
from gateway.domain.principal import Role
from gateway.domain.units import Secret
from gateway.hooks.redact.hiding import TOKEN, Hiding, Way
from gateway.hooks.redact.presidio import Presidio
from gateway.hooks.redact.recognisers import Found, Type, find, names_secret

__all__ = ["Redact"]

Finder: TypeAlias = Callable[[str], Sequence[Found]]

TYPES: Final[tuple[Type, ...]] = get_args(Type)
_INLINE: Final = 16_384  # characters that are looked at on the loop
_LONG: Final = 9  # digits from which a bare number is looked at
_DONE: Final = proceed()


class RedactOptions(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    types: Annotated[tuple[Type, ...], Meta(min_length=1, description="What to look for.")] = TYPES
    action: Annotated[
        Way,
        Meta(
            description="mask: [EMAIL]. hash: [EMAIL:9f2c...], the same for the same value. tokenise: with a way back. "
            "drop: nothing in its place. reject: refuse the write; on a read, leave the result out."
        ),
    ] = "mask"
    actions: Annotated[dict[Type, Way], Meta(description="Of single types, another action.")] = {}
    key: Annotated[Secret, Meta(description="To hash and to tokenise.")] | None = None
    metadata: Annotated[tuple[str, ...], Meta(description="Keys of the metadata to look at; `*` for all.")] = ("*",)
    reveal: Annotated[tuple[Role, ...], Meta(description="Roles that read tokens as what they stand for.")] = ()
    engine: Annotated[
        Literal["own", "presidio"],
        Meta(
            description="Whose recognisers look. presidio: Presidio's for email, phone, ssn, iban, card, ip and "
            "`entities`; ours for the rest. Neither takes a model or a network."
        ),
    ] = "own"
    entities: Annotated[
        tuple[Annotated[str, Meta(pattern="^[A-Z][A-Z_]{1,39}$")], ...],
        Meta(description="Of Presidio, what else to look for, by its names: UK_NHS, CRYPTO. `action` holds for them."),
    ] = ()
    languages: Annotated[
        tuple[Annotated[str, Meta(pattern="^[a-z]{2,3}$")], ...],
        Meta(
            min_length=1, description="Of Presidio, whose recognisers and words nearby; each text is read once in each."
        ),
    ] = ("en",)
    score_threshold: Annotated[
        float,
        Meta(ge=0, le=1, description="Of Presidio, how sure it must be. A phone number without a word for it: 0.4."),
    ] = 0.4

    def __post_init__(self) -> None:
        if self.entities and self.engine != "presidio":
            raise ValueError("`entities` are Presidio's: give `engine: presidio`")
        if self.key is None and {self.action, *self.actions.values()} & {"hash", "tokenise"}:
            raise ValueError("hash and tokenise need a `key`")

    @property
    def requires(self) -> dict[str, str]:
        return {"presidio_analyzer": "presidio"} if self.engine == "presidio" else {}

    def way(self, type_: str) -> Way:
        return cast("dict[str, Way]", self.actions).get(type_, self.action)


class Redact:
    """The same text always comes to the same. What is redacted already stays as it is."""

    type_name: ClassVar[str] = "redact"
    Options: ClassVar[type[RedactOptions]] = RedactOptions
    moments: ClassVar[frozenset[Moment]] = before(*WRITES, Event.SEARCH) | after(*READS)
    usual: ClassVar[frozenset[Moment]] = moments

    def __init__(self, options: RedactOptions, kit: Kit) -> None:
        self._options = options
        self._hiding = Hiding(options.key.reveal() if options.key is not None else None)
        self._finder: Finder = partial(find, types=options.types)

    async def open(self, stack: AsyncExitStack) -> None:
        options = self._options
        if options.engine == "presidio":
            self._finder = (
                await asyncio.to_thread(
                    Presidio, options.types, options.entities, options.languages, options.score_threshold
                )
            ).find
        if "tokenise" in {self._options.action, *self._options.actions.values()}:
            self._hiding.load()

    async def run(self, context: HookContext) -> Outcome:
        large = len(context.memory_content or "") > _INLINE or sum(map(_size, context.memory_results or ())) > _INLINE
        off = large or self._options.engine == "presidio"
        return await asyncio.to_thread(self._decide, context) if off else self._decide(context)

    def _decide(self, context: HookContext) -> Outcome:
        if context.memory_results is not None:
            return self._shown(context, context.memory_results)
        if context.memory_query is not None:
            redacting = Redacting(self._options, self._hiding, context.tenant, self._finder)
            query = redacting.text(context.memory_query)
            return modify(query=query) if query != context.memory_query else _DONE
        if context.record is None:
            return _DONE
        redacting = Redacting(self._options, self._hiding, context.tenant, self._finder)
        content, metadata = redacting.value(context.content), redacting.metadata(context.metadata)
        if redacting.refused:
            return reject(f"this holds what is not kept here: {', '.join(sorted(redacting.refused))}")
        if content == context.content and metadata == context.metadata:
            return _DONE
        return modify(content=content, metadata=metadata)

    def _shown(self, context: HookContext, results: tuple[Result, ...]) -> Outcome:
        roles = context.principal.roles if context.principal is not None else frozenset[Role]()
        reveals = not roles.isdisjoint(self._options.reveal)
        shown: list[Result] = []
        for each in results:
            redacting = Redacting(self._options, self._hiding, context.tenant, self._finder, reveals=reveals)
            content, metadata = redacting.value(each.content), redacting.metadata(each.metadata)
            if not redacting.refused:
                shown.append(msgspec.structs.replace(each, content=content, metadata=metadata))
        return _DONE if tuple(shown) == results else modify(results=shown)


class Redacting:
    """One pass over one thing. `refused` are the types that must not be there at all."""

    def __init__(
        self, options: RedactOptions, hiding: Hiding, tenant: str, finder: Finder, *, reveals: bool = False
    ) -> None:
        self.refused: set[str] = set()
        self._options = options
        self._hiding = hiding
        self._tenant = tenant
        self._finder = finder
        self._reveals = reveals

    def text(self, text: str) -> str:
        if self._reveals:
            return self._hiding.reveal(text, self._tenant)
        sealed = [each.span() for each in TOKEN.finditer(text)] if "~" in text else []
        made, at = "", 0
        for each in self._finder(text):
            if any(start < each.end and each.start < end for start, end in sealed):
                continue
            made += text[at : each.start] + self._put(text[each.start : each.end], each.type)
            at = each.end
        return made + text[at:]

    def value(self, value: Any, key: str = "") -> Any:
        """JSON with every string in it redacted. Keys stay; a long number is looked at as if it were text."""
        match value:
            case str():
                secret = bool(value) and names_secret(key) and "secret" in self._options.types and not self._reveals
                return self._put(value, "secret") if secret and not _hidden(value) else self.text(value)
            case dict():
                return {name: self.value(each, name) for name, each in cast("dict[str, Any]", value).items()}
            case list():
                return [self.value(each, key) for each in cast("list[Any]", value)]
            case bool():
                return value
            case int():
                digits = str(value)
                redacted = self.text(digits) if len(digits) >= _LONG else digits
                return value if redacted == digits else redacted
            case _:
                return value

    def metadata(self, metadata: dict[str, Any]) -> dict[str, Any]:
        wanted = self._options.metadata
        return {
            key: self.value(each, key) if "*" in wanted or key in wanted else each for key, each in metadata.items()
        }

    def _put(self, value: str, type_: str) -> str:
        way = self._options.way(type_)
        if way == "reject":
            self.refused.add(type_)
        return self._hiding.put(value, type_, way, self._tenant)


def _hidden(value: str) -> bool:
    return value.startswith("[SECRET") and value.endswith("]")


def _size(result: Result) -> int:
    return len(result.content) if isinstance(result.content, str) else _INLINE // 16
