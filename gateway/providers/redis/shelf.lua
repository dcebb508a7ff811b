-- What one scope holds: the beginning of the scripts that write it.
--
-- KEYS[1] is the base of the scope's keys, `<prefix>{<hash>}`. Every other key is made from it, so all of them have its
-- hash tag and live in its slot. Two shelves: "records" keeps each record under a key of its own, "session" keeps the
-- messages of a session, and what belongs to them, in one hash, so that one command renews or ends all of it.
-- Beside them: an index (id -> version, expiry, kind, time), for each kind the order, what is due, and a revision.

local base = KEYS[1]

local function shelf_of(name)
  local own = base .. ":" .. name
  return { name = name, index = own .. ":index", due = own .. ":due", meta = own .. ":meta", order = own .. ":order:" }
end

local session_kinds = { message = true, session = true, system = true, summary = true }
local all_kinds = { "memory", "history", "message", "session", "system", "summary", "checkpoint", "run", "key" }
local shelves = { records = shelf_of("records"), session = shelf_of("session") }

local function shelf_for(kind)
  return session_kinds[kind] and shelves.session or shelves.records
end

local function keys_of(shelf)
  local keys = { shelf.index, shelf.due, shelf.meta }
  if shelf.name == "session" then keys[#keys + 1] = base .. ":messages" end
  for _, kind in ipairs(all_kinds) do
    if shelf_for(kind) == shelf then keys[#keys + 1] = shelf.order .. kind end
  end
  return keys
end

-- What the index says of an id, or nil.
local function entry(shelf, id)
  local packed = redis.call("HGET", shelf.index, id)
  if not packed then return nil end
  local version, expires, kind, at = string.match(packed, "^(%d+) (%-?%d*) (%l+) (%x+)$")
  return { version = tonumber(version), expires = tonumber(expires), kind = kind, at = at }
end

local function lives(old, now)
  return old.expires == nil or old.expires > now
end

local function erase(shelf, id, old)
  if shelf.name == "session" then
    redis.call("HDEL", base .. ":messages", id)
  else
    redis.call("DEL", base .. ":r:" .. id)
  end
  redis.call("HDEL", shelf.index, id)
  redis.call("ZREM", shelf.order .. old.kind, old.at .. id)
  redis.call("ZREM", shelf.due, id)
end

-- Store a record over whatever is there. `expires` is in microseconds, `ms` how long until then; both may be "".
local function keep(shelf, record, old)
  if old and (old.kind ~= record.kind or old.at ~= record.at) then
    redis.call("ZREM", shelf.order .. old.kind, old.at .. record.id)
  end
  if shelf.name == "session" then
    redis.call("HSET", base .. ":messages", record.id, record.json)
  elseif record.ms ~= "" then
    redis.call("SET", base .. ":r:" .. record.id, record.json, "PX", record.ms)
  else
    redis.call("SET", base .. ":r:" .. record.id, record.json)
  end
  redis.call("HSET", shelf.index, record.id,
    record.version .. " " .. record.expires .. " " .. record.kind .. " " .. record.at)
  redis.call("ZADD", shelf.order .. record.kind, 0, record.at .. record.id)
  if record.expires ~= "" then
    redis.call("ZADD", shelf.due, record.expires, record.id)
  elseif old and old.expires then
    redis.call("ZREM", shelf.due, record.id)
  end
end

-- Whether the session as a whole has run out: its messages are renewed together and end together.
local function ran_out(shelf, now)
  local ends = redis.call("HGET", shelf.meta, "until")
  return ends and tonumber(ends) <= now
end

local function wipe(shelf, gone)
  for _, id in ipairs(redis.call("HKEYS", shelf.index)) do gone[id] = true end
  redis.call("DEL", unpack(keys_of(shelf)))
end

local function listed(set)
  local list = {}
  for each in pairs(set) do list[#list + 1] = each end
  return list
end

-- Forget some of what has expired; its ids go into the set `gone`, as they do when a session is wiped.
local function prune(shelf, now, gone)
  for _, id in ipairs(redis.call("ZRANGEBYSCORE", shelf.due, "-inf", string.format("%.0f", now), "LIMIT", 0, 100)) do
    local old = entry(shelf, id)
    if old then erase(shelf, id, old) else redis.call("ZREM", shelf.due, id) end
    gone[id] = true
  end
end

-- A revision that this shelf never had, not even in an earlier life: the server's time, or one more than the last.
local function revise(shelf)
  local time = redis.call("TIME")
  local now = time[1] * 1000000 + time[2]
  local last = tonumber(redis.call("HGET", shelf.meta, "revision") or "0")
  redis.call("HSET", shelf.meta, "revision", string.format("%.0f", now > last and now or last + 1))
end

-- Let the keys of a shelf end with the last of its records, or not at all.
local function lease(shelf, now)
  local held, due = redis.call("HLEN", shelf.index), redis.call("ZCARD", shelf.due)
  if held > due then
    if redis.call("HDEL", shelf.meta, "lease") == 1 then
      for _, key in ipairs(keys_of(shelf)) do redis.call("PERSIST", key) end
    end
    return
  end
  local last = redis.call("ZRANGE", shelf.due, -1, -1, "WITHSCORES")[2]
  local ms = math.max(0, math.ceil((tonumber(last) - now) / 1000)) + 2000
  redis.call("HSET", shelf.meta, "lease", "1")
  for _, key in ipairs(keys_of(shelf)) do redis.call("PEXPIRE", key, string.format("%.0f", ms)) end
end

-- The last thing done to a shelf that was changed. An empty one leaves no trace.
local function settle(shelf, now)
  if redis.call("EXISTS", shelf.index) == 0 then
    redis.call("DEL", shelf.meta, shelf.due)
    return
  end
  revise(shelf)
  if not redis.call("HGET", shelf.meta, "until") then lease(shelf, now) end
end
