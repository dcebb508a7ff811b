"""The operations of the client that awaits, by what they are about. Each is what `asks` says, and nothing else."""

from gateway.client.asks import memories, quarantine, runs, sessions, subjects
from gateway.client.parts import AsyncPart, awaits


class AsyncMemories(AsyncPart):
    """What is remembered for long, and the context block made of it."""

    add = awaits(memories.add)
    add_batch = awaits(memories.add_batch)
    extract = awaits(memories.extract)
    search = awaits(memories.search)
    context = awaits(memories.context)
    get = awaits(memories.get)
    list = awaits(memories.list_)
    update = awaits(memories.update)
    delete = awaits(memories.delete)
    delete_all = awaits(memories.delete_all)
    history = awaits(memories.history)


class AsyncSessions(AsyncPart):
    """Conversations: messages in their order."""

    mint = awaits(sessions.mint)
    list = awaits(sessions.list_)
    delete = awaits(sessions.delete)
    append = awaits(sessions.append)
    history = awaits(sessions.history)
    clear = awaits(sessions.clear)
    trim = awaits(sessions.trim)
    context = awaits(sessions.context)
    search = awaits(sessions.search)
    summary = awaits(sessions.summary)
    summarize = awaits(sessions.summarize)
    stats = awaits(sessions.stats)
    set_system = awaits(sessions.set_system)
    system = awaits(sessions.system)
    delete_system = awaits(sessions.delete_system)


class AsyncCheckpoints(AsyncPart):
    """The states of runs."""

    put = awaits(runs.put)
    put_named = awaits(runs.put_named)
    get = awaits(runs.get)
    latest = awaits(runs.latest)
    list = awaits(runs.list_)
    delete = awaits(runs.delete)
    prune = awaits(runs.prune)
    list_all = awaits(runs.list_all)
    find = awaits(runs.find)
    drop = awaits(runs.drop)
    write = awaits(runs.write)
    writes = awaits(runs.writes)


class AsyncRuns(AsyncPart):
    """What is known of a run as a whole."""

    set_state = awaits(runs.set_state)
    state = awaits(runs.state)
    delete = awaits(runs.delete_run)


class AsyncSubjects(AsyncPart):
    """People: what the law has a word on."""

    erase = awaits(subjects.erase)
    erasure = awaits(subjects.erasure)
    export = awaits(subjects.export)


class AsyncQuarantine(AsyncPart):
    """What hooks have kept aside."""

    list = awaits(quarantine.list_)
    release = awaits(quarantine.release)
    drop = awaits(quarantine.drop)
