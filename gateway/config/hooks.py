"""What a declared hook is asked about: its `on:`, read with what its type can be asked about."""

from gateway.config.compiled import Plugged
from gateway.domain.hooking import Moment, moments_of


def asked_at(declared: Plugged) -> frozenset[Moment]:
    """The moments that a declaration means, of those its type can be asked at."""
    hooking = declared.hooking
    usual: frozenset[Moment] = declared.plugin.usual
    if hooking is None or not (words := hooking.words(())):
        return usual
    return frozenset(each for word in words for each in means(declared, word))


def means(declared: Plugged, word: str) -> frozenset[Moment]:
    """What one word of `on:` comes to. Nothing, where the type has nothing to do there. An event of which only the
    unusual side is possible means that side."""
    can: frozenset[Moment] = declared.plugin.moments
    return moments_of(word, declared.plugin.usual) & can or moments_of(word, can) & can
