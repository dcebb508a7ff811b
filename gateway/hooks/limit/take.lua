-- One subject's share, in one step. The server's own clock, so that all workers mean the same moment.
-- ARGV: rate for a second, burst, records a day, bytes a day, records asked, bytes asked.
-- Answers whether it was taken, then tokens, records and bytes from before, and the seconds until midnight (UTC).
local rate, burst = tonumber(ARGV[1]), tonumber(ARGV[2])
local clock = redis.call('TIME')
local now = tonumber(clock[1]) + tonumber(clock[2]) / 1000000
local day = math.floor(now / 86400)
local held = redis.call('HMGET', KEYS[1], 'tokens', 'at', 'day', 'records', 'bytes')
local at = tonumber(held[2]) or now
local tokens = math.min(burst, (tonumber(held[1]) or burst) + math.max(0, now - at) * rate)
local records, bytes = 0, 0
if tonumber(held[3]) == day then
  records, bytes = tonumber(held[4]) or 0, tonumber(held[5]) or 0
end
local function over(limit, used, more)
  return limit > 0 and more > 0 and used + more > limit
end
local more_records, more_bytes = tonumber(ARGV[5]), tonumber(ARGV[6])
local taken = not (
  (rate > 0 and tokens < 1)
  or over(tonumber(ARGV[3]), records, more_records)
  or over(tonumber(ARGV[4]), bytes, more_bytes)
)
local before = {tostring(tokens), tostring(records), tostring(bytes), tostring((day + 1) * 86400 - now)}
if taken then
  if rate > 0 then
    tokens = tokens - 1
  end
  redis.call(
    'HSET', KEYS[1], 'tokens', string.format('%.6f', tokens), 'at', string.format('%.6f', now), 'day', day,
    'records', string.format('%.0f', records + more_records), 'bytes', string.format('%.0f', bytes + more_bytes)
  )
  local full = 0
  if rate > 0 then
    full = burst / rate
  end
  redis.call('EXPIRE', KEYS[1], math.ceil(math.max(full, (day + 1) * 86400 - now)) + 60)
end
return {taken and 1 or 0, before[1], before[2], before[3], before[4]}
