"""PydanticAI's agents with a memory in a gateway."""
