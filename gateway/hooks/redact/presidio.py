"""Finding by Presidio's recognisers, in this process: patterns, check digits and words nearby, over a blank spaCy
pipeline. It loads no model, so it finds no names; it asks no network, for the list of public suffixes is the one that
its package brings.
"""

import logging
from collections.abc import Iterator, Mapping, Sequence
from importlib import import_module
from threading import Lock
from typing import Any, Final

from gateway.domain.errors import Misconfigured
from gateway.hooks.redact.recognisers import Found, Type, apart, find

# What of ours Presidio has a recogniser of too, by its name there. The others stay ours.
ENTITIES: Final[Mapping[Type, str]] = {
    "email": "EMAIL_ADDRESS",
    "phone": "PHONE_NUMBER",
    "ssn": "US_SSN",
    "iban": "IBAN_CODE",
    "card": "CREDIT_CARD",
    "ip": "IP_ADDRESS",
}
_MODELLED: Final = "SpacyRecognizer"  # finds what a model finds, and there is none


class Presidio:
    """Loaded once, which blocks and takes a second or more. `find` blocks too, and lets one text in at a time: the words
    of a text are kept in its pipeline's vocabulary, and are taken out again behind it."""

    def __init__(
        self, types: Sequence[Type], entities: Sequence[str], languages: Sequence[str], score_threshold: float
    ) -> None:
        """Misconfigured where the package is missing, or does not know a language or an entity."""
        self._threshold = score_threshold
        self._lock = Lock()
        self._pipelines, self._analyzer, self._artifacts = _load(languages)
        known = {each: frozenset[str](self._analyzer.get_supported_entities(each)) for each in languages}
        if lost := sorted(set(entities) - frozenset[str]().union(*known.values())):
            raise Misconfigured(
                f"Presidio finds no {', '.join(lost)} in {', '.join(languages)} without a model",
                code="presidio_options",
            )
        named = {name: type_ for type_, name in ENTITIES.items() if type_ in types}
        self._types: dict[str, str] = {each: each.lower() for each in entities} | named
        self._asked = {each: sorted(self._types.keys() & known[each]) for each in languages}
        answered = frozenset[str]().union(*self._asked.values())
        self._own: tuple[Type, ...] = tuple(each for each in types if ENTITIES.get(each) not in answered)

    def find(self, text: str) -> list[Found]:
        """As our own: in order and without overlaps; of two for one place, the surer."""
        found: list[Found] = find(text, self._own)
        with self._lock:
            for language, asked in self._asked.items():
                found.extend(self._analyze(text, language, asked) if asked else ())
        return apart(found)

    def _analyze(self, text: str, language: str, asked: Sequence[str]) -> Iterator[Found]:
        pipeline = self._pipelines[language]
        with pipeline.memory_zone():
            words = pipeline(text)
            artifacts = self._artifacts(
                entities=[],
                tokens=words,
                tokens_indices=[each.idx for each in words],
                lemmas=[each.lower_ for each in words],  # a blank pipeline knows none, and the words nearby are wanted
                nlp_engine=self._analyzer.nlp_engine,
                language=language,
            )
            results: list[Any] = self._analyzer.analyze(
                text, language, entities=list(asked), score_threshold=self._threshold, nlp_artifacts=artifacts
            )
        for each in sorted(results, key=lambda one: -one.score):
            yield Found(each.start, each.end, self._types[each.entity_type])


def _load(languages: Sequence[str]) -> tuple[dict[str, Any], Any, Any]:
    """The pipelines, the analyzer over them and the class of what it is given of a text."""
    try:  # by their names, for none of them is there to be read where this is checked
        spacy, presidio, suffixes = map(import_module, ("spacy", "presidio_analyzer", "tldextract"))
        engines, recognizers = map(
            import_module, ("presidio_analyzer.nlp_engine", "presidio_analyzer.predefined_recognizers")
        )
    except ModuleNotFoundError as error:
        what = f"`engine: presidio` needs the package {error.name}: install memory-gateway[presidio]"
        raise Misconfigured(what, code="missing_package") from None
    logging.getLogger("presidio-analyzer").setLevel(logging.WARNING)  # below that it tells words of the text
    pipelines: dict[str, Any] = {}
    for each in languages:
        try:
            pipelines[each] = spacy.blank(each)
        except ImportError:
            raise Misconfigured(f"spaCy knows no language {each!r}", code="presidio_options") from None
    engine = engines.SlimSpacyNlpEngine(auto_download=False)
    engine.nlp = pipelines  # loaded thereby: its own way to load takes models
    registry = presidio.RecognizerRegistry(supported_languages=list(languages))
    registry.load_predefined_recognizers(languages=list(languages))
    registry.recognizers = [each for each in registry.recognizers if each.name != _MODELLED]
    listed = suffixes.TLDExtract(cache_dir=None, suffix_list_urls=())  # else fetched at the first address

    def valid(address: str) -> bool:
        return listed(address).fqdn != ""

    for each in registry.recognizers:
        if isinstance(each, recognizers.EmailRecognizer):
            each.validate_result = valid
    made = presidio.AnalyzerEngine(registry=registry, nlp_engine=engine, supported_languages=list(languages))
    return pipelines, made, engines.NlpArtifacts
