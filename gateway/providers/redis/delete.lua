-- Remove records of one scope, all in one step.
--
-- KEYS as for put; ARGV: now, owner, hash of space and user, then ids. Returns how many of them were there, and the ids
-- that went, which may be more: what had expired goes too.

local tenant = KEYS[2]
local now, owner, of = tonumber(ARGV[1]), ARGV[2], ARGV[3]
local count, gone = 0, {}

if ran_out(shelves.session, now) then wipe(shelves.session, gone) end
for _, shelf in pairs(shelves) do
  local touched = false
  for i = 4, #ARGV do
    local old = entry(shelf, ARGV[i])
    if old then
      erase(shelf, ARGV[i], old)
      touched = true
      gone[ARGV[i]] = true
      if lives(old, now) then count = count + 1 end
    end
  end
  if touched then settle(shelf, now) end
end

if tenant then
  for id in pairs(gone) do release(tenant, id, owner) end
  if redis.call("EXISTS", shelves.records.index, shelves.session.index) == 0 then leave(tenant, owner, of) end
end

return { count, listed(gone) }
