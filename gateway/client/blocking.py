"""The operations of the client that blocks, by what they are about. Each is what `asks` says, and nothing else."""

from gateway.client.asks import memories, quarantine, runs, sessions, subjects
from gateway.client.parts import Part, sends


class Memories(Part):
    """What is remembered for long, and the context block made of it."""

    add = sends(memories.add)
    add_batch = sends(memories.add_batch)
    extract = sends(memories.extract)
    search = sends(memories.search)
    context = sends(memories.context)
    get = sends(memories.get)
    list = sends(memories.list_)
    update = sends(memories.update)
    delete = sends(memories.delete)
    delete_all = sends(memories.delete_all)
    history = sends(memories.history)


class Sessions(Part):
    """Conversations: messages in their order."""

    mint = sends(sessions.mint)
    list = sends(sessions.list_)
    delete = sends(sessions.delete)
    append = sends(sessions.append)
    history = sends(sessions.history)
    clear = sends(sessions.clear)
    trim = sends(sessions.trim)
    context = sends(sessions.context)
    search = sends(sessions.search)
    summary = sends(sessions.summary)
    summarize = sends(sessions.summarize)
    stats = sends(sessions.stats)
    set_system = sends(sessions.set_system)
    system = sends(sessions.system)
    delete_system = sends(sessions.delete_system)


class Checkpoints(Part):
    """The states of runs."""

    put = sends(runs.put)
    put_named = sends(runs.put_named)
    get = sends(runs.get)
    latest = sends(runs.latest)
    list = sends(runs.list_)
    delete = sends(runs.delete)
    prune = sends(runs.prune)
    list_all = sends(runs.list_all)
    find = sends(runs.find)
    drop = sends(runs.drop)
    write = sends(runs.write)
    writes = sends(runs.writes)


class Runs(Part):
    """What is known of a run as a whole."""

    set_state = sends(runs.set_state)
    state = sends(runs.state)
    delete = sends(runs.delete_run)


class Subjects(Part):
    """People: what the law has a word on."""

    erase = sends(subjects.erase)
    erasure = sends(subjects.erasure)
    export = sends(subjects.export)


class Quarantine(Part):
    """What hooks have kept aside."""

    list = sends(quarantine.list_)
    release = sends(quarantine.release)
    drop = sends(quarantine.drop)
