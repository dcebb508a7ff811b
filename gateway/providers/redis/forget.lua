-- Take scopes that were found empty out of the indexes, unless something was written there since.
--
-- KEYS[1] the tenant's base. ARGV: three for each scope: owner, hash of space and user, and what its entry said.

local tenant = KEYS[1]

for i = 1, #ARGV, 3 do
  if redis.call("HGET", tenant .. ":scopes", ARGV[i]) == ARGV[i + 2] then leave(tenant, ARGV[i], ARGV[i + 1]) end
end
return 1
