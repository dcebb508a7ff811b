-- Which scope has an id, and which scopes a tenant has: the part of the scripts that writes a tenant's keys.
--
-- `tenant` is the base of the tenant's keys, `<prefix>{t.<hash>}`, all in one slot. A claim says "<owner> <stamp>
-- <expiry>"; the owner is the scope's hash. Stamps are never given twice, so whoever read one can take away exactly
-- what was read, and nothing that came after.

local function stamp(tenant)
  return string.format("%.0f", redis.call("INCR", tenant .. ":stamps"))
end

-- The owner, the stamp and the expiry (nil for none) of a claim, or nil.
local function claim_of(tenant, id)
  local claim = redis.call("GET", tenant .. ":id:" .. id)
  if not claim then return nil end
  local owner, stamped, expires = string.match(claim, "^(%S+) (%d+) (%-?%d*)$")
  return owner, stamped, tonumber(expires)
end

-- Another scope whose record of this id still lives, and the stamp of its claim; nil where the id is free or one's own.
local function rival(tenant, id, owner, now)
  local holder, stamped, expires = claim_of(tenant, id)
  if holder and holder ~= owner and (expires == nil or expires > now) then return holder, stamped end
  return nil
end

local function claim(tenant, id, owner, expires, ms)
  local value = owner .. " " .. stamp(tenant) .. " " .. expires
  if ms ~= "" then
    redis.call("SET", tenant .. ":id:" .. id, value, "PX", ms)
  else
    redis.call("SET", tenant .. ":id:" .. id, value)
  end
end

local function release(tenant, id, owner)
  if claim_of(tenant, id) == owner then redis.call("DEL", tenant .. ":id:" .. id) end
end

-- Enter the scope into the indexes of its tenant; again, it gets a new stamp.
local function enter(tenant, owner, of, parts)
  local value = stamp(tenant) .. " " .. parts
  redis.call("HSET", tenant .. ":scopes", owner, value)
  redis.call("HSET", tenant .. ":of:" .. of, owner, value)
end

local function leave(tenant, owner, of)
  redis.call("HDEL", tenant .. ":scopes", owner)
  redis.call("HDEL", tenant .. ":of:" .. of, owner)
end
