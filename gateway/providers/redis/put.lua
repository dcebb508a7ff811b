-- Store records of one scope, all in one step: those that are newer than what is there and whose ids are free.
--
-- KEYS[1] the scope's base; KEYS[2] the tenant's base, left out in a cluster, where another slot holds it and claims are
-- made before and confirmed after. ARGV: now, owner, hash of space and user, parts, then of sessions: how long they live
-- (ms, "" for ever), until when, how many messages they keep (0 for all); whether only what lives is
-- replaced (1 or 0); then seven for each record.
-- Returns, for each record, whether it was stored (1 or 0); the ids that went; the ids whose claims need renewing.

local tenant = KEYS[2]
local now, owner, of, parts = tonumber(ARGV[1]), ARGV[2], ARGV[3], ARGV[4]
local session_ms, session_until, most = ARGV[5], ARGV[6], tonumber(ARGV[7])
local over = ARGV[8] == "1"
local session = shelves.session

local stored, gone, renew, touched = {}, {}, {}, {} -- gone: a set of ids
local fresh = redis.call("EXISTS", shelves.records.index, session.index) == 0

if ran_out(session, now) then wipe(session, gone) end
for _, shelf in pairs(shelves) do prune(shelf, now, gone) end

for i = 9, #ARGV, 7 do
  local record = {
    id = ARGV[i], version = ARGV[i + 1], expires = ARGV[i + 2], ms = ARGV[i + 3],
    kind = ARGV[i + 4], at = ARGV[i + 5], json = ARGV[i + 6],
  }
  local shelf = shelf_for(record.kind)
  local other = shelf == session and shelves.records or session
  local free = not (tenant and rival(tenant, record.id, owner, now)) and not entry(other, record.id)
  local old = entry(shelf, record.id)
  local there = old and lives(old, now)
  if free and (there or not over) and (not there or tonumber(record.version) > old.version) then
    keep(shelf, record, old)
    gone[record.id] = nil
    touched[shelf.name] = shelf
    if tenant then
      local ms = record.ms
      if shelf == session and session_ms ~= "" then ms = string.format("%.0f", 2 * session_ms) end
      claim(tenant, record.id, owner, record.expires, ms)
    end
    stored[#stored + 1] = 1
  else
    stored[#stored + 1] = 0
  end
end

if touched.session then
  if most > 0 then
    local order = session.order .. "message"
    local over = redis.call("ZCARD", order) - most
    if over > 0 then
      for _, member in ipairs(redis.call("ZRANGE", order, 0, over - 1)) do
        local id = string.sub(member, 17)
        erase(session, id, { kind = "message", at = string.sub(member, 1, 16) })
        gone[id] = true
      end
    end
  end
  if session_ms == "" then
    if redis.call("HDEL", session.meta, "until", "claimed") > 0 then
      for _, key in ipairs(keys_of(session)) do redis.call("PERSIST", key) end
    end
  else
    redis.call("HSET", session.meta, "until", session_until)
    -- Claims live twice as long as the session; they are renewed now and then, not with every message.
    local claimed = tonumber(redis.call("HGET", session.meta, "claimed") or "0")
    if now - claimed > 500 * session_ms then
      redis.call("HSET", session.meta, "claimed", string.format("%.0f", now))
      if claimed > 0 then renew = redis.call("HKEYS", session.index) end
    end
  end
end

for _, shelf in pairs(touched) do settle(shelf, now) end
if touched.session and session_ms ~= "" then
  for _, key in ipairs(keys_of(session)) do redis.call("PEXPIRE", key, session_ms) end
end

if tenant then
  for id in pairs(gone) do release(tenant, id, owner) end
  for _, id in ipairs(renew) do redis.call("PEXPIRE", tenant .. ":id:" .. id, string.format("%.0f", 2 * session_ms)) end
  if fresh and next(touched) then enter(tenant, owner, of, parts) end
end

return { stored, listed(gone), renew }
