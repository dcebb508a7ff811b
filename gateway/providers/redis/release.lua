-- Give up claims of a scope of a cluster, or let them live longer.
--
-- KEYS[1] the tenant's base. ARGV: owner; then three for each id: the id, the stamp that its claim must still have ("" for
-- any), and for how long it is to live from now ("" for no longer at all).

local tenant, owner = KEYS[1], ARGV[1]

for i = 2, #ARGV, 3 do
  local holder, stamped = claim_of(tenant, ARGV[i])
  if holder == owner and (ARGV[i + 1] == "" or ARGV[i + 1] == stamped) then
    if ARGV[i + 2] == "" then
      redis.call("DEL", tenant .. ":id:" .. ARGV[i])
    else
      redis.call("PEXPIRE", tenant .. ":id:" .. ARGV[i], ARGV[i + 2])
    end
  end
end
return 1
