-- Claim ids for a scope of a cluster, and enter it into the indexes: before its records are written, and again after.
--
-- KEYS[1] the tenant's base. ARGV: now, owner, hash of space and user, parts; then four for each id: the id, its expiry,
-- how long until then, and the stamp of a rival's claim that was found to stand for nothing ("" for none).
-- Returns, for each id, "" where it is claimed, else the rival and the stamp of its claim.

local tenant = KEYS[1]
local now, owner = tonumber(ARGV[1]), ARGV[2]
local told = {}

enter(tenant, owner, ARGV[3], ARGV[4])
for i = 5, #ARGV, 4 do
  local holder, stamped = rival(tenant, ARGV[i], owner, now)
  if holder and stamped ~= ARGV[i + 3] then
    told[#told + 1] = holder .. " " .. stamped
  else
    claim(tenant, ARGV[i], owner, ARGV[i + 1], ARGV[i + 2])
    told[#told + 1] = ""
  end
end
return told
