"""The paths of language models."""

from typing import Final

from gateway.faces.http.exchange import Phrase
from gateway.faces.llm.chat import CHAT
from gateway.faces.llm.messages import MESSAGES
from gateway.faces.llm.proxying import passed, phrase
from gateway.faces.llm.responses import RESPONSES

PHRASES: Final[tuple[Phrase, ...]] = (
    phrase(CHAT), phrase(RESPONSES), phrase(MESSAGES), passed(CHAT, "/models"), passed(CHAT, "/models/{model}"),
)  # fmt: skip
